import { parseFingerprint } from "../base/fingerprint.ts";
import { MAX_PIN_NAME_LENGTH, type Pin, type PinSubject, Pins } from "./pins.ts";

/**
 * Pins as the text of their file: JSON, one pin a line for people who look at it and for `diff`. Read strictly, all or
 * nothing: whoever can make a line unreadable must not make a name unknown by it.
 */

const VERSION = 1;

export function pinsText(pins: Pins): string {
  const lines = pins.list().map((pin) => `\n  ${JSON.stringify(pin)}`);
  return `{"version": ${VERSION}, "pins": [${lines.join(",")}\n]}\n`;
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
  if (value.version !== VERSION) return { fault: `it is of another version than ${VERSION}` };
  const pins: Pin[] = [];
  for (const [index, item] of value.pins.entries()) {
    const pin = parsePin(item);
    if (pin === undefined) return { fault: `its pin number ${index + 1} is damaged` };
    pins.push(pin);
  }
  return Pins.from(pins) ?? { fault: "it has two pins for one name, or too many" };
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
