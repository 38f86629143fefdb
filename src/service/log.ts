import { fstatSync } from "node:fs";
import { destination, type Logger, pino } from "pino";
import type { Clock } from "../base/clock.ts";
import type { Log, LogEntry, LogFields, LogLevel } from "../base/log.ts";
import { escapeJson, escapeText } from "../base/text.ts";
import { TokenBucket } from "../base/tokens.ts";
import { type JournalSend, MAX_VALUE } from "./journal.ts";

/** How a line is written: readable text, JSON, or readable text with a time for a terminal. */
export type LogFormat = "text" | "json" | "pretty";

/** Lines with the same `limit` key: so many at once, then one in ten seconds with the count of the rest. */
const LIMIT = { burst: 5, perSecond: 0.1 };

/**
 * The longest sentence, UTF-16 units before escaping; journald cuts at 48 KiB, people much earlier. Values have a bound of
 * their own ({@link MAX_VALUE}), so that a long text of somebody's pushes no field out of the line.
 */
const MAX_SENTENCE = 2_000;

/** sd-daemon(3): journald takes "<N>" at the start of a line as its priority. */
const PRIORITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/**
 * The daemon's log: pino decides by level and serialises, this formats for the reader: one line an event,
 * `<priority>text key=value`. Everything is written at once, so that the last words of a dying process are there.
 */
export class ServiceLog implements Log {
  /** May change when the configuration is read. */
  format: LogFormat;
  readonly #pino: Logger;
  readonly #clock: Clock;
  readonly #onError: ((text: string) => void) | undefined;
  readonly #limits = new Map<string, { readonly bucket: TokenBucket; left: number; last: LogEntry }>();

  constructor(options: {
    readonly clock: Clock;
    readonly format: LogFormat;
    /** Whether journald reads: lines then carry a priority and no time. */
    readonly journal: boolean;
    /** By which it takes fields, where that can be had; what it does not take is written as a line. */
    readonly send?: JournalSend | undefined;
    readonly level: LogLevel;
    readonly write: (line: string) => void;
    /** Told every error line's text, for `multiprotoctl status`. */
    readonly onError?: (text: string) => void;
  }) {
    const { journal, write, clock, level, send } = options;
    this.format = options.format;
    this.#clock = clock;
    this.#onError = options.onError;
    const stream = {
      write: (json: string) => {
        const record = parsed(json);
        const text = formatted(record, this.format, journal);
        const priority = PRIORITY[record.level];
        if (send?.(priority, text, record.fields) !== true)
          write(`${journal ? `<${priority}>` : ""}${text}\n`);
      },
    };
    this.#pino = pino(
      { level, base: null, timestamp: () => `,"time":"${new Date(clock.wall()).toISOString()}"` },
      stream,
    );
  }

  get level(): LogLevel {
    return this.#pino.level as LogLevel;
  }

  set level(level: LogLevel) {
    this.#pino.level = level;
  }

  write(entry: LogEntry): void {
    if (entry.level === "error") this.#onError?.(entry.text);
    if (entry.limit === undefined) this.#put(entry);
    else this.#limited(entry.limit, entry);
  }

  /** Writes the counts of lines left out so far that no later line has told; call now and then, and at the end. */
  flushCounts(): void {
    for (const [key, state] of this.#limits) {
      if (state.left > 0) this.#put(withCount(state.last, state.left));
      state.left = 0;
      if (state.bucket.isFull(this.#clock.now())) this.#limits.delete(key);
    }
  }

  #limited(key: string, entry: LogEntry): void {
    const now = this.#clock.now();
    let state = this.#limits.get(key);
    if (state === undefined) {
      state = { bucket: new TokenBucket(LIMIT, now), left: 0, last: entry };
      this.#limits.set(key, state);
    }
    state.last = entry;
    if (!state.bucket.take(now)) {
      state.left += 1;
      return;
    }
    this.#put(state.left > 0 ? withCount(entry, state.left) : entry);
    state.left = 0;
  }

  #put(entry: LogEntry): void {
    this.#pino[entry.level](entry.fields ?? {}, entry.text);
  }
}

function withCount(entry: LogEntry, left: number): LogEntry {
  return { ...entry, fields: { ...entry.fields, "similar-lines-left-out": left } };
}

/** A synchronous writer to standard output that waits for a slow reader instead of losing lines. */
export function standardOutput(): (line: string) => void {
  const stream = destination({ dest: 1, sync: true });
  // Nobody reads any more (a closed pipe): logging must not end the registry.
  stream.on("error", () => {});
  return (line) => {
    stream.write(line);
  };
}

/** systemd.exec(5), $JOURNAL_STREAM: "DEVICE:INODE" of the stream to the journal; true when standard output is it. */
export function isJournal(journalStream: string | undefined): boolean {
  if (journalStream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(1);
    return journalStream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

const LEVEL_NAMES: Readonly<Record<number, LogLevel>> = { 20: "debug", 30: "info", 40: "warn", 50: "error" };

interface Line {
  readonly level: LogLevel;
  /** ISO 8601. */
  readonly time: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** What pino has serialised. */
function parsed(json: string): Line {
  const { level, time, msg, ...fields } = JSON.parse(json) as { readonly [key: string]: unknown };
  return {
    level: LEVEL_NAMES[Number(level)] ?? "error",
    time: String(time),
    message: String(msg),
    fields: fields as LogFields,
  };
}

function formatted({ level, time, message, fields }: Line, format: LogFormat, journal: boolean): string {
  if (format === "json") return escapeJson(JSON.stringify({ time, level, message, ...fields }));
  const stamp = format === "pretty" && !journal ? `${time.slice(11, 23)} ${level.padEnd(5)} ` : "";
  return `${stamp}${sentence(message)}${keyValues(fields)}`;
}

/** What looks like a key of ours: a word in small letters before "=". "IPAddressAllow=" of an advice does not. */
const KEY = /(?<![\w-])([a-z][a-z0-9-]*)=/g;

/**
 * Safe to show, and without anything that reads as a field: somebody whose nickname is "x reason=kicked" has no say in
 * what the fields tell. docs/operations.md has the grammar.
 */
function sentence(text: string): string {
  return escapeText(text, MAX_SENTENCE).replace(KEY, "$1\\x3d");
}

/** " key=value key2="two words"": bare, or a JSON string, in which "=" is written \u003d. */
function keyValues(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${valueText(String(value))}`)
    .join("");
}

function valueText(value: string): string {
  const cut =
    value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE).replace(/[\uD800-\uDBFF]$/, "")}…` : value;
  const quoted = escapeJson(JSON.stringify(cut));
  const isBare = /^[^\s"=\\]+$/.test(cut) && quoted === `"${cut}"`;
  return isBare ? cut : quoted.replaceAll("=", "\\u003d");
}
