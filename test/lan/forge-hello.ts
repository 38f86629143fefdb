/**
 * An attacker: `forge-hello VICTIM REGISTRY KEY` says hello from the victim's address, which this host has, too, and joins
 * the registry of that key with cookies that it makes up. Prints how many bytes of IP it has sent.
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { parseFingerprint } from "../../src/base/fingerprint.ts";
import { DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { parseNonce } from "../../src/wire/mp2-values.ts";

const PORT = 10_001;
const HEADER_BYTES = 28;
const [victim = "", registry = "", key = ""] = process.argv.slice(2);

function drawn(): Uint8Array[] {
  const nonce = parseNonce(new Uint8Array(randomBytes(16)));
  const fingerprint = parseFingerprint(key);
  if (nonce === undefined || fingerprint === undefined) throw new Error("no fingerprint");
  const cookie = new Uint8Array(randomBytes(28));
  return [
    DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce }),
    DISCOVERY_TO_REGISTRY.encode({ type: "join", nonce, fingerprint, cookie }),
  ];
}

const socket = createSocket("udp4");
let bytes = 0;
socket.bind(51_234, victim, async () => {
  for (const datagram of [...drawn(), ...drawn(), ...drawn()]) {
    bytes += datagram.length + HEADER_BYTES;
    await new Promise((resolve) => socket.send(datagram, PORT, registry, resolve));
  }
  socket.close();
  process.stdout.write(String(bytes));
});
