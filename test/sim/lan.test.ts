/**
 * Whole LANs on a virtual clock, each from one seed, many of any size and more of small ones: what is wrong in them shows
 * in a short trace. A test is named by what repeats it alone (with LAN_TRACE=1, all that is noticed); LAN_SEEDS=n makes a longer run,
 * `scripts/test.sh sim` runs very many.
 */
import { test } from "node:test";
import { FOUND_SEEDS } from "./found-seeds.ts";
import { type LanOptions, VirtualLan } from "./lan.ts";

const ANY_SIZE = Number(process.env.LAN_SEEDS ?? 80);
const SMALL = 140;
const SMALLEST = 2;
const SIZES = 4;
/** Things go wrong for a shorter time there: with so many a lot happens in it. */
const CROWD = { seed: 4, clients: 200, faultyMillis: 20_000 };

const { LAN_SEED, LAN_CLIENTS, LAN_TRACE } = process.env;

function* lans(): Iterable<LanOptions> {
  if (LAN_SEED !== undefined) {
    const [seed, clients] = [Number(LAN_SEED), Number(LAN_CLIENTS)];
    if (seed === CROWD.seed && clients === CROWD.clients) yield CROWD;
    else yield LAN_CLIENTS === undefined ? { seed } : { seed, clients };
    return;
  }
  const seeds = Array.from({ length: ANY_SIZE + SMALL }, (_, index) => index + 1);
  for (const seed of new Set([...FOUND_SEEDS.map((found) => found.seed), ...seeds.slice(0, ANY_SIZE)]))
    yield { seed };
  for (const seed of seeds.slice(ANY_SIZE)) yield { seed, clients: SMALLEST + (seed % SIZES) };
  yield CROWD;
}

for (const options of lans()) {
  const { seed, clients } = options;
  test(`LAN_SEED=${seed}${clients === undefined ? "" : ` LAN_CLIENTS=${clients}`}`, (context) => {
    const lan = new VirtualLan({ ...options, ...(LAN_TRACE === undefined ? {} : { trace: console.log }) });
    lan.run();
    context.diagnostic(JSON.stringify({ ...lan.told, ...lan.post.counts }));
  });
}
