/**
 * The unmodified npm package `sctp` as a server over UDP, to compare ours with: reports like test/support/sctp-server.ts.
 *
 *   sctp-package-server.ts SCTP_PORT HEARTBEAT_MILLIS
 *
 * Over UDP the package talks to one outer address and port only, so all clients must share one socket.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createRequire } from "node:module";
import { memoryReport, type SubjectReport } from "../support/subject-report.ts";

interface PackageEndpoint {
  on(event: "association", listener: (association: PackageAssociation) => void): void;
}
interface PackageAssociation {
  on(event: "COMMUNICATION LOST" | "SHUTDOWN COMPLETE", listener: () => void): void;
}
interface PackageEndpointClass {
  INITIALIZE(
    options: { readonly localPort: number; readonly MIS: number; readonly OS: number },
    transport: { readonly udpTransport: unknown; readonly udpPeer: unknown },
    callback: (error: Error | null, endpoint: PackageEndpoint) => void,
  ): void;
}

const require = createRequire(import.meta.url);
const packageEndpoint: PackageEndpointClass = require("sctp/lib/endpoint.js");
const { defaults }: { defaults: (settings: { readonly hb_interval: number }) => void } = require("sctp");

const [sctpPort = 0, heartbeatMillis = 0] = process.argv.slice(2).map(Number);
defaults({ hb_interval: heartbeatMillis });
let [up, datagrams] = [0, 0];

const socket = createSocket("udp4").bind(0, "127.0.0.1");
await once(socket, "listening");
socket.setRecvBufferSize(4 * 1024 * 1024);
const peer = { address: "", port: 0 };
socket.on("message", (_, from) => {
  datagrams += 1;
  Object.assign(peer, { address: from.address, port: from.port });
});
const transport = { udpTransport: socket, udpPeer: peer };
packageEndpoint.INITIALIZE({ localPort: sctpPort, MIS: 16, OS: 16 }, transport, (error, endpoint) => {
  if (error !== null) throw error;
  endpoint.on("association", (association) => {
    up += 1;
    const gone = (): void => {
      up -= 1;
    };
    association.on("COMMUNICATION LOST", gone);
    association.on("SHUTDOWN COMPLETE", gone);
  });
});

function report(): void {
  const { port } = socket.address();
  process.send?.({ port, up, datagrams, ...memoryReport() } satisfies SubjectReport);
}

process.on("message", report);
process.on("disconnect", () => process.exit(0));
report();
