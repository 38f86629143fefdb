import { parseFingerprint } from "../base/fingerprint.ts";
import { MAX_PIN_NAME_LENGTH, type Pin, type PinSubject, Pins } from "./pins.ts";
import { type Restriction, Restrictions } from "./restrictions.ts";

/**
 * Pins as the text of their file: JSON, one pin a line for people who look at it and for `diff`. Read strictly, all or
 * nothing: whoever can make a line unreadable must not make a name unknown by it.
 */

/** 2: with restrictions, which a program that does not know them would drop; 1: without any. */
const VERSIONS: readonly unknown[] = [1, 2];

export function pinsText(pins: Pins): string {
  const lines = linesOf(pins.list());
  const restrictions = pins.restrictions.list();
  if (restrictions.length === 0) return `{"version": 1, "pins": [${lines}\n]}\n`;
  return `{"version": 2, "pins": [${lines}\n], "restrictions": [${linesOf(restrictions)}\n]}\n`;
}

function linesOf(items: readonly object[]): string {
  return items.map((item) => `\n  ${JSON.stringify(item)}`).join(",");
}

/** What is wrong comes back as text. */
export function parsePinsText(text: string): Pins | { readonly fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: "it is not JSON" };
  }
  if (!isRecord(value) || !Array.isArray(value.pins)) return { fault: "it holds no list of pins" };
  if (!VERSIONS.includes(value.version))
    return { fault: `it is of another version than ${VERSIONS.join(", ")}` };
  const pins: Pin[] = [];
  for (const [index, item] of value.pins.entries()) {
    const pin = parsePin(item);
    if (pin === undefined) return { fault: `its pin number ${index + 1} is damaged` };
    pins.push(pin);
  }
  const restrictions = value.version === 1 ? Restrictions.none : parseRestrictions(value.restrictions);
  if (restrictions === undefined) return { fault: "who is ignored and blocked in it is damaged" };
  return Pins.from(pins, restrictions) ?? { fault: "it has two pins for one name, or too many" };
}

/** All or nothing: whoever was blocked must not be heard because of a damaged line. */
function parseRestrictions(value: unknown): Restrictions | undefined {
  if (!Array.isArray(value)) return undefined;
  const all = value.map((item): Restriction | undefined => {
    if (!isRecord(item)) return undefined;
    const { name, level, since } = item;
    const fingerprint =
      typeof item.fingerprint === "string" ? parseFingerprint(item.fingerprint) : item.fingerprint;
    const isKey = typeof fingerprint === "string" || item.fingerprint === undefined;
    if (!isName(name) || !isKey || (level !== "ignored" && level !== "blocked")) return undefined;
    if (typeof since !== "number" || !Number.isSafeInteger(since)) return undefined;
    return { name, fingerprint: fingerprint as Restriction["fingerprint"], level, since };
  });
  const sound = all.filter((item) => item !== undefined);
  return sound.length === all.length ? Restrictions.from(sound) : undefined;
}

function parsePin(value: unknown): Pin | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, name, by, since } = value;
  const key = parseKey(value.fingerprint, since);
  if (!isKind(kind) || !isName(name) || key === undefined || !(by === "first-use" || by === "user"))
    return undefined;
  const pin: Pin = { kind, name, fingerprint: key.fingerprint, by, since: key.at };
  if (value.refused === undefined) return pin;
  if (!isRecord(value.refused)) return undefined;
  const refused = parseKey(value.refused.fingerprint, value.refused.at);
  return refused === undefined ? undefined : { ...pin, refused };
}

function parseKey(text: unknown, at: unknown) {
  const fingerprint = typeof text === "string" ? parseFingerprint(text) : undefined;
  if (fingerprint === undefined || typeof at !== "number" || !Number.isSafeInteger(at)) return undefined;
  return { fingerprint, at };
}

function isKind(value: unknown): value is PinSubject["kind"] {
  return value === "realm" || value === "host" || value === "peer";
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_PIN_NAME_LENGTH;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
