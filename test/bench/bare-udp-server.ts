/**
 * What Node and the kernel take for heartbeats whatever is in them: sends datagrams of a HEARTBEAT's size and counts
 * the echoes. Reports like test/support/sctp-server.ts; `{do: "send", port, perSecond}` starts it.
 */
import { createSocket } from "node:dgram";
import { memoryReport, type SubjectReport } from "../support/subject-report.ts";

export interface SendCommand {
  readonly do: "send";
  /** Where at 127.0.1.1 the echo is. */
  readonly port: number;
  readonly perSecond: number;
}

/** As often as the driver of ours wakes up. */
const INTERVAL_MILLIS = 20;
const HEARTBEAT_BYTES = 36;

let datagrams = 0;
const socket = createSocket({ type: "udp4", lookup: (address, _, done) => done(null, address, 4) });
socket.on("message", () => {
  datagrams += 1;
});
await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
// As ours: see src/io/sctp-udp.ts.
socket.setRecvBufferSize(4 * 1024 * 1024);

function report(): void {
  process.send?.({
    port: socket.address().port,
    up: 0,
    datagrams,
    ...memoryReport(),
  } satisfies SubjectReport);
}

process.on("message", (command: SendCommand | { readonly do: "report" }) => {
  if (command.do === "send") {
    const atOnce = Math.round((command.perSecond * INTERVAL_MILLIS) / 1_000);
    setInterval(() => {
      for (let sent = 0; sent < atOnce; sent += 1) {
        socket.send(Buffer.alloc(HEARTBEAT_BYTES), command.port, "127.0.1.1");
      }
    }, INTERVAL_MILLIS);
  }
  report();
});
process.on("disconnect", () => process.exit(0));
report();
