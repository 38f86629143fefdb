/**
 * Datagrams to many addresses from one socket: by one system call for a batch, against dgram, in turn with it. And those
 * that wait in a socket: read by libuv alone, and with what waits behind each taken at once.
 */
import type { Socket } from "node:dgram";
import { setImmediate as turn } from "node:timers/promises";
import { bindUdp, closeUdp, receiveBursts } from "../../src/io/udp.ts";
import { type Datagram, openSendMany } from "../../src/io/udp-batch.ts";
import { Bursts, openReceiveMany } from "../../src/io/udp-bursts.ts";
import { line, ratio, title } from "./figures.ts";

/** A delta of one change, sealed, in its SCTP packet. */
const BYTES = 250;
/** What a change of the roster hands over at a time, and what time has made due (SctpDriver). */
const BATCHES = [64, 8] as const;
const DATAGRAMS = 4_096;
/** They fit into any socket. */
const WAITING = 128;
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
  const counted = costs.slice(WARM_UP).sort((one, other) => one - other);
  return counted[counted.length >> 1] ?? Number.NaN;
}

/** Microseconds that reading one of {@link WAITING} datagrams costs, which all wait when it begins. */
async function readingCost(from: Socket, ear: Ear): Promise<number> {
  const { address, port } = ear.socket.address();
  ear.lacking = WAITING;
  for (let count = 0; count < WAITING; count += 1) from.send(Buffer.alloc(BYTES), port, address);
  const spent = process.cpuUsage();
  while (ear.lacking > 0) await turn();
  const { user, system } = process.cpuUsage(spent);
  return (user + system) / WAITING;
}

interface Ear {
  readonly socket: Socket;
  /** Datagrams that have not been read. */
  lacking: number;
}

async function openEar(inBursts: boolean): Promise<Ear> {
  const receiveMany = await openReceiveMany();
  if (receiveMany === undefined) throw new Error("this Node has no node:ffi");
  const heard = (): void => {
    ear.lacking -= 1;
  };
  const bursts = new Bursts(receiveMany, heard);
  const socket = await open(() => {
    heard();
    if (inBursts) bursts.takeBehind(socket);
  });
  const ear = { socket, lacking: 0 };
  return ear;
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
const [plain, inBursts] = [await openEar(false), await openEar(true)];
const reading: [number[], number[]] = [[], []];
for (let round = 0; round < 10 * ROUNDS; round += 1) {
  reading[0].push(await readingCost(from, plain));
  reading[1].push(await readingCost(from, inBursts));
}
await Promise.all([from, to, plain.socket, inBursts.socket].map(closeUdp));
const baseline = median(alone);
line("dgram, one at a time", `${baseline.toFixed(1)} µs`, "baseline");
for (const [size, costs] of together)
  line(
    `sendmmsg, ${size} at a time`,
    `${median(costs).toFixed(1)} µs`,
    `${ratio(median(costs), baseline)} baseline`,
  );

const [byDgram, byBursts] = reading.map(median) as [number, number];
title(`A datagram of ${BYTES} bytes, ${WAITING} of which wait (loopback): processor time of reading`);
line("dgram, one at a time", `${byDgram.toFixed(1)} µs`, "baseline");
line("with recvmmsg behind each", `${byBursts.toFixed(1)} µs`, `${ratio(byBursts, byDgram)} baseline`);
