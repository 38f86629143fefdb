import { encode, Tokenizer } from "cborg";
import { MisuseError } from "../base/errors.ts";
import { decodeUtf8 } from "../base/text.ts";

/**
 * The part of CBOR (RFC 8949) that mp2 uses, in its Core Deterministic Encoding (§4.2.1) and nothing else: a value has
 * one form, so equal bytes are equal messages and no key can be given twice. docs/decisions/0008-mp2-encoding.md.
 *
 * Taken: integers in JavaScript's safe range, booleans, byte strings, UTF-8 text, arrays, and maps whose keys are
 * unsigned integers in ascending order. Refused: everything else, thus floats, null, undefined, other simple values,
 * tags, indefinite lengths, and longer forms of lengths and integers than necessary.
 */
export type CborValue = number | boolean | string | Uint8Array | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<number, CborValue>;

/** Why bytes are not a CBOR value of ours. */
export type CborFault =
  /** Not CBOR, cut short, in a longer form than necessary, of indefinite length, or a number beyond the safe range. */
  | "malformed"
  /** Bytes after the value. */
  | "trailing-bytes"
  /** Nested deeper than {@link MAX_DEPTH}. */
  | "too-deep"
  /** A float, null or a tag. */
  | "forbidden-item"
  /** A map key that is no unsigned integer. */
  | "bad-key"
  /** Map keys that do not ascend: out of order, or the same one twice. */
  | "unordered-keys"
  /** Text that is not UTF-8. */
  | "bad-text";

export type CborResult =
  | { readonly ok: true; readonly value: CborValue }
  | { readonly ok: false; readonly reason: CborFault };

/** Arrays and maps within each other; mp2 uses three. */
const MAX_DEPTH = 8;

const DECODE = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  retainStringBytes: true,
} as const;

/**
 * Decodes exactly one value. Time and memory are proportional to `bytes.length`, which the caller bounds. The result
 * shares no memory with `bytes`.
 */
export function decodeCbor(bytes: Uint8Array): CborResult {
  // cborg's slices copy only if this is no Buffer.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const tokens = new Tokenizer(plain, DECODE);
    const value = readValue(tokens, plain.length, 0);
    return tokens.done() ? { ok: true, value } : { ok: false, reason: "trailing-bytes" };
  } catch (error) {
    return { ok: false, reason: error instanceof Refusal ? error.reason : "malformed" };
  }
}

/** Encodes deterministically. Throws {@link MisuseError} for what {@link decodeCbor} would refuse. */
export function encodeCbor(value: CborValue): Uint8Array {
  checkValue(value, 0);
  return encode(value);
}

/** Unwinds the recursion; cborg throws as well, so one `catch` serves both. No Error: a stack costs ten decodings. */
class Refusal {
  readonly reason: CborFault;

  constructor(reason: CborFault) {
    this.reason = reason;
  }
}

/** Of cborg only the tokens are used: its own tree builder neither bounds depth nor rejects what we refuse. */
function readValue(tokens: Tokenizer, total: number, depth: number): CborValue {
  if (tokens.done()) throw new Refusal("malformed");
  const token = tokens.next();
  switch (token.type.name) {
    case "uint":
    case "negint":
    case "true":
    case "false":
    case "bytes":
      return token.value;
    case "string":
      // cborg has one token for all empty text, without bytes.
      return token.value === "" ? "" : readText(token.byteValue);
    case "array":
      return readArray(tokens, total, depth + 1, token.value);
    case "map":
      return readMap(tokens, total, depth + 1, token.value);
    default:
      throw new Refusal("forbidden-item");
  }
}

/** cborg replaces what is not UTF-8 and swallows a byte order mark; both would make two encodings of one text. */
function readText(bytes: Uint8Array | undefined): string {
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  if (text === undefined) throw new Refusal("bad-text");
  return text;
}

function readArray(tokens: Tokenizer, total: number, depth: number, length: number): CborValue[] {
  if (depth > MAX_DEPTH) throw new Refusal("too-deep");
  // Each item has at least one byte: a length that cannot be there is refused before anything is read.
  if (length > total - tokens.pos()) throw new Refusal("malformed");
  const items: CborValue[] = [];
  for (let at = 0; at < length; at += 1) items.push(readValue(tokens, total, depth));
  return items;
}

function readMap(tokens: Tokenizer, total: number, depth: number, length: number): CborMap {
  if (depth > MAX_DEPTH) throw new Refusal("too-deep");
  if (2 * length > total - tokens.pos()) throw new Refusal("malformed");
  const map = new Map<number, CborValue>();
  let last = -1;
  for (let at = 0; at < length; at += 1) {
    if (tokens.done()) throw new Refusal("malformed");
    const token = tokens.next();
    if (token.type.name !== "uint") throw new Refusal("bad-key");
    // RFC 8949 §4.2.1: bytewise order, which for unsigned integers in their shortest form is numeric order.
    if (token.value <= last) throw new Refusal("unordered-keys");
    last = token.value;
    map.set(last, readValue(tokens, total, depth));
  }
  return map;
}

function checkValue(value: CborValue, depth: number): void {
  if (depth > MAX_DEPTH) throw new MisuseError("CBOR value nested too deeply");
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new MisuseError(`CBOR number ${value} is no safe integer`);
  // Else two values would have one form: the encoder writes U+FFFD for a surrogate without a partner.
  if (typeof value === "string" && !value.isWellFormed()) throw new MisuseError("CBOR text is not Unicode");
  if (Array.isArray(value)) for (const item of value) checkValue(item, depth + 1);
  if (value instanceof Map) {
    for (const [key, item] of value as CborMap) {
      if (!Number.isSafeInteger(key) || key < 0)
        throw new MisuseError(`CBOR map key ${key} is no unsigned integer`);
      checkValue(item, depth + 1);
    }
  }
}
