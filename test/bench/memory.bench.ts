/**
 * The registry's memory for clients of mp2 that are attached and idle, full against nearly empty: what the system has given
 * it, and what of V8's heap and of buffers is left after a collection that is forced for it (collect.ts).
 */
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { Scope } from "../support/until.ts";
import { line, title } from "./figures.ts";
import { Mp2Swarms, residentKibibytes } from "./mp2-swarms.ts";

/** BENCH_CLIENTS for another number. */
const CLIENTS = Number(process.env.BENCH_CLIENTS ?? 5_000);
/** All code has run, and its tables have their first size. */
const FEW = 100;
const PROCESSES = 4;
const AT_ONCE = 128;
/** Heartbeats that leave time for the clients of a busy machine. */
const PRESENCE = '[presence]\nheartbeat = "20s"\nlost-after = "90s"';
/** What the joins left behind is collected within it: V8 gives pages back when nothing happens. */
const REST_MILLIS = 20_000;
const SAMPLES = 10;
/** Half a second on a quiet machine. */
const COLLECTION_MILLIS = 20_000;

/** The least of some moments of a while: garbage comes and goes. */
async function resident(daemon: Multiprotod): Promise<number> {
  let least = Infinity;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await new Promise((resolve) => setTimeout(resolve, REST_MILLIS / SAMPLES));
    least = Math.min(least, residentKibibytes(daemon.pid));
  }
  return least;
}

let collections = 0;

/** Bytes that are in use. */
async function live(daemon: Multiprotod): Promise<number> {
  collections += 1;
  process.kill(daemon.pid, "SIGUSR2");
  const said = await daemon.line(new RegExp(`^collection ${collections}: `), { millis: COLLECTION_MILLIS });
  return Number(/: (\d+) bytes/.exec(said)?.[1]);
}

title("Memory of an idle client of mp2 (from other processes, on loopback)");
const scope = new Scope();
try {
  const place = await makePlace(scope, PRESENCE);
  const daemon = await Multiprotod.start(scope, place, {
    prefix: ["env", `NODE_OPTIONS=--import=${new URL("collect.ts", import.meta.url)}`],
  });
  const swarms = await Mp2Swarms.open(scope, place, CLIENTS, PROCESSES);
  await swarms.join(FEW, AT_ONCE);
  const few = await resident(daemon);
  const fewLive = await live(daemon);
  await swarms.join(CLIENTS, AT_ONCE);
  const joined = residentKibibytes(daemon.pid);
  const many = await resident(daemon);
  const manyLive = await live(daemon);
  line(`registry with ${FEW} clients`, `${Math.round(few / 1_024)} MiB`);
  line(
    `registry with ${swarms.size} clients`,
    `${Math.round(many / 1_024)} MiB`,
    `${Math.round(joined / 1_024)} right after their joins`,
  );
  const newcomers = swarms.size - FEW;
  const each = (many - few) / newcomers;
  line("resident memory an idle client", `${each.toFixed(1)} KiB`, "aim: at most 12 KiB");
  const eachLive = (manyLive - fewLive) / 1_024 / newcomers;
  const remark = `${Math.round(manyLive / 1_048_576)} MiB of V8's heap and buffers in all, after a forced collection`;
  line("of it in use", `${eachLive.toFixed(1)} KiB`, remark);
} finally {
  await scope.end();
}
