import type { UnixMillis } from "../base/clock.ts";
import {
  type Fingerprint,
  fingerprintText,
  isSpokenOf,
  parseFingerprint,
  parseSpokenFingerprint,
} from "../base/fingerprint.ts";
import { escapeText } from "../base/text.ts";
import type { Pin, PinSubject, Pins } from "../chat/pins.ts";
import type { TrustedChange } from "../chat/trust.ts";

/** What `trust accept` and `trust forget` change in a set of pins, for the command line and for the chat's `/trust`. */

/** Whose pins are meant: people's, registries', or either. */
export type Whose = "peer" | "registry" | undefined;

export type TrustChange =
  | {
      readonly ok: true;
      readonly change: TrustedChange;
      readonly subject: PinSubject;
      readonly fingerprint: Fingerprint;
    }
  | {
      readonly ok: false;
      readonly why: "unknown" | "ambiguous" | "mismatch" | "usage";
      readonly text: string;
    };

/**
 * The user trusts the key that came last under `name`: the refused one, or else the pinned one, which is verified from
 * then on. With `spoken` (the digits, or all of the fingerprint) that one of these, and no other.
 */
export function acceptKey(
  pins: Pins,
  how: {
    name: string;
    whose: Whose;
    spoken: string | undefined;
    at: UnixMillis;
    /** The key under that name in the roster that we have, proved or not. */
    listed?: Fingerprint | undefined;
  },
): TrustChange {
  const found = findPin(pins, how.name, how.whose);
  if ("ok" in found) return acceptInAdvance(how) ?? found;
  const last = how.listed ?? found.refused?.fingerprint ?? found.fingerprint;
  const fingerprint =
    how.spoken === undefined
      ? last
      : matching([last, found.refused?.fingerprint, found.fingerprint], how.spoken);
  if (fingerprint === undefined) return mismatch(found, last, how.spoken ?? "");
  return accepted(found, fingerprint, how.at);
}

/** The name is unknown again: the next key that comes under it is taken as the first. */
export function forgetKey(pins: Pins, name: string, whose: Whose): TrustChange {
  const found = findPin(pins, name, whose);
  if ("ok" in found) return found;
  const subject = { kind: found.kind, name: found.name };
  return { ok: true, change: { type: "forget", subject }, subject, fingerprint: found.fingerprint };
}

/** A key that the user was given before anybody used it here: all of its fingerprint is needed. */
function acceptInAdvance({
  name,
  whose,
  spoken,
  at,
}: {
  name: string;
  whose: Whose;
  spoken: string | undefined;
  at: UnixMillis;
}): TrustChange | undefined {
  const fingerprint = parseFingerprint((spoken ?? "").trim().toLowerCase());
  if (fingerprint === undefined || whose === undefined) return undefined;
  return accepted({ kind: whose === "peer" ? "peer" : "host", name }, fingerprint, at);
}

function accepted({ kind, name }: PinSubject, fingerprint: Fingerprint, at: UnixMillis): TrustChange {
  const subject = { kind, name };
  return { ok: true, change: { type: "accept", subject, fingerprint, at }, subject, fingerprint };
}

function findPin(pins: Pins, name: string, whose: Whose): Pin | Extract<TrustChange, { ok: false }> {
  const kinds = whose === "peer" ? (["peer"] as const) : (["realm", "host"] as const);
  const wanted = whose === undefined ? (["peer", ...kinds] as const) : kinds;
  const found = wanted.flatMap((kind) => pins.find({ kind, name }) ?? []);
  const shown = escapeText(name, 64);
  const [first] = found;
  if (first === undefined) {
    const text = `no key of ${shown} has been seen (see: trust list)`;
    return { ok: false, why: "unknown", text };
  }
  if (found.length === 1) return first;
  // A change is more urgent than what is as ever; else the user has to say which.
  const changed = found.filter(({ refused }) => refused !== undefined);
  if (changed.length === 1 && changed[0] !== undefined) return changed[0];
  const text = `${shown} is both a person and a registry (say which: --kind peer or --kind registry)`;
  return { ok: false, why: "ambiguous", text };
}

function matching(candidates: readonly (Fingerprint | undefined)[], spoken: string): Fingerprint | undefined {
  const parsed = parseSpokenFingerprint(spoken);
  return parsed === undefined
    ? undefined
    : candidates.find((candidate) => candidate !== undefined && isSpokenOf(parsed, candidate));
}

function mismatch(pin: Pin, last: Fingerprint, spoken: string): TrustChange {
  if (parseSpokenFingerprint(spoken) === undefined) {
    const text = "a fingerprint is eight groups of five digits, or 64 hexadecimal digits, and all of them";
    return { ok: false, why: "usage", text };
  }
  const came = fingerprintText(last);
  const text = `that is not the key that came as ${escapeText(pin.name, 64)}, which is ${came}: not accepted`;
  return { ok: false, why: "mismatch", text };
}
