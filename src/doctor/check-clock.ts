import { durationText } from "../base/text.ts";
import type { Finding } from "./finding.ts";

/** Whether the wall clock went as time did. */

export interface ClockEvidence {
  /** Now, milliseconds since 1970. */
  readonly wall: number;
  /** When the registry started, by the wall clock then; NaN where that cannot be read. */
  readonly startedAt: number;
  /** Since then, by a clock that stands still while the machine sleeps. */
  readonly awakeMillis: number;
  /** The age of its process by a clock that does not; some seconds more, which loading took. */
  readonly processMillis: number;
}

/** The clocks are read some milliseconds apart, and ticks are of 10 ms. */
const CLOCK_TOLERANCE_MILLIS = 2_000;
/** The longest that a process may take from its exec to its first look at a clock: its unit's start has so long. */
const LOADING_MILLIS = 30_000;
/** No clock is earlier that was ever set. */
const EARLIEST = Date.UTC(2024, 0, 1);

/** Undefined evidence: no registry runs, so nothing to compare with. */
export function judgeClock(wall: number, running: ClockEvidence | undefined): Finding {
  const check = "clock";
  if (wall < EARLIEST)
    return {
      check,
      level: "problem",
      finding: "the clock of this machine was never set",
      evidence: `it says ${new Date(wall).toISOString()}`,
      fix: "timedatectl set-ntp true",
    };
  if (running === undefined || Number.isNaN(running.startedAt))
    return {
      check,
      level: "ok",
      finding: "the clock is set",
      evidence: `it says ${new Date(wall).toISOString()}; no registry has run to compare it with`,
      fix: null,
    };
  const { jump, asleep } = clockJump(running);
  const slept = asleep > 0 ? `; this machine slept for ${durationText(asleep)} of it` : "";
  const evidence = `the registry started ${durationText(running.awakeMillis + asleep)} ago${slept}`;
  if (jump === 0)
    return {
      check,
      level: "ok",
      finding: "the clock has not jumped since the registry started",
      evidence,
      fix: null,
    };
  return {
    check,
    level: "warning",
    finding: `the clock was set ${durationText(Math.abs(jump))} ${jump > 0 ? "forward" : "back"} since the registry started; times that people see are off by that`,
    evidence,
    fix: "timedatectl timesync-status; keep it right by NTP: timedatectl set-ntp true",
  };
}

/** How far the wall clock has gone beside the time that has passed. How long a machine slept is known within bounds. */
function clockJump({ wall, startedAt, awakeMillis, processMillis }: ClockEvidence): {
  readonly jump: number;
  readonly asleep: number;
} {
  const ahead = wall - startedAt - awakeMillis;
  const most = Math.max(0, processMillis - awakeMillis);
  const least = Math.max(0, most - LOADING_MILLIS);
  if (ahead > most + CLOCK_TOLERANCE_MILLIS) return { jump: ahead - most, asleep: least };
  if (ahead < least - CLOCK_TOLERANCE_MILLIS) return { jump: ahead - least, asleep: least };
  return { jump: 0, asleep: ahead > CLOCK_TOLERANCE_MILLIS ? ahead : 0 };
}
