/**
 * The registry is killed and started again with its state: how long until everybody is attached again, from its ready
 * line. The clients come back by the rules and pauses of `src/chat`; they hear the beacon when the line is there.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { generateIdentity } from "../../src/io/certificate.ts";
import type { Identity } from "../../src/io/identity.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { monotonicMillis } from "../support/subject-report.ts";
import { type Owner, Scope } from "../support/until.ts";
import type { Dials } from "./bare-tls-dialler.ts";
import { line, millis, ratio, summary, title } from "./figures.ts";
import type { LeanCounts } from "./lean-client.ts";
import type { SwarmAnswer } from "./mp2-swarm.ts";
import { answerOf, lastOf, Mp2Swarms, processorMillis } from "./mp2-swarms.ts";

/** BENCH_CLIENTS for another number. */
const CLIENTS = Number(process.env.BENCH_CLIENTS ?? 1_000);
const PROCESSES = 3;
const AT_ONCE = 128;
/** Nobody is lost because the machine is busy; who hears the beacon does not wait for heartbeats. */
const PRESENCE = '[presence]\nheartbeat = "10s"\nlost-after = "30s"';
const DIALLER = fileURLToPath(new URL("bare-tls-dialler.ts", import.meta.url));

/** The roster as a client gets it: what does not depend on which registration and which moment it is. */
async function roster(owner: Owner, registry: Place, identity: Identity): Promise<readonly string[]> {
  const witness = await Mp2Client.join(owner, { registry, identity, nickname: "witness" });
  const complete = (): boolean => witness.mirror.isCurrent && witness.mirror.size > CLIENTS;
  await witness.watched.until("the whole roster", complete);
  const lines = [...witness.mirror.entries()]
    .filter(({ nick }) => nick !== witness.nickname)
    .map(({ nick, fingerprint, address, port, kind, state }) =>
      [nick, fingerprint, address, port, kind, state].join(" "),
    );
  await witness.leave();
  return lines.sort();
}

/** Mutual TLS 1.3 with as many of the same clients, and nothing else: no registry could be faster. */
async function bareHandshakes(owner: Owner, swarms: Mp2Swarms): Promise<number> {
  const dialler = fork(DIALLER);
  owner.after(() => void dialler.kill("SIGKILL"));
  await answerOf(dialler, undefined);
  const dials: Dials = { ears: swarms.ears, atOnce: AT_ONCE };
  return answerOf<number>(dialler, dials);
}

function sumOf(answers: readonly SwarmAnswer[], of: keyof LeanCounts): number {
  return answers.reduce((all, { counts }) => all + counts[of], 0);
}

title(`${CLIENTS} clients of mp2 come back after kill -9 (from other processes, on loopback)`);
const scope = new Scope();
try {
  const place = await makePlace(scope, PRESENCE);
  const killed = await Multiprotod.start(scope, place);
  const swarms = await Mp2Swarms.open(scope, place, CLIENTS, PROCESSES);
  await swarms.join(CLIENTS, AT_ONCE);
  const identity = await generateIdentity();
  const before = await roster(scope, place, identity);
  const bare = await bareHandshakes(scope, swarms);
  killed.kill("SIGKILL");
  await killed.exit();
  const countsBefore = await swarms.tell({ do: "forget" });
  const prefix = process.env.BENCH_PREFIX?.split(" ") ?? [];
  const daemon = await Multiprotod.start(scope, place, { prefix });
  const [ready, spent] = [monotonicMillis(), processorMillis(daemon.pid)];
  const answers = await swarms.tell({ do: "beacon" });
  const processor = processorMillis(daemon.pid) - spent;
  const took = lastOf(answers) - ready;
  const { median, p95 } = summary(answers.flatMap(({ each }) => each.map((at) => at - ready)));
  const after = await roster(scope, place, identity);
  const lacking = before.filter((entry) => !after.includes(entry)).length;
  const counted = (of: keyof LeanCounts): number => sumOf(answers, of) - sumOf(countsBefore, of);
  line("bare handshakes with all of them", millis(bare), "mutual TLS 1.3 in Node, baseline");
  line(
    "ready until all are attached",
    millis(took),
    `${ratio(took, bare)} baseline; median ${millis(median)}, p95 ${millis(p95)}; aim: 2 s`,
  );
  line("registry CPU in that time", millis(processor), `${millis(processor / swarms.size)} a client`);
  line(
    "hellos and joins a client",
    `${(counted("hellos") / swarms.size).toFixed(2)} and ${(counted("joins") / swarms.size).toFixed(2)}`,
    `${counted("needless")} dial-backs too many, ${counted("setbacks")} setbacks`,
  );
  line(
    "rosters before and after",
    lacking === 0 && before.length === after.length ? "equal" : "different",
    `${before.length} and ${after.length} entries, ${lacking} of the former lacking`,
  );
  await daemon.stop();
} finally {
  await scope.end();
}
