/** Hundreds of small LANs, each drawn from its seed. MIRROR_SEED=n repeats one, MIRROR_SEEDS=n makes a longer run. */
import { test } from "node:test";
import { MirroredLan } from "./mirrored-lan.ts";

const ONE = process.env.MIRROR_SEED;
const SEEDS = Number(process.env.MIRROR_SEEDS ?? 400);
const TESTS = 4;

function run(seed: number): MirroredLan {
  try {
    const lan = new MirroredLan(seed);
    lan.run();
    return lan;
  } catch (error) {
    throw new Error(`MIRROR_SEED=${seed}`, { cause: error });
  }
}

if (ONE !== undefined) {
  test(`LAN ${ONE}`, () => void run(Number(ONE)));
} else {
  for (let part = 0; part < TESTS; part += 1) {
    const first = 1 + Math.floor((part * SEEDS) / TESTS);
    const last = Math.floor(((part + 1) * SEEDS) / TESTS);
    test(`LANs ${first} to ${last}: every mirror shows what was, and in the end what is`, (context) => {
      const told = new Map<string, number>();
      const add = (what: string, count: number) => told.set(what, (told.get(what) ?? 0) + count);
      for (let seed = first; seed <= last; seed += 1) {
        const { deltas, pages, asks, restarts, receipts } = run(seed).told;
        for (const [what, count] of Object.entries({ deltas, pages, asks, restarts })) add(what, count);
        for (const [receipt, count] of receipts) add(receipt, count);
      }
      context.diagnostic([...told].map(([what, count]) => `${count} ${what}`).join(", "));
    });
  }
}
