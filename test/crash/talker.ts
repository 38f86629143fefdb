import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import type { Random } from "../../src/base/clock.ts";
import type { ArchivedMessage } from "../../src/chat/archive.ts";
import { openArchiveReader } from "../../src/store/sqlite-archive.ts";
import { bareEnvironment } from "../support/bare-environment.ts";
import type { Place } from "../support/multiprotod.ts";
import { programOf } from "../support/programs.ts";
import { type Owner, within } from "../support/until.ts";

const PROGRAM = programOf("multiproto-chat");
/** A life may end with these lines, or be over before it is online. */
const MOST_LINES = 60;
const LONGEST_MILLIS = 4_000;

export interface TalkerOptions {
  readonly place: Place;
  readonly name: string;
  /** Whom it writes to: a nickname, or a #ROOM that it joins. */
  readonly partner: string;
  /** Whom it has to meet before it begins: its partner, or all others who come to the room. */
  readonly others: readonly string[];
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
  /** What was shown of others' numbers, over all lives: "NAME NUMBER". */
  readonly shown: string[] = [];
  /** Messages that were under way to another one who had them already when this one was killed: those came twice. */
  redelivered = 0;
  /** Numbers that the user has seen taken. */
  readonly #taken = new Set<number>();
  readonly #met = new Set<string>();
  readonly errors: string[] = [];
  lives = 0;
  #child: ChildProcess | undefined;
  #hasBegun = false;

  constructor(options: TalkerOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get archive(): string {
    return join(this.#options.directory, "chat.sqlite");
  }

  /** All that is archived, in order. */
  readonly messages = (): readonly ArchivedMessage[] => {
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
  };

  /** What it said. */
  get said(): readonly number[] {
    return this.messages().flatMap(({ direction, text }) => (direction === "out" ? [Number(text)] : []));
  }

  /** What came from that one. */
  heard(from: string): readonly number[] {
    return this.messages().flatMap(({ direction, text, peer }) =>
      direction === "in" && peer === from ? [Number(text)] : [],
    );
  }

  /** Of the present life. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /**
   * Types up to `last`; killed at some moment, which one of `others` may sleep through, or ends when all is confirmed and
   * `until`: by itself or, with "killed-then", by a kill.
   */
  async live(
    last: number,
    others: readonly Talker[] | undefined,
    until: (talker: Talker) => boolean = () => true,
    end: "leaves" | "killed-then" = "leaves",
  ): Promise<void> {
    const { random, partner } = this.#options;
    const isKilled = others !== undefined;
    const other = others?.[random.below(others.length)];
    this.lives += 1;
    this.#hasBegun = false;
    if (others !== undefined) this.redelivered += this.#countKnown(others);
    const stored = this.said;
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
        if (isHeld) other?.signal("SIGSTOP");
        timers.push(
          setTimeout(() => {
            kill();
            other?.signal("SIGCONT");
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
        if (/^online as /.test(line) && partner.startsWith("#") && this.lives === 1)
          child.stdin?.write(`/join ${partner}\n`);
        if (/✓(?: \(\d+\))?$/.test(line)) isLinked = true;
        if (this.#mayBegin(line) || (awaited.size === 0 && this.#hasBegun)) type();
        seen += 1;
        if (isKilled && seen === lines) {
          // Timers are too coarse for a moment within a commit.
          for (const end = performance.now() + laterMicros / 1_000; performance.now() < end; );
          kill();
        }
        if (isKilled || next <= last || awaited.size > 0 || !until(this)) continue;
        if (end === "leaves") child.stdin?.end();
        else kill();
      }
    } finally {
      for (const timer of timers) clearTimeout(timer);
      if (isKilled) kill();
      other?.signal("SIGCONT");
    }
    const [code, signal] = await within("the end of a life", ended, 60_000);
    if (isKilled || end === "killed-then")
      assert.equal(signal, "SIGKILL", `it ended with ${code}: ${this.errors.join("")}`);
    else assert.equal(code, 0, this.errors.join(""));
  }

  /** Of what is not known here to have arrived, how much has: it is sent again, and must not be shown again. */
  #countKnown(others: readonly Talker[]): number {
    const waiting = this.messages().filter(({ state }) => state === "waiting");
    const left = this.#leftParts();
    return others.reduce((count, { messages, name }) => {
      const there = new Set(messages().map(({ messageId }) => messageId));
      const twice = waiting.filter(
        ({ messageId, conversation }) =>
          there.has(messageId) && (conversation.startsWith("@") || left.has(`${name} ${messageId}`)),
      );
      return count + twice.length;
    }, 0);
  }

  /** "MEMBER ID" of what was said in the room and is not known to have reached that one. */
  #leftParts(): ReadonlySet<string> {
    if (!existsSync(this.archive)) return new Set();
    const database = new DatabaseSync(this.archive, { readOnly: true });
    try {
      const rows = database.prepare(
        "SELECT nickname, lower(hex(message_id)) AS id FROM part WHERE reached = 0",
      );
      return new Set(rows.all().map(({ nickname, id }) => `${nickname} ${id}`));
    } finally {
      database.close();
    }
  }

  /** At first it must know whom it writes to. */
  #mayBegin(line: string): boolean {
    const { others } = this.#options;
    let isMet = false;
    for (const name of others) {
      const isRoom = this.#options.partner.startsWith("#");
      const met = isRoom
        ? new RegExp(`^you are in #\\S+ with .*\\b${name}\\b|\\b${name}\\b.* joined #`)
        : new RegExp(`^${name} is online|^${name} .* online`);
      if (!met.test(line)) continue;
      this.#met.add(name);
      isMet = true;
    }
    const isOnline = /^online as /.test(line);
    if (this.lives === 1 ? this.#met.size === others.length : isOnline) this.#hasBegun = true;
    return this.#hasBegun && (isMet || isOnline);
  }

  #spawn(): ChildProcess {
    const { place, name, directory } = this.#options;
    const registry = ["--registry", `127.0.0.1:${place.port}`, "--no-legacy"];
    const child = spawn(process.execPath, [PROGRAM, "--nick", name, "--data-dir", directory, ...registry], {
      stdio: ["pipe", "pipe", "pipe"],
      env: bareEnvironment(),
    });
    child.stdin?.on("error", () => undefined);
    child.stderr?.on("data", (bytes: Buffer) => this.errors.push(String(bytes)));
    return child;
  }

  #note(line: string, awaited: Set<number>): void {
    const sent = /^(?:\d\d:\d\d )?to \S+: (\d+)/.exec(line)?.[1];
    if (sent !== undefined) {
      this.#taken.add(Number(sent));
      awaited.delete(Number(sent));
    }
    const [, from, heard] = /^\d\d:\d\d (?:#\S+ )?(\S+): (\d+)$/.exec(line) ?? [];
    if (heard !== undefined && from !== "to") this.shown.push(`${from} ${heard}`);
  }
}
