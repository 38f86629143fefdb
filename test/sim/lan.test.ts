/**
 * Whole LANs on a virtual clock, each from one seed: LAN_SEED=n repeats one, LAN_TRACE=1 with all that is noticed,
 * LAN_SEEDS=n makes a longer run; `scripts/test.sh sim` runs very many.
 */
import { test } from "node:test";
import { FOUND_SEEDS } from "./found-seeds.ts";
import { VirtualLan } from "./lan.ts";

const FIRST = 1;
const SEEDS = Number(process.env.LAN_SEEDS ?? 80);

const only = process.env.LAN_SEED;
const seeds =
  only === undefined
    ? new Set([
        ...FOUND_SEEDS.map(({ seed }) => seed),
        ...Array.from({ length: SEEDS }, (_, index) => FIRST + index),
      ])
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
