/**
 * Whole LANs on a virtual clock, each from one seed: LAN_SEED=n repeats one, LAN_TRACE=1 with all that is noticed, LAN_SEEDS=n makes a longer run. What was
 * found stays in `FOUND`.
 */
import { test } from "node:test";
import { VirtualLan } from "./lan.ts";

const FIRST = 1;
const SEEDS = Number(process.env.LAN_SEEDS ?? 200);
const FOUND: readonly number[] = [];

const only = process.env.LAN_SEED;
const seeds =
  only === undefined
    ? [...FOUND, ...Array.from({ length: SEEDS }, (_, index) => FIRST + index)]
    : [Number(only)];

for (const seed of seeds) {
  test(`LAN_SEED=${seed}`, (context) => {
    const lan = new VirtualLan({
      seed,
      ...(process.env.LAN_TRACE === undefined ? {} : { trace: console.log }),
    });
    lan.run();
    context.diagnostic(JSON.stringify({ ...lan.told, ...lan.post.counts }));
  });
}
