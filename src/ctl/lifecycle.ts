/** Starting and stopping as the commands start, stop and restart share them. */
import { setTimeout as after } from "node:timers/promises";
import { durationText } from "../base/text.ts";
import { ConnectionError } from "../control/client.ts";
import { ControlError } from "../control/errors.ts";
import type { ProcessMark } from "../control/pidfile.ts";
import type { StartReport } from "../control/reports.ts";
import { CommandFailure } from "./failure.ts";
import { journalTail } from "./journal.ts";
import type { Registry } from "./registry.ts";

export interface Started {
  readonly pid: number;
  readonly version: string;
}

/** Connects, which starts a socket-activated unit, and waits until the registry is ready. */
export async function start(registry: Registry, timeoutMillis: number): Promise<Started> {
  const since = Math.floor(Date.now() / 1000);
  const report = await startReport(registry, timeoutMillis, since);
  if (report.outcome === "ready") return { pid: report.pid, version: report.version };
  throw new CommandFailure(
    "failed",
    `the registry did not start: ${report.reason}`,
    await journalTail(since),
  );
}

/**
 * When a registry ends, systemd closes the connections that wait at the socket (FlushPending=, systemd.socket(5)). One
 * that came in just between the end and that is made anew, which then starts the unit.
 */
const START_ATTEMPTS = 6;
const BETWEEN_ATTEMPTS_MILLIS = 50;
const LOOK_BACK_SECONDS = 600;

async function startReport(
  registry: Registry,
  timeoutMillis: number,
  since: number,
  attempt = 1,
): Promise<StartReport> {
  try {
    return await registry.connected((client) => client.request("ready", undefined, timeoutMillis));
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    if (error.reason === "closed" && attempt < START_ATTEMPTS) {
      await after(BETWEEN_ATTEMPTS_MILLIS);
      return startReport(registry, timeoutMillis, since, attempt + 1);
    }
    if (error.reason === "timeout") {
      const text = `the registry was not ready within ${durationText(timeoutMillis)}`;
      throw new CommandFailure("timeout", text, await journalTail(since));
    }
    if (error.reason === "not-running") {
      // The socket is there, but nobody listens: systemd gave up after failures of some minutes ago.
      const remedy =
        "remove the cause, then as root: systemctl reset-failed multiproto; systemctl start multiproto";
      const text = `the registry did not start: ${error.message} (${remedy})`;
      throw new CommandFailure("failed", text, await journalTail(since - LOOK_BACK_SECONDS));
    }
    if (error.reason === "closed") {
      const text = `the registry did not start: ${error.message} (see: systemctl status multiproto)`;
      throw new CommandFailure("failed", text, await journalTail(since));
    }
    throw error;
  }
}

/** Asks the process `mark` to stop, `restarting` if only to be started again, and waits for its end. */
export async function stop(
  registry: Registry,
  mark: ProcessMark,
  timeoutMillis: number,
  restarting = false,
): Promise<void> {
  const deadline = performance.now() + timeoutMillis;
  try {
    await registry.connected((client) => client.request("stop", { restarting }, timeoutMillis));
  } catch (error) {
    if (!mayStopAnyway(error)) throw error;
  }
  if (await registry.ended(mark, deadline - performance.now())) return;
  throw new CommandFailure(
    "timeout",
    `the registry (pid ${mark.pid}) still runs after ${durationText(timeoutMillis)} (see: journalctl -u multiproto)`,
  );
}

/** It may have been on its way down already, whoever sent it there. */
function mayStopAnyway(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.reason !== "not-permitted";
  if (error instanceof ControlError) return error.code === "stopping";
  return error instanceof CommandFailure && error.code === "not-running";
}
