/** Options and arguments that need reading. What cannot be read ends the program with "usage". */
import { InvalidArgumentError, Option } from "commander";
import type { LogLevel } from "../base/log.ts";
import { parseDuration } from "./times.ts";

/** Parses a duration between `least` and `most` milliseconds. */
export function duration(least: number, most: number, range: string): (text: string) => number {
  return (text) => {
    const millis = parseDuration(text);
    if (millis === undefined || millis < least || millis > most) {
      throw new InvalidArgumentError(`Say how long as 30s, 10m, 2h or 1d, ${range}.`);
    }
    return millis;
  };
}

/** Parses a whole number from `least` to `most`. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= least && number <= most))
      throw new InvalidArgumentError(`Say a number from ${least} to ${most}.`);
    return number;
  };
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function logLevel(text: string): LogLevel {
  const level = LEVELS.find((known) => known === text);
  if (level === undefined) throw new InvalidArgumentError(`It is one of ${LEVELS.join(", ")}.`);
  return level;
}

export function timeoutOption(defaultMillis: number): Option {
  return new Option("--timeout <time>", "how long to wait for it")
    .argParser(duration(1, 3_600_000, "at most 1h"))
    .default(defaultMillis, `${defaultMillis / 1000}s`);
}
