import type { Writable } from "node:stream";
import type { Clock, UnixMillis } from "../base/clock.ts";
import { fingerprintText } from "../base/fingerprint.ts";
import { escapeText } from "../base/text.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { Pin, PinSubject } from "../chat/pins.ts";
import type { Profile } from "../io/profile.ts";
import { MAX_UNIX_MILLIS } from "../wire/mp2-values.ts";
import { jsonLine } from "./json.ts";
import { acceptKey, forgetKey, type TrustChange, type Whose } from "./trust-changes.ts";

/** The commands about keys: `fingerprint` and `trust`. They work on the profile's files and need no network. */

export interface TrustContext {
  readonly profile: Profile;
  readonly clock: Clock;
  readonly output: Writable;
  readonly errors: Writable;
  readonly json: boolean;
}

/** Prints who we are: the key that others know us by on the first line. */
export async function runFingerprint({ profile, output, json }: TrustContext): Promise<number> {
  const identities = (await profile.identities()).map(({ slot, identity: { fingerprint } }) => ({
    slot,
    fingerprint,
    digits: fingerprintText(fingerprint),
  }));
  if (json) {
    output.write(`${jsonLine({ type: "fingerprint", identities })}\n`);
    return EXIT.ok;
  }
  for (const { slot, digits } of identities)
    output.write(slot === 1 ? `${digits}\n` : `${digits}  (of your program number ${slot} at one time)\n`);
  return EXIT.ok;
}

/** Prints the keys that are trusted, and those that were refused. */
export function runTrustList({ profile, output, json }: TrustContext): number {
  const pins = profile.pins.read().list();
  if (json) output.write(`${jsonLine({ type: "trust", keys: pins.map(pinReport) })}\n`);
  else if (pins.length === 0) output.write("no key has been seen yet\n");
  else for (const pin of pins) output.write(pinLines(pin));
  return EXIT.ok;
}

/** The user accepts the key that came last under `name`. */
export function runTrustAccept(
  context: TrustContext,
  how: { name: string; whose: Whose; spoken: string | undefined },
): number {
  const at = context.clock.wall();
  return change(context, "accepted", (pins) => acceptKey(pins, { ...how, at }));
}

/** The next key that comes under `name` is taken as the first. */
export function runTrustForget(context: TrustContext, how: { name: string; whose: Whose }): number {
  return change(context, "forgotten", (pins) => forgetKey(pins, how.name, how.whose));
}

function change(
  { profile, output, errors, json }: TrustContext,
  what: "accepted" | "forgotten",
  of: (pins: ReturnType<Profile["pins"]["read"]>) => TrustChange,
): number {
  // Looked at again when another program was faster.
  const attempts: TrustChange[] = [];
  profile.pins.update((pins) => {
    const attempt = of(pins);
    attempts.push(attempt);
    return attempt.ok ? attempt.pins : pins;
  });
  const result = attempts.at(-1);
  if (result === undefined) return EXIT.failure;
  if (!result.ok) {
    errors.write(`multiproto-chat: ${result.text}\n`);
    return result.why === "unknown" ? EXIT.unknownName : EXIT.usage;
  }
  const { subject, fingerprint } = result;
  if (json) output.write(`${jsonLine({ type: what, ...subjectReport(subject), fingerprint })}\n`);
  else output.write(`${what}: ${subjectText(subject)} ${fingerprintText(fingerprint)}\n`);
  return EXIT.ok;
}

function subjectReport({ kind, name }: PinSubject): object {
  return { kind, name };
}

function pinReport(pin: Pin): object {
  const { fingerprint, by, since, refused } = pin;
  return {
    ...subjectReport(pin),
    fingerprint,
    digits: fingerprintText(fingerprint),
    trust: refused !== undefined ? "changed" : by === "user" ? "verified" : "pinned",
    since: isoTime(since),
    ...(refused === undefined
      ? {}
      : { refused: { fingerprint: refused.fingerprint, at: isoTime(refused.at) } }),
  };
}

/** "ola  04521 …  first seen 2026-11-22", and what to do where another key was refused. */
function pinLines(pin: Pin): string {
  const name = subjectText(pin);
  const how = pin.by === "user" ? "accepted by you" : "first seen";
  const line = `${name.padEnd(24)} ${fingerprintText(pin.fingerprint)}  ${how} ${day(pin.since)}\n`;
  if (pin.refused === undefined) return line;
  const other = fingerprintText(pin.refused.fingerprint);
  const why = `  ANOTHER KEY came on ${day(pin.refused.at)} and was REFUSED:`;
  const then = `  is it really theirs? ask them to read it out: multiproto-chat trust accept ${escapeText(pin.name, 64)}`;
  return `${line}${why}\n${" ".repeat(25)}${other}\n${then}\n`;
}

function subjectText({ kind, name }: PinSubject): string {
  return kind === "peer" ? escapeText(name, 64) : `registry ${escapeText(name, 64)}`;
}

function day(at: number): string {
  return isoTime(at).slice(0, 10);
}

/** Of any time that may stand in a file: `Date` throws beyond its range. */
function isoTime(at: UnixMillis): string {
  return new Date(Math.min(Math.max(at, 0), MAX_UNIX_MILLIS)).toISOString();
}
