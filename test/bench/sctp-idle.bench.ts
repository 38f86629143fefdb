/** What many idle associations cost a server, sockets included: setting up, staying, memory; against npm `sctp`. */
import { setTimeout as pass } from "node:timers/promises";
import { Scope } from "../support/until.ts";
import type { SendCommand } from "./bare-udp-server.ts";
import { line, millis, ratio, title } from "./figures.ts";
import { BARE_SERVER, buildLoad, Load, OUR_SERVER, PACKAGE_SERVER, SCTP_PORT, Subject } from "./sctp-lab.ts";

const COUNT = 20_000;
/** The first ones pay for compilation. */
const WARM_UP = 500;
const HEARTBEAT_MILLIS = 10_000;
const AT_ONCE = 256;
/** Source addresses: INITs are rate-limited by address. */
const ADDRESSES = 40;
const IDLE_MILLIS = 30_000;
const BARE_MILLIS = 10_000;
/** The package may take its time, or never get there. */
const PACKAGE_PATIENCE_MILLIS = 60_000;

interface Measured {
  readonly perSecond: number;
  readonly setUpMillis: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** Share of a core. */
  readonly idle: number;
  readonly heartbeatsPerSecond: number;
  readonly microsPerHeartbeat: number;
}

async function measure(load: string, server: Server): Promise<Measured> {
  const scope = new Scope();
  try {
    const [subject, { port }] = await Subject.start(scope, server.program, server.arguments);
    const clients = await Load.start(scope, load, port, server.addresses);
    await clients.join(WARM_UP, AT_ONCE);
    const { heapBytes } = await subject.report();
    const residentBytes = subject.residentBytes;

    const spent = subject.processorMillis;
    const joined = await clients.join(COUNT - WARM_UP, AT_ONCE, PACKAGE_PATIENCE_MILLIS);
    const setUp = subject.processorMillis - spent;
    const full = await subject.report();
    if (joined.up !== COUNT || full.up !== COUNT) {
      const { retries, aborted } = await clients.counts();
      throw new Error(`${joined.up} of ${COUNT} came up (${retries} INITs repeated, ${aborted} aborted)`);
    }
    const added = COUNT - WARM_UP;
    const memory = {
      heapBytes: (full.heapBytes - heapBytes) / added,
      residentBytes: (subject.residentBytes - residentBytes) / added,
    };

    const before = await clients.counts();
    const idleFrom = subject.processorMillis;
    // The span of the measurement itself, not a wait for something to happen.
    await pass(IDLE_MILLIS);
    const idle = subject.processorMillis - idleFrom;
    const after = await clients.counts();
    if (after.up !== COUNT) throw new Error(`${after.up} of ${COUNT} are still up`);
    const heartbeats = after.heartbeats - before.heartbeats;
    return {
      perSecond: added / (joined.millis / 1_000),
      setUpMillis: setUp / added,
      ...memory,
      idle: idle / IDLE_MILLIS,
      heartbeatsPerSecond: heartbeats / (IDLE_MILLIS / 1_000),
      microsPerHeartbeat: (idle / Math.max(1, heartbeats)) * 1_000,
    };
  } finally {
    await scope.end();
  }
}

/** Microseconds of processor time for a datagram out and its echo in, at this rate, in Node without any SCTP. */
async function measureBare(load: string, perSecond: number): Promise<number> {
  const scope = new Scope();
  try {
    const [subject, { port }] = await Subject.start(scope, BARE_SERVER, []);
    const echo = await Load.start(scope, load, port, 1);
    await subject.tell({ do: "send", port: echo.udpPort, perSecond } satisfies SendCommand);
    // Compiles what is called often.
    await pass(1_000);
    const before = await subject.report();
    const spent = subject.processorMillis;
    await pass(BARE_MILLIS);
    const used = subject.processorMillis - spent;
    const after = await subject.report();
    return (used * 1_000) / Math.max(1, after.datagrams - before.datagrams);
  } finally {
    await scope.end();
  }
}

interface Server {
  readonly name: string;
  readonly program: string;
  readonly arguments: readonly string[];
  readonly addresses: number;
}

const OURS: Server = {
  name: "ours",
  program: OUR_SERVER,
  arguments: [
    String(SCTP_PORT),
    JSON.stringify({ heartbeatMillis: HEARTBEAT_MILLIS, lostAfterMillis: 4 * HEARTBEAT_MILLIS }),
  ],
  addresses: ADDRESSES,
};
const PACKAGE: Server = {
  name: "npm sctp",
  program: PACKAGE_SERVER,
  arguments: [String(SCTP_PORT), String(HEARTBEAT_MILLIS)],
  addresses: 1,
};

function print({ name }: Server, measured: Measured, against?: Measured): void {
  const share = (value: keyof Measured, aim: string): string =>
    against === undefined ? `aim: ${aim}` : `${ratio(measured[value], against[value])} ours`;
  const kibibytes = (bytes: number): string => `${(bytes / 1_024).toFixed(2)} KiB`;
  line(`${name}: set-ups a second`, measured.perSecond.toFixed(0), `${AT_ONCE} at once`);
  line(`${name}: set-up, server's CPU`, millis(measured.setUpMillis), share("setUpMillis", "0.25 ms"));
  line(`${name}: heap an association`, kibibytes(measured.heapBytes), share("heapBytes", "2 KiB"));
  line(`${name}: RSS an association`, kibibytes(measured.residentBytes), share("residentBytes", "4 KiB"));
  const rate = `${measured.heartbeatsPerSecond.toFixed(0)} heartbeats/s, ${measured.microsPerHeartbeat.toFixed(1)} µs each`;
  line(
    `${name}: idle, server's CPU`,
    `${(measured.idle * 100).toFixed(2)} %`,
    `${share("idle", "8 %")}; ${rate}`,
  );
}

title(`SCTP over UDP, ${COUNT} associations at a ${HEARTBEAT_MILLIS / 1_000} s heartbeat (loopback)`);
const scope = new Scope();
const load = buildLoad(scope);
if (load !== undefined) {
  const ours = await measure(load, OURS);
  print(OURS, ours);
  const bare = await measureBare(load, ours.heartbeatsPerSecond);
  const remark = `a datagram and its echo; ours with all of SCTP: ${ratio(ours.microsPerHeartbeat, bare)}`;
  line("bare UDP in Node, CPU", `${bare.toFixed(1)} µs`, remark);
  try {
    print(PACKAGE, await measure(load, PACKAGE), ours);
  } catch (error) {
    line("npm sctp", "cannot", error instanceof Error ? error.message : String(error));
  }
}
await scope.end();
