import type { Writable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { fingerprintText } from "../base/fingerprint.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { Pin, PinSubject, Pins } from "../chat/pins.ts";
import type { Restriction, RestrictionLevel } from "../chat/restrictions.ts";
import type { ChooseChanges } from "../chat/trust.ts";
import type { Profile } from "../io/profile.ts";
import { jsonLine } from "./json.ts";
import { liftChange, type RestrictionChange, restrictChange } from "./restriction-changes.ts";
import { isoTime } from "./time.ts";
import { acceptKey, forgetKey, type TrustChange, type Whose } from "./trust-changes.ts";
import { pinLines, pinName, restrictedText, restrictionLine } from "./wording-trust.ts";

/** The commands about keys: `fingerprint` and `trust`. They need no network. */

export interface TrustContext {
  readonly profile: Profile;
  readonly changeKeys: (choose: ChooseChanges) => Promise<void>;
  readonly clock: Clock;
  readonly output: Writable;
  readonly errors: Writable;
  readonly json: boolean;
}

/** Prints who we are: the key that others know us by. */
export async function runFingerprint({ profile, output, json }: TrustContext): Promise<number> {
  const { fingerprint } = await profile.identity();
  const digits = fingerprintText(fingerprint);
  const report = { type: "fingerprint", identities: [{ slot: 1, fingerprint, digits }] };
  output.write(`${json ? jsonLine(report) : digits}\n`);
  return EXIT.ok;
}

/** Prints the keys that are trusted, and those that were refused. */
export function runTrustList({ profile, output, json }: TrustContext): number {
  const read = profile.pins.read();
  const pins = read.list();
  const restrictions = read.restrictions.list();
  const report = {
    type: "trust",
    keys: pins.map(pinReport),
    restrictions: restrictions.map(restrictionReport),
  };
  if (json) output.write(`${jsonLine(report)}\n`);
  else if (pins.length + restrictions.length === 0) output.write("no key has been seen yet\n");
  else
    for (const { text } of [...pins.flatMap(pinLines), ...restrictions.map(restrictionLine)])
      output.write(`${text}\n`);
  return EXIT.ok;
}

/** The user accepts the key that came last under `name`. */
export function runTrustAccept(
  context: TrustContext,
  how: { name: string; whose: Whose; spoken: string | undefined },
): Promise<number> {
  const at = context.clock.wall();
  return change(context, "accepted", (pins) => acceptKey(pins, { ...how, at }));
}

/** The next key that comes under `name` is taken as the first. */
export function runTrustForget(context: TrustContext, how: { name: string; whose: Whose }): Promise<number> {
  return change(context, "forgotten", (pins) => forgetKey(pins, how.name, how.whose));
}

/** The user does not want to hear NAME; `lifts`: or does again. */
export async function runTrustRestrict(
  context: TrustContext,
  how: { readonly name: string; readonly level: RestrictionLevel; readonly lifts: boolean },
): Promise<number> {
  const { clock, output, errors, json } = context;
  const { name, level, lifts } = how;
  const at = clock.wall();
  const attempts: RestrictionChange[] = [];
  await context.changeKeys((pins) => {
    const attempt = lifts ? liftChange(pins, how, undefined) : restrictChange(pins, name, undefined);
    attempts.push(attempt);
    const all = attempt.ok ? attempt.all : [];
    return all.map(({ name: called, fingerprint }) => ({
      ...({ type: "restrict", who: { name: called, fingerprint }, at } as const),
      level: lifts ? undefined : level,
    }));
  });
  const result = attempts.at(-1);
  if (result === undefined) return EXIT.failure;
  if (!result.ok) {
    errors.write(`multiproto-chat: ${result.text}\n`);
    return result.why === "unknown" ? EXIT.unknownName : EXIT.failure;
  }
  for (const who of result.all) {
    const { fingerprint } = who;
    const report = { type: lifts ? "lifted" : level, name: who.name, fingerprint: fingerprint ?? null };
    output.write(`${json ? jsonLine(report) : restrictedText(who, lifts ? undefined : level)}\n`);
  }
  return EXIT.ok;
}

async function change(
  context: TrustContext,
  what: "accepted" | "forgotten",
  of: (pins: Pins) => TrustChange,
): Promise<number> {
  const { output, errors, json } = context;
  const attempts: TrustChange[] = [];
  await context.changeKeys((pins) => {
    const attempt = of(pins);
    attempts.push(attempt);
    return attempt.ok ? [attempt.change] : [];
  });
  const result = attempts.at(-1);
  if (result === undefined) return EXIT.failure;
  if (!result.ok) {
    errors.write(`multiproto-chat: ${result.text}\n`);
    return result.why === "unknown" ? EXIT.unknownName : EXIT.usage;
  }
  const { subject, fingerprint } = result;
  if (json) output.write(`${jsonLine({ type: what, ...subjectReport(subject), fingerprint })}\n`);
  else output.write(`${what}: ${pinName(subject)} ${fingerprintText(fingerprint)}\n`);
  return EXIT.ok;
}

function subjectReport({ kind, name }: PinSubject): object {
  return { kind, name };
}

function restrictionReport({ name, fingerprint, level, since }: Restriction): object {
  return { name, fingerprint: fingerprint ?? null, level, since: isoTime(since) };
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
