import { MisuseError } from "../base/errors.ts";
import type { CborFault, CborValue } from "./mp2-cbor.ts";

/** Codecs of single values: what the fields of mp2's messages are made of. mp2-schema.ts makes messages of them. */

/** Why bytes are no message of ours. Constant texts, safe to log. */
export type Reason =
  | CborFault
  /** Longer than any message of its family, or a length field says so. */
  | "too-long"
  /** No map with an unsigned integer under key 0. */
  | "not-a-message"
  /** A type that its family, in its direction, does not have. */
  | "unknown-type"
  | "missing-field"
  /** A field of the wrong CBOR type or outside its bounds. */
  | "bad-field"
  /** An enumeration's number that this version does not know. */
  | "unknown-value"
  /** A datagram that is not mp2's, or of another version of it. */
  | "bad-prefix"
  /** A hello that is not padded to its size. */
  | "bad-length"
  | "bad-signature";

/** What a decoder returns: the whole typed value, or why there is none. It never throws and never guesses. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | Undecoded;

export interface Undecoded {
  readonly ok: false;
  readonly reason: Reason;
  /** Where in the schema: "holder.address". */
  readonly field?: string;
}

/** A refusal on its way up through the schema. */
export class Fault {
  readonly reason: Reason;
  readonly field: string | undefined;

  constructor(reason: Reason, field?: string) {
    this.reason = reason;
    this.field = field;
  }

  within(field: string): Fault {
    return new Fault(this.reason, this.field === undefined ? field : `${field}.${this.field}`);
  }
}

export const BAD = new Fault("bad-field");
const UNKNOWN_VALUE = new Fault("unknown-value");

/** One kind of value, both ways. */
export interface Codec<T> {
  /** Throws {@link MisuseError} for a value outside the schema: a bug of ours. */
  readonly encode: (value: T) => CborValue;
  readonly decode: (value: CborValue) => T | Fault;
}

/** An unsigned integer within bounds, both included. */
export function uint(least: number, most: number): Codec<number> {
  const fits = (value: unknown): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
  return {
    encode: (value) => (fits(value) ? value : misuse(`${value} is not within ${least} and ${most}`)),
    decode: (value) => (fits(value) ? value : BAD),
  };
}

export const boolean: Codec<boolean> = {
  encode: (value) => value,
  decode: (value) => (typeof value === "boolean" ? value : BAD),
};

/** A byte string of `least` to `most` bytes. `T` is its branded type, if it has one. */
export function byteString<T extends Uint8Array = Uint8Array>(least: number, most: number): Codec<T> {
  const fits = (value: unknown): value is T =>
    value instanceof Uint8Array && value.length >= least && value.length <= most;
  return {
    encode: (value) =>
      fits(value) ? value : misuse(`${(value as Uint8Array).length} bytes instead of ${least} to ${most}`),
    decode: (value) => (fits(value) ? value : BAD),
  };
}

/** A byte string of exactly `length` bytes that is lower-case hexadecimal inside the program. */
export function hexString<T extends string>(length: number): Codec<T> {
  const bytes = byteString(length, length);
  return {
    encode: (value) =>
      value.length === 2 * length
        ? bytes.encode(new Uint8Array(Buffer.from(value, "hex")))
        : misuse(`${value.length} hexadecimal digits instead of ${2 * length}`),
    decode: (value) => {
      const decoded = bytes.decode(value);
      return decoded instanceof Fault ? decoded : (Buffer.from(decoded).toString("hex") as T);
    },
  };
}

/** Text with a parser; its branded type carries the proof, so the encoder does not parse again. */
export function text<T extends string>(parse: (text: string) => T | undefined): Codec<T> {
  return {
    encode: (value) => value,
    decode: (value) => (typeof value === "string" ? (parse(value) ?? BAD) : BAD),
  };
}

/** `inner` in another form inside the program; `parse` gives undefined for what has none. */
export function converted<Inner, T>(
  inner: Codec<Inner>,
  form: (value: T) => Inner,
  parse: (value: Inner) => T | undefined,
): Codec<T> {
  return {
    encode: (value) => inner.encode(form(value)),
    decode: (value) => {
      const decoded = inner.decode(value);
      return decoded instanceof Fault ? decoded : (parse(decoded) ?? BAD);
    },
  };
}

/** Names for numbers. A number without a name is refused. */
export function choice<T extends string>(numbers: Readonly<Record<T, number>>): Codec<T> {
  const names = new Map<CborValue, T>();
  for (const name of Object.keys(numbers) as T[]) names.set(numbers[name], name);
  return {
    encode: (value) => numbers[value] ?? misuse(`${value} has no number`),
    decode: (value) => names.get(value) ?? (isUint(value) ? UNKNOWN_VALUE : BAD),
  };
}

/** A choice that later versions may widen: a number without a name is taken for `otherwise`. */
export function openChoice<T extends string>(
  numbers: Readonly<Record<T, number>>,
  otherwise: NoInfer<T>,
): Codec<T> {
  const closed = choice<T>(numbers);
  return {
    encode: closed.encode,
    decode: (value) => {
      const decoded = closed.decode(value);
      return decoded === UNKNOWN_VALUE ? otherwise : decoded;
    },
  };
}

/** `least` to `most` values of one kind. */
export function list<T>(codec: Codec<T>, least: number, most: number): Codec<readonly T[]> {
  return {
    encode: (values) =>
      values.length >= least && values.length <= most
        ? values.map(codec.encode)
        : misuse(`${values.length} items instead of ${least} to ${most}`),
    decode: (value) => {
      if (!Array.isArray(value) || value.length < least || value.length > most) return BAD;
      const items: T[] = [];
      for (const item of value as readonly CborValue[]) {
        const decoded = codec.decode(item);
        if (decoded instanceof Fault) return decoded;
        items.push(decoded);
      }
      return items;
    },
  };
}

export function isUint(value: CborValue | undefined): boolean {
  return typeof value === "number" && value >= 0;
}

/** Throws: we are about to send what nobody would take. */
export function misuse(text: string): never {
  throw new MisuseError(`Cannot encode for mp2: ${text}`);
}
