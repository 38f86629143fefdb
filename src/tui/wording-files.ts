import { escapeText } from "../base/text.ts";
import type { Transfer, TransferChange, TransferWhy } from "../chat/files/transfer.ts";
import { bad, good, type Line, nameText, plain, quiet } from "./lines.ts";

/** What people read of files. Names are safe to be shown as they are; they are escaped all the same. */

const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** "512 bytes", "2.9 MiB". */
export function sizeText(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`;
  let unit = 0;
  let value = bytes / 1_024;
  for (; value >= 999.95 && unit < UNITS.length - 1; unit += 1) value /= 1_024;
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

export function fileText(name: string): string {
  return escapeText(name, 255);
}

/** "photo.jpg (2.9 MiB)". */
function what({ name, size }: Transfer): string {
  return `${fileText(name)} (${sizeText(size)})`;
}

/** The lines for what happened; none for what happens often. `number`: of the file, in this face. */
export function fileLines(transfer: Transfer, change: TransferChange, number: number): readonly Line[] {
  const name = fileText(transfer.name);
  const peer = nameText(transfer.peer);
  const isOurs = transfer.direction === "out";
  switch (change) {
    case "offered":
      if (isOurs) return [quiet(`file ${number}: ${what(transfer)} is offered to ${peer}`)];
      return [
        plain(
          `${peer} wants to send you ${what(transfer)}. To take it: /accept ${number}, else: /refuse ${number}`,
        ),
      ];
    case "not-accepted":
      return [bad(`${name} cannot be taken: ${whyText(transfer)}; it stays offered (/accept ${number})`)];
    case "accepted":
      return isOurs ? [quiet(`${peer} takes ${name}`)] : [];
    case "started":
      return [quiet(isOurs ? `${name} is on its way to ${peer}` : `${name} is coming from ${peer}`)];
    case "paused":
      return [quiet(`${name} is paused at ${percent(transfer)} %: ${whyText(transfer)}`)];
    case "resumed":
      return [quiet(`${name} goes on`)];
    case "done":
      if (isOurs) return [good(`${peer} has ${what(transfer)} ✓`)];
      return [good(`${what(transfer)} from ${peer} is here: ${escapeText(transfer.path)}`)];
    case "refused":
      return isOurs ? [bad(`${peer} does not want ${name}`)] : [quiet(`${name} is refused`)];
    case "failed":
      return [bad(`${name} ${isOurs ? `to ${peer}` : `from ${peer}`} failed: ${whyText(transfer)}`)];
    case "cancelled":
      return [
        quiet(transfer.why === "there" ? `${peer} does not send ${name} any more` : `${name} is cancelled`),
      ];
    // It goes on by itself, mostly within a second; lists and the full screen show it.
    case "interrupted":
    case "progress":
      return [];
  }
}

/** One line for a list: what, with whom, how far. */
export function fileLine(transfer: Transfer, number: number): string {
  const direction =
    transfer.direction === "out" ? `to ${nameText(transfer.peer)}` : `from ${nameText(transfer.peer)}`;
  return `${String(number).padStart(3)}  ${what(transfer)} ${direction}: ${stateText(transfer)}`;
}

/** "running, 45 % at 12.1 MiB/s, 12 s left". */
export function stateText(transfer: Transfer): string {
  const { state, direction, size, bytes, bytesPerSecond } = transfer;
  switch (state) {
    case "offered":
      return direction === "out" ? `${nameText(transfer.peer)} has not answered` : "offered";
    case "waiting":
      return `${percent(transfer)} %, waiting for ${nameText(transfer.peer)}`;
    case "running": {
      if (bytesPerSecond <= 0) return `${percent(transfer)} %`;
      const left = Math.ceil((size - bytes) / bytesPerSecond);
      return `${percent(transfer)} % at ${sizeText(bytesPerSecond)}/s, ${leftText(left)} left`;
    }
    case "paused":
      return `paused at ${percent(transfer)} %: ${whyText(transfer)}`;
    case "done":
      return direction === "out" ? `✓ ${nameText(transfer.peer)} has it` : `✓ ${escapeText(transfer.path)}`;
    default:
      return `${state}: ${whyText(transfer)}`;
  }
}

export function percent({ bytes, size }: Transfer): number {
  return size === 0 ? 100 : Math.floor((bytes / size) * 100);
}

/** "12 s", "3:05 min", "1:10 h". */
function leftText(seconds: number): string {
  if (seconds < 100) return `${seconds} s`;
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 6_000) return `${Math.floor(seconds / 60)}:${two(seconds % 60)} min`;
  return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)} h`;
}

/** Why, and what can be done. */
export function whyText({ why, direction, peer, path }: Transfer): string {
  const name = nameText(peer);
  const file = escapeText(path, 300);
  const texts: Readonly<Record<TransferWhy, string>> = {
    here: "by you (/resume)",
    there: `by ${name}`,
    "disk-full": "there is not enough room on the disk (free some, then: /resume)",
    "unknown-name": `nobody here is called ${name} (see who is there: list)`,
    "not-supported": `${name} has an older client, which takes no files`,
    "key-changed": `${name} shows another key than the one that you know (/trust)`,
    "blocked-here": `you have blocked ${name} (/unblock ${name})`,
    "too-many":
      direction === "out"
        ? "too many files are under way with you or there; try again later"
        : "too many files",
    "not-found": `there is no file ${file}`,
    "not-a-file": `${file} is no regular file (a folder: pack it first, as with tar)`,
    unreadable:
      direction === "out" ? `${file} cannot be read (see: ls -l)` : `${name} cannot read it any more`,
    changed:
      direction === "out"
        ? "it was changed after it was offered; send it again"
        : `${name} has changed it meanwhile`,
    declined: direction === "out" ? `${name} does not want it` : "by you",
    corrupt: "what came is not what was sent; nothing of it was kept; send it again",
    storage:
      direction === "out"
        ? `${name} cannot store it`
        : "the folder for it cannot be used (see above; repair that, then: /resume)",
    unknown: `${name} does not know of it any more`,
    cancelled: "by you",
    other: "the other side says no more",
  };
  return why === undefined ? "" : texts[why];
}
