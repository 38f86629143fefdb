import { readFileSync } from "node:fs";
import type { Millis } from "../base/clock.ts";
import { askSystemctl } from "./systemctl.ts";

/** It takes some 15 ms; a bus that does not answer must not hold up the way down. */
const ANSWER_MILLIS: Millis = 250;

/**
 * Whether systemd stops this unit only to start it again: SIGTERM does not say so, the job in its queue does. False
 * where that cannot be asked (no D-Bus, no systemd).
 */
export async function isRestartJob(): Promise<boolean> {
  const unit = ownUnit();
  if (unit === undefined) return false;
  const args = ["list-jobs", "--no-legend", "--no-pager", "--plain", unit];
  const jobs = await askSystemctl(args, ANSWER_MILLIS);
  return jobs !== undefined && isRestartOf(unit, jobs);
}

/** "JOB UNIT TYPE STATE"; the type turns from restart into start when the unit has stopped. */
export function isRestartOf(unit: string, jobs: string): boolean {
  return jobs.split("\n").some((line) => {
    const [, name, type] = line.trim().split(/\s+/);
    return name === unit && type === "restart";
  });
}

/** The service whose control group this process is in (systemd.service(5)); cgroups(7) for the file. */
export function ownUnit(): string | undefined {
  try {
    return /\/([\w:.\\@-]+\.service)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
