/**
 * Very many LANs, for a night: those that have found something, then LAN_SEEDS more from LAN_FIRST on. Tells how far it
 * is, and of each failure the seed; ends on "N passed, N failed".
 */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { FOUND_SEEDS } from "./found-seeds.ts";
import { VirtualLan } from "./lan.ts";

/** A seed takes a second or two; one that has not ended by then never does. */
const SEED_MILLIS = 180_000;
const TELL_MILLIS = 15_000;

interface Result {
  readonly seed: number;
  readonly failure: string | undefined;
}

function runAlone(seed: number): Result {
  try {
    new VirtualLan({ seed }).run();
    return { seed, failure: undefined };
  } catch (error) {
    return { seed, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

async function runAll(): Promise<void> {
  const first = Number(process.env.LAN_FIRST ?? 1);
  const count = Number(process.env.LAN_SEEDS ?? 1_000);
  const others = Array.from({ length: count }, (_, index) => first + index);
  const all = new Set([...FOUND_SEEDS.map(({ seed }) => seed), ...others]);
  const waiting = all.values();
  const begin = performance.now();
  const ended = { passed: 0, failed: 0 };
  const tell = (): void => {
    const seconds = Math.round((performance.now() - begin) / 1_000);
    console.log(`  ${ended.passed + ended.failed} of ${all.size} LANs, ${ended.failed} failed, ${seconds} s`);
  };
  const telling = setInterval(tell, TELL_MILLIS);
  const note = ({ seed, failure }: Result): void => {
    ended[failure === undefined ? "passed" : "failed"] += 1;
    if (failure === undefined) return;
    console.log(`✖ LAN_SEED=${seed}: ${failure}`);
    console.log(
      `  repeat: LAN_SEED=${seed} LAN_TRACE=1 node_modules/.bin/node --test test/sim/lan.test.ts; then note it in found-seeds.ts`,
    );
  };
  await Promise.all(Array.from({ length: availableParallelism() }, () => work(waiting, note)));
  clearInterval(telling);
  tell();
  console.log(`${ended.passed} passed, ${ended.failed} failed`);
  process.exitCode = ended.failed === 0 ? 0 : 1;
}

/** One thread's share. */
async function work(
  waiting: Iterator<number> & Iterable<number>,
  note: (result: Result) => void,
): Promise<void> {
  let worker: Worker | undefined;
  for (const seed of waiting) {
    worker ??= new Worker(new URL(import.meta.url));
    const result = await answer(worker, seed);
    note(result);
    if (result.isAlive) continue;
    await worker.terminate();
    worker = undefined;
  }
  await worker?.terminate();
}

async function answer(worker: Worker, seed: number): Promise<Result & { readonly isAlive: boolean }> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), SEED_MILLIS);
  worker.postMessage(seed);
  try {
    const [result] = await once(worker, "message", { signal: late.signal });
    return { ...result, isAlive: true };
  } catch (error) {
    // An error of the thread's own ends it.
    const failure = late.signal.aborted ? `has not ended after ${SEED_MILLIS} ms` : String(error);
    return { seed, failure, isAlive: false };
  } finally {
    clearTimeout(timer);
  }
}

if (isMainThread) await runAll();
else parentPort?.on("message", (seed: number) => parentPort?.postMessage(runAlone(seed)));
