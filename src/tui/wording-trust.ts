import { fingerprintText } from "../base/fingerprint.ts";
import type { ChatNotice } from "../chat/notices.ts";
import type { Pin, PinSubject } from "../chat/pins.ts";
import type { Restricted, Restriction, RestrictionLevel } from "../chat/restrictions.ts";
import { alarm, type Line, nameText, pad, plain } from "./lines.ts";
import { isoTime } from "./time.ts";

/** "ola  04521 …  first seen 2026-11-22", and what to do where another key was refused. */
export function pinLines(pin: Pin): readonly Line[] {
  const how = pin.by === "user" ? "accepted by you" : "first seen";
  const digits = fingerprintText(pin.fingerprint);
  const line = plain(`${pad(pinName(pin), 20)} ${digits}  ${how} ${isoTime(pin.since).slice(0, 10)}`);
  if (pin.refused === undefined) return [line];
  const day = isoTime(pin.refused.at).slice(0, 10);
  return [
    line,
    ...alarm(
      `ANOTHER KEY came as ${pinName(pin)} on ${day} and was REFUSED:`,
      `                 ${fingerprintText(pin.refused.fingerprint)}`,
      `Is it theirs? Ask for the digits; then: multiproto-chat trust accept ${nameText(pin.name)} DIGITS`,
    ),
  ];
}

/** "ola  ignored since 2026-11-22  04521 …". */
export function restrictionLine({ name, fingerprint, level, since }: Restriction): Line {
  const who = fingerprint === undefined ? "by name: whoever has no key" : fingerprintText(fingerprint);
  return plain(`${pad(nameText(name), 20)} ${level} since ${isoTime(since).slice(0, 10)}  ${who}`);
}

/** What `ignore`, `block` and their opposites have done. */
export function restrictedText(
  { name, fingerprint }: Restricted,
  level: RestrictionLevel | undefined,
): string {
  const who = nameText(name);
  if (level === undefined) return `${who} is heard again`;
  const how = fingerprint === undefined ? " by name, since no key is known: another name is heard" : "";
  return `${who} is ${level} from now on${how}`;
}

/** What `/trust accept` and `/trust forget` have done. */
export function trustChangedText({
  change,
  subject,
  fingerprint,
}: Omit<Extract<ChatNotice, { type: "trust" }>, "type">): string {
  if (change === "forgotten") return `forgotten: ${pinName(subject)}; the next key is taken as the first`;
  return `accepted: ${pinName(subject)} ${fingerprintText(fingerprint)}`;
}

export function pinName({ kind, name }: PinSubject): string {
  return kind === "peer" ? nameText(name) : `registry ${nameText(name)}`;
}
