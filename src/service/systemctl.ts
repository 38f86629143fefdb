import { execFile } from "node:child_process";
import type { Millis } from "../base/clock.ts";

/** What is asked for fits many times. */
const MAX_OUTPUT_BYTES = 65_536;

/**
 * What `systemctl` prints; undefined where it cannot be asked, or not within `millis` (no systemd, no D-Bus, a bus that is
 * busy, no process to be had). Never rejects: nothing here depends on the answer alone.
 */
export function askSystemctl(args: readonly string[], millis: Millis): Promise<string | undefined> {
  return new Promise((resolve) => {
    const limits = { timeout: millis, maxBuffer: MAX_OUTPUT_BYTES };
    try {
      execFile("systemctl", [...args], limits, (error, stdout) =>
        resolve(error === null ? stdout : undefined),
      );
    } catch {
      // Where the kernel has no memory for a process, execFile throws instead of calling back.
      resolve(undefined);
    }
  });
}
