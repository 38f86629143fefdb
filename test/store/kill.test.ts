import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Random } from "../../src/base/clock.ts";
import { seededRandom, temporaryDirectory } from "../support/stores.ts";
import { within } from "../support/until.ts";

const BINDER = fileURLToPath(new URL("binder.ts", import.meta.url));
/** STORE_SEED=n repeats a run, as far as the moments of the kills can be repeated. */
const SEED = Number(process.env.STORE_SEED ?? Date.now() % 1_000_000);
/** Registries that are killed side by side, and how often each. */
const LINEAGES = 4;
const ROUNDS = Number(process.env.STORE_ROUNDS ?? 50);

type Owners = Map<string, string>;

/** What a registry has acknowledged over all its lives, and what it was about to do when it was killed. */
class Witness {
  batches = 0;
  loads = 0;
  #acknowledged: Owners = new Map();
  #attempted: Owners = new Map();
  #epoch = "";
  #seq = 0;

  note(line: string): void {
    const [what, ...rest] = line.split(" ");
    if (what === "loaded") this.#verify(rest);
    else if (what === "batch") {
      this.#attempted = new Map(this.#acknowledged);
      for (const [name, owner] of pairs(rest)) {
        if (owner === "") this.#attempted.delete(name);
        else this.#attempted.set(name, owner);
      }
    } else if (what === "durable") {
      this.#acknowledged = this.#attempted;
      this.batches += 1;
      this.#noteSeq(rest);
    } else assert.fail(line);
  }

  /** The stored names are those acknowledged, or these with the whole batch that was under way. */
  #verify([epoch = "", seq = "", ...items]: readonly string[]): void {
    const stored: Owners = new Map(pairs(items));
    const text = (owners: Owners): string => [...owners].sort().join(" ");
    if (text(stored) !== text(this.#attempted)) assert.equal(text(stored), text(this.#acknowledged));
    this.#acknowledged = stored;
    this.#attempted = stored;
    this.loads += 1;
    this.#noteSeq([epoch, seq]);
  }

  #noteSeq([epoch = "", seq = ""]: readonly string[]): void {
    if (this.#epoch !== "") assert.equal(epoch, this.#epoch, "a new epoch without a cause");
    assert.ok(Number(seq) > this.#seq, `seq went from ${this.#seq} to ${seq}`);
    this.#epoch = epoch;
    this.#seq = Number(seq);
  }
}

function pairs(items: readonly string[]): [string, string][] {
  return items
    .filter((item) => item !== "")
    .map((item) => {
      const [name = "", owner = ""] = item.split("=");
      return [name, owner];
    });
}

/** Works until it is killed: while it starts, at one of its lines, or a little later. */
async function life(
  program: string,
  directory: string,
  seed: number,
  random: Random,
  witness: Witness,
): Promise<void> {
  const child = spawn(process.execPath, [program, directory, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const kill = (): void => void child.kill("SIGKILL");
  const lines = 1 + random.below(120);
  const early = random.below(8) === 0 ? setTimeout(kill, 20 + random.below(80)) : undefined;
  const laterMicros = random.below(3) * random.below(1_500);
  let seen = 0;
  try {
    for await (const line of createInterface(child.stdout)) {
      witness.note(line);
      seen += 1;
      if (seen !== lines) continue;
      // Timers are too coarse for a moment within a commit.
      for (const until = performance.now() + laterMicros / 1_000; performance.now() < until; );
      kill();
    }
  } finally {
    clearTimeout(early);
    kill();
  }
  const [, signal] = await within("the end of the binder", ended);
  assert.equal(signal, "SIGKILL", "the binder ended by itself");
}

test(`kill -9 at any moment, ${LINEAGES * ROUNDS} times: what was acknowledged is there, seq never goes back`, async (t) => {
  t.diagnostic(`STORE_SEED=${SEED}`);
  // One file of JavaScript starts in half the time of a dozen of TypeScript.
  const program = join(temporaryDirectory(t), "binder.mjs");
  await build({ entryPoints: [BINDER], outfile: program, bundle: true, platform: "node", format: "esm" });
  const witnesses = Array.from({ length: LINEAGES }, () => new Witness());
  const lineage = async (witness: Witness, number: number): Promise<void> => {
    const directory = temporaryDirectory(t);
    const random = seededRandom(SEED + number);
    for (let round = 0; round < ROUNDS; round += 1) {
      await life(program, directory, SEED + number * 10_000 + round, random, witness);
    }
  };
  const outcomes = await Promise.allSettled(witnesses.map(lineage));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  const total = (count: (witness: Witness) => number): number =>
    witnesses.reduce((sum, witness) => sum + count(witness), 0);
  t.diagnostic(
    `${total(({ batches }) => batches)} batches acknowledged, read back ${total(({ loads }) => loads)} times`,
  );
  assert.ok(total(({ loads }) => loads) > (LINEAGES * ROUNDS) / 2);
});
