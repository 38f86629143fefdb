/**
 * Our endpoint as a program, for the interoperability tests: the product's shells, driven by lines.
 *
 *   speaker.ts udp|udp-ipv6|raw PORT [ENCAPSULATION_PORT]
 *
 * Commands on standard input, for the association that came up last; the peers (usrsctp-peer.c, kernel_peer.py) take
 * the same:
 *   connect ADDRESS PORT
 *   first ADDRESS PORT           peers only: the association comes up by a first message, one byte 0
 *   send STREAM LENGTH           PPID 7, byte n is n mod 251
 *   expect COUNT LARGEST         the next COUNT messages are to be those of bulk.ts
 *   bulk COUNT LARGEST           sends those
 *   heartbeat MILLIS [LOST_AFTER]  the interval; 0 for the usual one; LOST_AFTER only here
 *   close, abort, quit
 *   chunks                       ours only: how many came and went, by type; see chunk-counts.ts
 *   await CHUNKS COUNT           ours only: `enough` when there are so many, CHUNKS as "in-heartbeat"
 *
 * Events on standard output, one a line: `ready`, `up`, `message STREAM PPID LENGTH right|wrong`, `expecting`,
 * `received COUNT`, `wrong message on stream STREAM`, `sent COUNT`, `closing`, `aborted`,
 * `restarted` (ours: `same` or `other`, as the association's identifier is), `lost` (ours: `REASON: DETAIL`), `closed`, `set`;
 * ours alone: `suspect`, `recovered`, `chunks JSON`, `enough`.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../../../src/io/clock.ts";
import { systemRandom } from "../../../src/io/random.ts";
import { SctpDriver, type SctpTransport } from "../../../src/io/sctp-driver.ts";
import { RawIp } from "../../../src/io/sctp-raw.ts";
import { UdpEncapsulation } from "../../../src/io/sctp-udp.ts";
import {
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEvent,
} from "../../../src/sctp/index.ts";
import { BulkCheck, bulkMessage } from "./bulk.ts";
import { ChunkCounts } from "./chunk-counts.ts";

const PPID = 7;
const [via, port = "10001", encapsulation = "9899"] = process.argv.slice(2);
const pattern = Uint8Array.from({ length: 65_536 }, (_, index) => index % 251);
const chunks = new ChunkCounts();
let association = 0;
/** The run that is being received, and the one being sent. */
let check: BulkCheck | undefined;
let awaited: { readonly key: string; readonly count: number } | undefined;
let run: { readonly count: number; readonly largest: number; next: number } | undefined;

const endpoint = createSctpEndpoint({
  localPort: Number(port),
  settings: DEFAULT_SCTP_SETTINGS,
  random: systemRandom,
  now: systemClock.now(),
});
const driver = new SctpDriver({ endpoint, clock: systemClock, onEvent: tell });
driver.attach(counted(await openTransport()));

/** The commands, with their two words as numbers and the first as it is. */
const COMMANDS: Readonly<Record<string, (first: number, second: number, word: string) => void>> = {
  connect: (_, remotePort, address) => {
    association = driver.connect(pathTo(address), remotePort);
  },
  send: (stream, length) => {
    const result = driver.send(association, stream, PPID, pattern.subarray(0, length));
    if (result !== "queued") console.log(`refused ${result}`);
  },
  expect: (count, largest) => {
    check = new BulkCheck(count, largest);
    console.log("expecting");
  },
  bulk: (count, largest) => {
    run = { count, largest, next: 0 };
    sendRun();
  },
  heartbeat: (heartbeatMillis, lostAfterMillis) => {
    driver.configure({
      ...DEFAULT_SCTP_SETTINGS,
      ...(heartbeatMillis > 0 ? { heartbeatMillis } : {}),
      ...(lostAfterMillis > 0 ? { lostAfterMillis } : {}),
    });
    console.log("set");
  },
  close: () => {
    driver.shutdown(association);
    console.log("closing");
  },
  abort: () => {
    driver.abort(association, "asked to");
    console.log("aborted");
  },
  chunks: () => console.log(`chunks ${chunks}`),
  await: (_, count, key) => {
    awaited = { key, count };
    lookForAwaited();
  },
  quit: () => process.exit(0),
};

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) obey(line);

async function openTransport(): Promise<SctpTransport> {
  const sink = (path: Path, bytes: Uint8Array): void => {
    chunks.add("in", bytes);
    lookForAwaited();
    driver.receive(path, bytes);
  };
  if (via === "raw") return RawIp.open({ sink, onError: (error) => console.error(error) });
  const port = Number(encapsulation);
  return UdpEncapsulation.open({ address: "0.0.0.0", ipv6Address: "::", port, sink });
}

function counted(transport: SctpTransport): SctpTransport {
  return {
    via: transport.via,
    send: (path, bytes) => {
      chunks.add("out", bytes);
      lookForAwaited();
      transport.send(path, bytes);
    },
    close: () => transport.close(),
  };
}

function lookForAwaited(): void {
  if (awaited === undefined || chunks.of(awaited.key) < awaited.count) return;
  awaited = undefined;
  console.log("enough");
}

function tell(event: SctpEvent): void {
  if (event.type === "up") association = event.id;
  if (event.type === "message") received(event.stream, event.ppid, event.bytes);
  else if (event.type === "writable") sendRun();
  else if (event.type === "lost") console.log(`lost ${event.reason}: ${event.detail}`);
  else if (event.type === "restarted")
    console.log(`restarted ${event.id === association ? "same" : "other"}`);
  else console.log(event.type);
}

function received(stream: number, ppid: number, bytes: Uint8Array): void {
  if (check === undefined) {
    const right = Buffer.compare(bytes, pattern.subarray(0, bytes.length)) === 0;
    console.log(`message ${stream} ${ppid} ${bytes.length} ${right ? "right" : "wrong"}`);
    return;
  }
  if (!check.take(stream, bytes)) console.log(`wrong message on stream ${stream}`);
  if (check.left > 0) return;
  check = undefined;
  console.log("received all");
}

/** Sends of the run what there is room for; "writable" says when there is room again. */
function sendRun(): void {
  while (run !== undefined) {
    const { stream, bytes } = bulkMessage(run.next, run.largest);
    const result = driver.send(association, stream, PPID, bytes);
    if (result === "full") return;
    if (result !== "queued") console.log(`refused ${result}`);
    run.next += 1;
    if (result === "queued" && run.next < run.count) continue;
    run = undefined;
    console.log("sent all");
  }
}

function obey(line: string): void {
  const [command = "", first = "", second = ""] = line.split(" ");
  COMMANDS[command]?.(Number(first), Number(second), first);
}

function pathTo(address: string): Path {
  return via === "raw"
    ? { via: "raw", address, outerPort: 0, local: "" }
    : { via: "udp", address, outerPort: Number(encapsulation), local: "" };
}
