import type { Fingerprint } from "../base/fingerprint.ts";
import { escapeText } from "../base/text.ts";
import type { Pins } from "../chat/pins.ts";
import { MAX_RESTRICTIONS, type Restricted, type RestrictionLevel } from "../chat/restrictions.ts";

/** What `/ignore`, `/block` and their opposites mean, for the command line and for the chat. */

export type RestrictionChange =
  | { readonly ok: true; readonly all: readonly Restricted[] }
  | { readonly ok: false; readonly why: "unknown" | "full"; readonly text: string };

/** Somebody whom the roster lists, with a key or without; undefined: nobody of that name. */
export type Listing = { readonly fingerprint: Fingerprint | undefined } | undefined;

/** By the key that the roster has under that name, else by the one that is known; by name where there is none. */
export function restrictChange(pins: Pins, name: string, listed: Listing): RestrictionChange {
  const fingerprint =
    listed === undefined ? pins.find({ kind: "peer", name })?.fingerprint : listed.fingerprint;
  const who = { name, fingerprint };
  if (pins.restrictions.isFull && pins.restrictions.of(who) === undefined)
    return { ok: false, why: "full", text: `${MAX_RESTRICTIONS} are ignored and blocked already` };
  return { ok: true, all: [who] };
}

/** All that were of that name when it was said, and whoever has the key that the roster has under it now. */
export function liftChange(
  pins: Pins,
  { name, level }: { readonly name: string; readonly level: RestrictionLevel },
  listed: Listing,
): RestrictionChange {
  const all = pins.restrictions.called(name, listed?.fingerprint).filter((item) => item.level === level);
  if (all.length > 0) return { ok: true, all };
  return { ok: false, why: "unknown", text: `${escapeText(name, 64)} is not ${level} (see: trust list)` };
}
