import type { Millis, UnixMillis } from "../base/clock.ts";
import type { LogEntry } from "../base/log.ts";
import { durationText } from "../base/text.ts";

/** The wall clock is set by less than this all the time (NTP slews, leap seconds); nobody needs to hear of it. */
const JUMP_MILLIS: Millis = 10_000;
/** Longer than the process ever computes at once; clients give a silent registry up at about this. */
const PAUSE_MILLIS: Millis = 4_000;

/**
 * Whether time went on as usual since the last look: a wall clock that was set, a process that did not run. Nothing in
 * the registry goes by the wall clock; but who reads its log does, and wants to know why clients came back all at once.
 */
export class ClockWatch {
  #last: { readonly now: Millis; readonly wall: UnixMillis } | undefined;

  /** `everyMillis`: when the next look is due. */
  look(now: Millis, wall: UnixMillis, everyMillis: Millis): readonly LogEntry[] {
    const last = this.#last;
    this.#last = { now, wall };
    if (last === undefined) return [];
    const told: LogEntry[] = [];
    const passed = now - last.now;
    const jump = wall - last.wall - passed;
    if (passed - everyMillis >= PAUSE_MILLIS) told.push(pauseLine(passed - everyMillis));
    if (Math.abs(jump) >= JUMP_MILLIS) told.push(jumpLine(jump));
    return told;
  }
}

function pauseLine(millis: Millis): LogEntry {
  const text =
    `The registry did not run for ${durationText(millis)} (it was stopped, or the machine was suspended or has too much to ` +
    "do): clients that gave it up come back by themselves";
  return { level: "warn", text, fields: { "paused-ms": Math.round(millis) }, limit: "paused" };
}

function jumpLine(millis: Millis): LogEntry {
  // Looks are some milliseconds apart from when they are due: an hour is an hour.
  const far = durationText(Math.round(Math.abs(millis) / 1_000) * 1_000);
  const cause = millis > 0 ? "forward, or the machine was suspended for so long" : "back";
  const text =
    `The clock of this machine was set ${far} ${cause}: times that people see from before are off ` +
    "by that, nothing else is (see: timedatectl timesync-status)";
  return { level: "warn", text, fields: { "jumped-ms": Math.round(millis) }, limit: "clock" };
}
