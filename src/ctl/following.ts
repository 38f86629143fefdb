/** The roster's changes as they happen, for as long as somebody wants them, over restarts of the registry. */
import { setTimeout as after } from "node:timers/promises";
import type { ChangesReport, ChangesRequest } from "../control/changes.ts";
import { ConnectionError, type ControlClient } from "../control/client.ts";
import { ControlError } from "../control/errors.ts";
import type { Registry } from "./registry.ts";

/** How long one request waits at the registry for something to happen. */
const WAIT_MILLIS = 25_000;
/** Beyond it, an answer that does not come means that the registry hangs. */
const GRACE_MILLIS = 5_000;
/** Between two looks whether a registry that has ended runs again. */
const LOOK_MILLIS = 200;

export type Followed =
  | { readonly type: "changes"; readonly report: ChangesReport }
  /** The registry has ended; the next report is whole. */
  | { readonly type: "ended" };

/**
 * The whole roster first, then what changes. It never starts a registry: when one ends, it waits until another runs.
 * Ends when `until` has passed (`performance.now()`). Throws as {@link Registry.ask} when none runs at first.
 */
export async function* follow(registry: Registry, until = Infinity): AsyncGenerator<Followed, void> {
  let position: ChangesRequest["after"];
  for (let isFirst = true; ; isFirst = false) {
    if (!isFirst && !(await runsAgain(registry, until))) return;
    try {
      const [client, close] = await connect(registry);
      try {
        while (performance.now() < until) {
          const report = await next(client, position, until - performance.now());
          const isNews = position === undefined || report.clients.length > 0;
          position = { epoch: report.epoch, seq: report.seq };
          if (isNews) yield { type: "changes", report };
        }
        return;
      } finally {
        close();
      }
    } catch (error) {
      if (!hasEnded(error) || (isFirst && position === undefined)) throw error;
      if (position !== undefined) yield { type: "ended" };
      position = undefined;
    }
  }
}

/** A connection for as long as the caller wants it. */
async function connect(registry: Registry): Promise<[ControlClient, () => void]> {
  const closed = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<ControlClient>();
  const session = registry.ask((client) => {
    opened.resolve(client);
    return closed.promise;
  });
  session.catch(opened.reject);
  return [await opened.promise, closed.resolve];
}

function next(
  client: ControlClient,
  position: ChangesRequest["after"],
  leftMillis: number,
): Promise<ChangesReport> {
  const waitMillis = Math.max(0, Math.floor(Math.min(WAIT_MILLIS, leftMillis)));
  const request = position === undefined ? { waitMillis } : { after: position, waitMillis };
  return client.request("changes", request, waitMillis + GRACE_MILLIS);
}

/** The connection is gone, or the registry is on its way down or up. */
function hasEnded(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.reason === "closed" || error.reason === "not-running";
  return error instanceof ControlError && (error.code === "stopping" || error.code === "failed");
}

/** Not at once: one that has just ended or is about to be ready would be asked in vain, over and over. */
async function runsAgain(registry: Registry, until: number): Promise<boolean> {
  for (;;) {
    const left = until - performance.now();
    if (left <= 0) return false;
    await after(Math.min(LOOK_MILLIS, left));
    if (registry.running() !== undefined) return true;
  }
}
