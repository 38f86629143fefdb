/**
 * One change of the roster over real sockets, from the client that makes it until the last of many has been told; and
 * bare UDP in Node, a datagram of that size to each and its echo, in turn with it.
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

/** BENCH_CLIENTS for another number. */
const CLIENTS = Number(process.env.BENCH_CLIENTS ?? 5_000);
const PROCESSES = 3;
const AT_ONCE = 128;
const ROUNDS = 15;
const WARM_UP = 3;
/** Longer than the time in which a client's status counts once (`statusMillis`). */
const PAUSE_MILLIS = 700;
/** A delta of one change, sealed, in its SCTP packet. */
const DATAGRAM_BYTES = 250;
const PRESENCE = '[presence]\nheartbeat = "30s"\nlost-after = "90s"';

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

  /** Until all echoes are back, and processor time of this process. */
  const bareRound = async (): Promise<[number, number]> => {
    const echoed = Promise.withResolvers<void>();
    let lacking = swarms.size;
    socket.removeAllListeners("message").on("message", () => {
      lacking -= 1;
      if (lacking === 0) echoed.resolve();
    });
    const [begun, spent] = [monotonicMillis(), process.cpuUsage()];
    for (const [index, { address, port }] of swarms.ears.entries()) {
      socket.send(datagram, port, address);
      // As the registry does: reading comes in between.
      if (index % 128 === 127) await pass(0);
    }
    await within("all echoes", echoed.promise);
    const { user, system } = process.cpuUsage(spent);
    return [monotonicMillis() - begun, user + system];
  };

  const changeRound = async (round: number): Promise<[number, number]> => {
    const status = `round ${round}` as StatusText;
    await swarms.tell({ do: "await", nick: "ola", status });
    await pass(PAUSE_MILLIS);
    const [begun, spent] = [monotonicMillis(), processorMillis(daemon.pid)];
    ola.tell({ type: "status", away: false, status });
    const answers = await swarms.tell({ do: "heard" });
    // Acknowledgements are delayed by up to 200 ms; they are part of the cost.
    await pass(300);
    return [lastOf(answers) - begun, (processorMillis(daemon.pid) - spent) * 1_000];
  };

  const rounds: { readonly bare: [number, number]; readonly told: [number, number] }[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    rounds.push({ bare: await bareRound(), told: await changeRound(round) });
  }
  const counted = rounds.slice(WARM_UP);
  const each = (of: "bare" | "told"): number =>
    counted.reduce((sum, round) => sum + round[of][1], 0) / counted.length / swarms.size;
  const bare = sampleLine(
    "bare UDP: out to all, and back",
    counted.map((round) => round.bare[0]),
    "baseline",
  );
  const times = counted.map(({ told }) => told[0]);
  sampleLine(
    "a change until the last has it",
    times,
    `${ratio(summary(times).median, bare.median)} baseline; aim: 250 ms at 10,000`,
  );
  line("bare UDP: CPU a datagram and its echo", `${each("bare").toFixed(1)} µs`, "baseline");
  line(
    "registry CPU a receiver",
    `${each("told").toFixed(1)} µs`,
    `${ratio(each("told"), each("bare"))} baseline, acknowledgements included; aim: 40 µs`,
  );
} finally {
  await scope.end();
}
