import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Random } from "../../src/base/clock.ts";
import type { ArchivedMessage } from "../../src/chat/archive.ts";
import { openArchiveReader } from "../../src/store/sqlite-archive.ts";
import type { Place } from "../support/multiprotod.ts";
import { type Owner, within } from "../support/until.ts";

const PROGRAM = fileURLToPath(new URL("../../src/bin/multiproto-chat.ts", import.meta.url));
/** A life may end with these lines, or be over before it is online. */
const MOST_LINES = 60;
const LONGEST_MILLIS = 4_000;

export interface TalkerOptions {
  readonly place: Place;
  readonly name: string;
  readonly partner: string;
  readonly directory: string;
  readonly random: Random;
  readonly owner: Owner;
}

/**
 * A real multiproto-chat without a terminal that types numbers to its partner, in bursts: the next when the last one is
 * confirmed or kept. A number that a killed program had not stored is typed again, as its user would.
 */
export class Talker {
  readonly #options: TalkerOptions;
  /** What was shown of the partner's numbers, over all lives. */
  readonly shown: number[] = [];
  /** Numbers that the user has seen taken. */
  readonly #taken = new Set<number>();
  readonly errors: string[] = [];
  lives = 0;
  #child: ChildProcess | undefined;
  #hasBegun = false;

  constructor(options: TalkerOptions) {
    this.#options = options;
  }

  get archive(): string {
    return join(this.#options.directory, "chat.sqlite");
  }

  /** All that is archived, in order. */
  messages(): readonly ArchivedMessage[] {
    if (!existsSync(this.archive)) return [];
    const reader = openArchiveReader(this.archive);
    try {
      const all: ArchivedMessage[] = [];
      for (let after = 0, page = reader.page(undefined, { after, limit: 1_000 }); page.length > 0; ) {
        all.push(...page);
        after = page.at(-1)?.seq ?? after;
        page = reader.page(undefined, { after, limit: 1_000 });
      }
      return all;
    } finally {
      reader.close();
    }
  }

  numbers(direction: "in" | "out"): readonly number[] {
    return this.messages().flatMap((message) =>
      message.direction === direction ? [Number(message.text)] : [],
    );
  }

  /** Of the present life. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Types up to `last`; killed at some moment, or ends by itself when all is confirmed. */
  async live(
    last: number,
    other: Talker | undefined,
    until: (talker: Talker) => boolean = () => true,
  ): Promise<void> {
    const { random, partner } = this.#options;
    const isKilled = other !== undefined;
    this.lives += 1;
    this.#hasBegun = false;
    const stored = this.numbers("out");
    for (const number of this.#taken) assert.ok(stored.includes(number), `${number} was taken and is lost`);
    let next = (stored.at(-1) ?? -1) + 1;
    const child = this.#spawn();
    this.#child = child;
    const kill = (): void => void child.kill("SIGKILL");
    // Some before they are online; those that have nothing more to say in the end.
    const after = random.below(5) === 0 ? random.below(1_500) : LONGEST_MILLIS;
    const timers = isKilled ? [setTimeout(kill, after)] : [];
    const laterMicros = random.below(3) * random.below(2_000);
    const awaited = new Set<number>();
    let seen = 0;
    let isLinked = false;
    // Most: while a burst is stored here, on the wire, stored there, acknowledged; some of the others do not read it before.
    let bursts = random.below(4) > 0 ? 1 + random.below(4) : Infinity;
    const lines = bursts < Infinity ? Infinity : 3 + random.below(MOST_LINES);
    const moment = random.below(80);
    const isHeld = random.below(4) > 0;
    const type = (): void => {
      // Those count that somebody is there to take.
      if (isLinked && next <= last) bursts -= 1;
      if (isKilled && bursts === 0) {
        if (isHeld) other.signal("SIGSTOP");
        timers.push(
          setTimeout(() => {
            kill();
            other.signal("SIGCONT");
          }, moment),
        );
      }
      for (let burst = 1 + random.below(16); burst > 0 && next <= last; burst -= 1, next += 1) {
        awaited.add(next);
        child.stdin?.write(`msg ${partner} ${next}\n`);
      }
    };
    const ended = once(child, "close");
    this.#options.owner.after(kill);
    try {
      for await (const line of createInterface(child.stdout as NodeJS.ReadableStream)) {
        this.#note(line, awaited);
        if (line.endsWith("✓")) isLinked = true;
        if (this.#mayBegin(line) || (awaited.size === 0 && this.#hasBegun)) type();
        seen += 1;
        if (isKilled && seen === lines) {
          // Timers are too coarse for a moment within a commit.
          for (const end = performance.now() + laterMicros / 1_000; performance.now() < end; );
          kill();
        }
        if (!isKilled && next > last && awaited.size === 0 && until(this)) child.stdin?.end();
      }
    } finally {
      for (const timer of timers) clearTimeout(timer);
      if (isKilled) kill();
      other?.signal("SIGCONT");
    }
    const [code, signal] = await within("the end of a life", ended, 60_000);
    if (isKilled) assert.equal(signal, "SIGKILL", `it ended with ${code}: ${this.errors.join("")}`);
    else assert.equal(code, 0, this.errors.join(""));
  }

  /** At first it must know whom it writes to. */
  #mayBegin(line: string): boolean {
    const { partner } = this.#options;
    const isMet = new RegExp(`^${partner} is online|^${partner} .* online`).test(line);
    if (this.lives === 1 ? isMet : /^online as /.test(line)) this.#hasBegun = true;
    return this.#hasBegun && (isMet || /^online as /.test(line));
  }

  #spawn(): ChildProcess {
    const { place, name, directory } = this.#options;
    const registry = ["--registry", `127.0.0.1:${place.port}`, "--no-legacy"];
    const child = spawn(process.execPath, [PROGRAM, "--nick", name, "--data-dir", directory, ...registry], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: process.env.PATH },
    });
    child.stdin?.on("error", () => undefined);
    child.stderr?.on("data", (bytes: Buffer) => this.errors.push(String(bytes)));
    return child;
  }

  #note(line: string, awaited: Set<number>): void {
    const sent = /^\d\d:\d\d to \S+: (\d+)/.exec(line)?.[1];
    if (sent !== undefined) {
      this.#taken.add(Number(sent));
      awaited.delete(Number(sent));
    }
    const heard = /^\d\d:\d\d \S+: (\d+)$/.exec(line)?.[1];
    if (heard !== undefined) this.shown.push(Number(heard));
  }
}
