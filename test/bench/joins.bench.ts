/** What many clients cost the registry: joining, being told of changes, being idle. By mp1, then joining by mp2. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pass } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { Scope, within } from "../support/until.ts";
import { line, millis, summary, title } from "./figures.ts";
import { measureMp2Joins } from "./mp2-joins.ts";
import type { SwarmAnswer, SwarmCommand } from "./swarm.ts";

const SWARM = fileURLToPath(new URL("swarm.ts", import.meta.url));
const SIZES = [100, 500] as const;
const MP2_CLIENTS = 500;
/** The first ones pay for compilation on both sides. */
const WARM_UP = 20;
const DEPARTURES = 15;
const IDLE_MILLIS = 5_000;

async function tell(swarm: ChildProcess, command: SwarmCommand): Promise<SwarmAnswer> {
  swarm.send(command);
  const [answer] = await within("the swarm", once(swarm, "message"), 120_000);
  return answer as SwarmAnswer;
}

async function measure(count: number): Promise<void> {
  const scope = new Scope();
  try {
    const place = await makePlace(scope);
    const daemon = await Multiprotod.start(scope, place);
    const swarm = fork(SWARM, [String(place.port), String(place.encapsulationPort)]);
    scope.after(() => void swarm.kill());
    await tell(swarm, { join: WARM_UP });
    const [memory, spent] = [daemon.residentMebibytes, daemon.processorSeconds];
    const newcomers = count - WARM_UP;
    const joined = await tell(swarm, { join: newcomers });
    const joining = daemon.processorSeconds - spent;
    line(`${count} clients: joins a second`, (newcomers / (joined.millis / 1_000)).toFixed(0));
    const perJoin = millis((joining / newcomers) * 1_000);
    line(`${count} clients: registry CPU a join`, perJoin, "pushes to all who are there included");
    line(`${count} clients: registry memory`, `${(daemon.residentMebibytes - memory).toFixed(1)} MiB`);

    const settled: number[] = [];
    let bytes = 0;
    for (let round = 0; round < DEPARTURES; round += 1) {
      const left = await tell(swarm, { leave: true });
      settled.push(left.millis);
      bytes += left.pushBytes;
    }
    const { median, p95 } = summary(settled);
    const remark = `p95 ${millis(p95)}; ${Math.round(bytes / DEPARTURES / 1_024)} KiB of pushes`;
    line(`${count} clients: a departure until all know`, millis(median), remark);

    const before = daemon.processorSeconds;
    // The span of the measurement itself, not a wait for something to happen.
    await pass(IDLE_MILLIS);
    const idle = (daemon.processorSeconds - before) / (IDLE_MILLIS / 1_000);
    line(
      `${count} clients: registry CPU, all idle`,
      `${(idle * 100).toFixed(1)} %`,
      "of a core, heartbeat 1 s",
    );
  } finally {
    await scope.end();
  }
}

title("Many clients by mp1 (from another process, on loopback)");
for (const size of SIZES) await measure(size);
title("Many clients by mp2 (from three other processes, each client at an address of its own, on loopback)");
for (const stay of [false, true]) await measureMp2Joins(MP2_CLIENTS, stay);
