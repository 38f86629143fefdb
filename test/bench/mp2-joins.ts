/** Joins over mp2 and, in turn with them, the bare handshakes that they cannot do without, to the same clients. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { monotonicMillis } from "../support/subject-report.ts";
import { Scope } from "../support/until.ts";
import type { Dials } from "./bare-tls-dialler.ts";
import { line, millis, ratio } from "./figures.ts";
import { answerOf, lastOf, Mp2Swarms, processorMillis } from "./mp2-swarms.ts";

const DIALLER = fileURLToPath(new URL("bare-tls-dialler.ts", import.meta.url));
const PROCESSES = 3;
const AT_ONCE = 64;
/** Pay for compilation on all sides. */
const WARM_UP = 300;
const ROUNDS = 4;
/** No heartbeats in the figures. */
const QUIET = '[presence]\nheartbeat = "30s"\nlost-after = "90s"';

interface Cost {
  readonly millis: number;
  readonly processor: number;
}

async function costOf(pid: number, work: () => Promise<number>): Promise<Cost> {
  const [begun, spent] = [monotonicMillis(), processorMillis(pid)];
  const ended = await work();
  return { millis: ended - begun, processor: processorMillis(pid) - spent };
}

function sum(costs: readonly Cost[]): Cost {
  const total = (of: keyof Cost) => costs.reduce((all, cost) => all + cost[of], 0);
  return { millis: total("millis"), processor: total("processor") };
}

/**
 * Who leaves at once is told of hardly anybody: that is the join itself. Who stays is told of all who follow.
 * A rate against the baseline's is only worth something where the clients are not what is slow: hence processor time, too.
 */
export async function measureMp2Joins(count: number, stay: boolean): Promise<void> {
  const what = `${count} mp2 clients ${stay ? "that stay" : "that leave"}`;
  const scope = new Scope();
  try {
    const place = await makePlace(scope, QUIET);
    const daemon = await Multiprotod.start(scope, place);
    const swarms = await Mp2Swarms.open(scope, place, count + WARM_UP, PROCESSES);
    const dialler = fork(DIALLER);
    scope.after(() => void dialler.kill("SIGKILL"));
    await answerOf(dialler, undefined);
    const dial = async (from: number, to: number): Promise<number> => {
      const dials: Dials = { ears: swarms.ears.slice(from, to), atOnce: AT_ONCE };
      await answerOf<number>(dialler, dials);
      return monotonicMillis();
    };
    const join = async (some: number, toStay: boolean): Promise<number> =>
      lastOf(await swarms.join(some, AT_ONCE, toStay));
    await dial(0, WARM_UP);
    await join(WARM_UP, false);
    const part = Math.ceil(count / ROUNDS / PROCESSES) * PROCESSES;
    const [bare, joins]: [Cost[], Cost[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(await costOf(dialler.pid ?? 0, () => dial(round * part, (round + 1) * part)));
      joins.push(await costOf(daemon.pid, () => join(part, stay)));
    }
    const [baseline, subject, all] = [sum(bare), sum(joins), part * ROUNDS];
    const rate = (cost: Cost): number => (all / cost.millis) * 1_000;
    const share = (part: number, whole: number): string => `${Math.round((part / whole) * 100)} %`;
    line(`${what}: bare handshakes a second`, rate(baseline).toFixed(0), "mutual TLS 1.3 in Node, baseline");
    line(
      `${what}: joins a second`,
      rate(subject).toFixed(0),
      `${share(rate(subject), rate(baseline))} of the baseline; aim: at least 70 %`,
    );
    line(`${what}: CPU a bare handshake`, millis(baseline.processor / all), "baseline");
    line(
      `${what}: registry CPU a join`,
      millis(subject.processor / all),
      `${ratio(subject.processor, baseline.processor)} bare; deltas to all who are there included`,
    );
  } finally {
    await scope.end();
  }
}
