/**
 * The least that Node can do for mutual TLS 1.3: connects to where it is told, shakes hands with the product's own
 * parameters, and ends. Commands and answers are IPC messages.
 */
import { connect, createSecureContext } from "node:tls";
import { generateIdentity } from "../../src/io/certificate.ts";
import { tlsParameters } from "../../src/io/tls-settings.ts";
import { ALPN_REGISTRY } from "../../src/wire/mp2-values.ts";
import type { Ear } from "./mp2-swarms.ts";

export interface Dials {
  readonly ears: readonly Ear[];
  readonly atOnce: number;
}

const secureContext = createSecureContext(tlsParameters(await generateIdentity()));

function dial({ address: host, port }: Ear): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { host, port, secureContext, rejectUnauthorized: false, ALPNProtocols: [ALPN_REGISTRY] };
    const socket = connect(options, () => socket.end());
    socket.resume();
    socket.on("error", reject);
    socket.on("close", () => resolve());
  });
}

process.on("message", async ({ ears, atOnce }: Dials) => {
  const begun = performance.now();
  const waiting = ears.values();
  const worker = async (): Promise<void> => {
    for (const ear of waiting) await dial(ear);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  process.send?.(performance.now() - begun);
});
process.on("disconnect", () => process.exit(0));
process.send?.(0);
