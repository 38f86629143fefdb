/**
 * One change of the roster over real sockets, from the client that makes it until the last of many has been told. Once with
 * all of them on this machine, whose processors they need for themselves; and once with their processes stopped
 * meanwhile, so that the registry has a processor as on a LAN, until the change waits in the socket of each. In turn with
 * both, bare UDP in Node: a datagram of that size to each and its echo.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as pass } from "node:timers/promises";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { monotonicMillis } from "../support/subject-report.ts";
import { Scope, within } from "../support/until.ts";
import { line, ratio, sampleLine, summary, title } from "./figures.ts";
import { ECHO } from "./lean-client.ts";
import { lastOf, Mp2Swarms, processorMillis } from "./mp2-swarms.ts";
import { countWithUnread } from "./udp-queues.ts";

/** BENCH_CLIENTS for another number. With the one that makes the changes, as many as a registry takes. */
const CLIENTS = Number(process.env.BENCH_CLIENTS ?? 9_999);
const PROCESSES = 3;
const AT_ONCE = 512;
const ROUNDS = 15;
const WARM_UP = 3;
/** Longer than the time in which a client's status counts once (`statusMillis`). */
const PAUSE_MILLIS = 700;
/** A delta of one change, sealed, in its SCTP packet. */
const DATAGRAM_BYTES = 250;
/** Echoes that may be on their way: more do not fit into a socket as Linux has it. */
const ECHOES = 500;
const PRESENCE = '[presence]\nheartbeat = "30s"\nlost-after = "90s"';

interface Cost {
  readonly millis: number;
  /** Microseconds, of the registry or, in a bare round, of this process. */
  readonly processor: number;
}

async function udp(): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  socket.setRecvBufferSize(4 * 1_024 * 1_024);
  return socket;
}

title(`One change of the roster until the last of ${CLIENTS} has it (real sockets, on loopback)`);
const scope = new Scope();
try {
  const place = await makePlace(scope, PRESENCE);
  const swarms = await Mp2Swarms.open(scope, place, CLIENTS, PROCESSES);
  await swarms.prepare(place);
  const daemon = await Multiprotod.start(scope, place);
  await swarms.join(CLIENTS, AT_ONCE);
  const ola = await Mp2Client.join(scope, { registry: place, nickname: "ola" });
  const socket = await udp();
  scope.after(() => void socket.close());
  const datagram = Buffer.alloc(DATAGRAM_BYTES, ECHO);

  /** Until all echoes are back; each makes room for the next datagram. */
  const bareRound = async (): Promise<Cost> => {
    const echoed = Promise.withResolvers<void>();
    const ears = swarms.ears.values();
    const sendNext = (): void => {
      const { value: ear } = ears.next();
      if (ear !== undefined) socket.send(datagram, ear.port, ear.address);
    };
    let lacking = swarms.size;
    socket.removeAllListeners("message").on("message", () => {
      lacking -= 1;
      sendNext();
      if (lacking === 0) echoed.resolve();
    });
    const [begun, spent] = [monotonicMillis(), process.cpuUsage()];
    for (let datagrams = 0; datagrams < ECHOES; datagrams += 1) sendNext();
    await within("all echoes", echoed.promise);
    const { user, system } = process.cpuUsage(spent);
    return { millis: monotonicMillis() - begun, processor: user + system };
  };

  /** Ola has come last, so she is told last; that all others have been is looked at. */
  const toldWhileStopped = async (deltas: number): Promise<number> => {
    await ola.watched.until("her own change", () => ola.deltas.length > deltas);
    const at = monotonicMillis();
    const count = countWithUnread(swarms.ears);
    if (count < swarms.size) throw new Error(`only ${count} of ${swarms.size} had been told`);
    return at;
  };

  const changeRound = async (status: StatusText, isStopped: boolean): Promise<Cost> => {
    await swarms.tell({ do: "await", nick: "ola", status });
    await pass(PAUSE_MILLIS);
    if (isStopped) swarms.signal("SIGSTOP");
    const [begun, spent] = [monotonicMillis(), processorMillis(daemon.pid)];
    const cost = (at: number): Cost => ({
      millis: at - begun,
      processor: (processorMillis(daemon.pid) - spent) * 1_000,
    });
    const deltas = ola.deltas.length;
    ola.tell({ type: "status", away: false, status });
    const told = isStopped ? cost(await toldWhileStopped(deltas)) : undefined;
    if (isStopped) swarms.signal("SIGCONT");
    const heard = lastOf(await swarms.tell({ do: "heard" }));
    // Acknowledgements are delayed by up to 200 ms; they are part of the cost.
    await pass(300);
    return told ?? cost(heard);
  };

  const [bare, together, stopped]: [Cost[], Cost[], Cost[]] = [[], [], []];
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    bare.push(await bareRound());
    together.push(await changeRound(`together ${round}` as StatusText, false));
    stopped.push(await changeRound(`stopped ${round}` as StatusText, true));
  }
  for (const costs of [bare, together, stopped]) costs.splice(0, WARM_UP);
  const millis = (costs: readonly Cost[]): number[] => costs.map((cost) => cost.millis);
  const each = (costs: readonly Cost[]): number =>
    costs.reduce((sum, { processor }) => sum + processor, 0) / costs.length / swarms.size;
  const baseline = sampleLine("bare UDP: out to all, and back", millis(bare), "baseline");
  const times = (costs: readonly Cost[]): string => ratio(summary(millis(costs)).median, baseline.median);
  sampleLine("all on this machine: until the last has it", millis(together), `${times(together)} baseline`);
  sampleLine(
    "clients stopped: until it is at the last",
    millis(stopped),
    `${times(stopped)} baseline; aim: 250 ms at 10,000`,
  );
  line("bare UDP: CPU a datagram and its echo", `${each(bare).toFixed(1)} µs`, "baseline");
  line(
    "registry CPU a receiver",
    `${each(together).toFixed(1)} µs`,
    `${ratio(each(together), each(bare))} baseline, acknowledgements included; aim: 40 µs`,
  );
  line("registry CPU a receiver, until it is told", `${each(stopped).toFixed(1)} µs`);
} finally {
  await scope.end();
}
