/** What has become of a client, in words. */
import type { ChangedClient } from "../control/changes.ts";

/** Whether somebody who writes to it now is heard. */
export function isThere({ state }: ChangedClient): boolean {
  return state === "online" || state === "away" || state === "suspect";
}

/** Since `before`, if it was known. Undefined: nothing that people would look at. */
export function changeText(before: ChangedClient | undefined, now: ChangedClient): string | undefined {
  const { nickname, state, status } = now;
  const says = status === null ? "" : `: ${status}`;
  if (state === "gone") return `${nickname} is no longer known`;
  if (state === "offline")
    return before?.state === "offline" ? undefined : `${nickname} is offline (${now.reason ?? "lost"})`;
  if (before === undefined || !isThere(before)) return `${nickname} is online at ${whereText(now)}${says}`;
  if (before.fingerprint !== now.fingerprint) return `${nickname} is another now, at ${whereText(now)}`;
  if (whereText(before) !== whereText(now)) return `${nickname} is at ${whereText(now)} now`;
  if (state !== before.state) return stateText(before, now) + (state === "away" ? says : "");
  if (status !== before.status)
    return `${nickname}${status === null ? " says nothing more" : ` says${says}`}`;
  return undefined;
}

function stateText(before: ChangedClient, { nickname, state }: ChangedClient): string {
  if (state === "suspect") return `${nickname} does not answer`;
  if (before.state === "suspect")
    return `${nickname} answers again${state === "away" ? ", and is away" : ""}`;
  return state === "away" ? `${nickname} is away` : `${nickname} is back`;
}

/** "10.0.0.5:51234 (mp2)". */
export function whereText({ address, port, protocol }: ChangedClient): string {
  if (address === null) return "an unknown address";
  const host = address.includes(":") ? `[${address}]` : address;
  return `${host}:${port} (${protocol === "mp2" ? "mp2" : "mp1, unverified"})`;
}
