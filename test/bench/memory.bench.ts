/**
 * The registry's memory for clients of mp2 that are attached and idle, full against nearly empty: what the system has given
 * it, and what of V8's heap and of buffers is left after a collection that is forced for it (collect.ts).
 */
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { Scope } from "../support/until.ts";
import { line, title } from "./figures.ts";
import { Mp2Swarms, residentKibibytes } from "./mp2-swarms.ts";

/** Who comes by a handshake is told to all the others: it takes the square of the time. */
const JOINING = 1_000;
/** BENCH_CLIENTS for another number. */
const RETURNING = Number(process.env.BENCH_CLIENTS ?? 5_000);
/** All code has run, and its tables have their first size. */
const FEW = 100;
const PROCESSES = 4;
const AT_ONCE = 128;
/** Heartbeats that leave time for the clients of a busy machine. */
const PRESENCE = '[presence]\nheartbeat = "20s"\nlost-after = "90s"';
/** V8 gives pages back when little has happened for a while: most of them half a minute after thousands have come. */
const REST_MILLIS = 60_000;
const SAMPLES = 10;
/** Half a second on a quiet machine. */
const COLLECTION_MILLIS = 20_000;

/** The least of some moments of a while: garbage comes and goes. */
async function leastResident(daemon: Multiprotod): Promise<number> {
  let least = Infinity;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await new Promise((resolve) => setTimeout(resolve, REST_MILLIS / SAMPLES));
    least = Math.min(least, residentKibibytes(daemon.pid));
  }
  return least;
}

/** Bytes that are in use. */
async function live(daemon: Multiprotod): Promise<number> {
  process.kill(daemon.pid, "SIGUSR2");
  const said = await daemon.line(/^collection 1: /, { millis: COLLECTION_MILLIS });
  return Number(/: (\d+) bytes/.exec(said)?.[1]);
}

interface Taken {
  readonly resident: number;
  readonly rightAfter: number;
  readonly live: number;
  readonly clients: number;
}

/** With so many online. By tickets all of them have been online before, so that nobody is told of anybody. */
async function taken(count: number, by: "handshakes" | "tickets"): Promise<Taken> {
  const scope = new Scope();
  try {
    const place = await makePlace(scope, PRESENCE);
    const swarms = await Mp2Swarms.open(scope, place, count, PROCESSES);
    if (by === "tickets") await swarms.prepare(place);
    const daemon = await Multiprotod.start(scope, place, {
      prefix: ["env", `NODE_OPTIONS=--import=${new URL("collect.ts", import.meta.url)}`],
    });
    await swarms.join(count, AT_ONCE);
    const rightAfter = residentKibibytes(daemon.pid);
    const resident = await leastResident(daemon);
    return { resident, rightAfter, live: await live(daemon), clients: swarms.size };
  } finally {
    await scope.end();
  }
}

async function measure(count: number, by: "handshakes" | "tickets"): Promise<void> {
  const [few, many] = [await taken(FEW, by), await taken(count, by)];
  const newcomers = many.clients - few.clients;
  const how = `${many.clients} by ${by}`;
  const after = `${Math.round(many.rightAfter / 1_024)} right after they came; ${Math.round(few.resident / 1_024)} with ${few.clients}`;
  line(`${how}: resident`, `${Math.round(many.resident / 1_024)} MiB`, after);
  const each = (many.resident - few.resident) / newcomers;
  line(`${how}: resident, a client`, `${each.toFixed(1)} KiB`, "aim at 5,000: at most 12 KiB");
  const eachLive = (many.live - few.live) / 1_024 / newcomers;
  const remark = `${Math.round(many.live / 1_048_576)} MiB of V8's heap and buffers in all, after a forced collection`;
  line(`${how}: in use, a client`, `${eachLive.toFixed(1)} KiB`, remark);
}

title("Memory of an idle client of mp2 (from other processes, on loopback)");
await measure(JOINING, "handshakes");
await measure(RETURNING, "tickets");
