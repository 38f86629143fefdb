/** Datagrams to many addresses from one socket: by one system call for a batch, against dgram, in turn with it. */
import type { Socket } from "node:dgram";
import { setImmediate as turn } from "node:timers/promises";
import { bindUdp, closeUdp, receiveBursts } from "../../src/io/udp.ts";
import { type Datagram, openSendMany } from "../../src/io/udp-batch.ts";
import { line, ratio, title } from "./figures.ts";

/** A delta of one change, sealed, in its SCTP packet. */
const BYTES = 250;
/** What a change of the roster hands over at a time, and what time has made due (SctpDriver). */
const BATCHES = [64, 8] as const;
const DATAGRAMS = 4_096;
const ROUNDS = 20;
const WARM_UP = 4;

/** Microseconds of processor time that one datagram costs, sending alone. */
function cost(send: () => void): number {
  const spent = process.cpuUsage();
  send();
  const { user, system } = process.cpuUsage(spent);
  return (user + system) / DATAGRAMS;
}

function median(costs: readonly number[]): number {
  return costs.slice(WARM_UP).sort((one, other) => one - other)[(ROUNDS - WARM_UP) >> 1] ?? Number.NaN;
}

async function open(onDatagram: () => void): Promise<Socket> {
  const socket = await bindUdp({ address: "127.0.0.1", port: 0, purpose: "a benchmark", onDatagram });
  receiveBursts(socket);
  return socket;
}

title(`A datagram of ${BYTES} bytes, ${DATAGRAMS} in a row (loopback): processor time of sending`);
const sendMany = await openSendMany();
if (sendMany === undefined) throw new Error("this Node has no node:ffi");
const [from, to] = [await open(() => {}), await open(() => {})];
const { address, port } = to.address();
const datagrams: Datagram[] = Array.from({ length: DATAGRAMS }, () => ({
  ...{ address, port },
  bytes: Buffer.alloc(BYTES),
}));
const alone: number[] = [];
const together = new Map(BATCHES.map((size) => [size, [] as number[]]));
for (let round = 0; round < ROUNDS; round += 1) {
  alone.push(
    cost(() => {
      for (const { bytes } of datagrams) from.send(bytes, port, address);
    }),
  );
  // What has come in is read outside of the measurement.
  await turn();
  for (const [size, costs] of together) {
    costs.push(
      cost(() => {
        for (let at = 0; at < DATAGRAMS; at += size) {
          const sent = sendMany(from, datagrams.slice(at, at + size));
          if (sent < size) throw new Error(`${sent} of ${size} were sent`);
        }
      }),
    );
    await turn();
  }
}
await Promise.all([from, to].map(closeUdp));
const baseline = median(alone);
line("dgram, one at a time", `${baseline.toFixed(1)} µs`, "baseline");
for (const [size, costs] of together)
  line(
    `sendmmsg, ${size} at a time`,
    `${median(costs).toFixed(1)} µs`,
    `${ratio(median(costs), baseline)} baseline`,
  );
