import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "./mp2-cbor.ts";
import { BAD, type Codec, type Decoded, Fault, isUint, misuse } from "./mp2-codec.ts";

/**
 * Schema tables of mp2: a message is described once, by a table of its fields, and its encoder and its decoder both
 * follow from that. Tables are typed by the interface that they describe, so neither can lack a field of the other.
 */

/** What stands in a table of fields beside the key. */
type Presence = "required" | "optional" | "nullable";

interface Field<T, P extends Presence> {
  /** Key of the CBOR map. */
  readonly key: number;
  readonly codec: Codec<T>;
  readonly presence: P;
}

export function required<T>(key: number, codec: Codec<T>): Field<T, "required"> {
  return { key, codec, presence: "required" };
}

export function optional<T>(key: number, codec: Codec<T>): Field<T, "optional"> {
  return { key, codec, presence: "optional" };
}

/** Null inside the program, absent on the wire. */
export function nullable<T>(key: number, codec: Codec<T>): Field<T | null, "nullable"> {
  return { key, codec: codec as Codec<T | null>, presence: "nullable" };
}

/** The table that describes `T`: one field each, optional where `T`'s is. */
type Fields<T> = {
  readonly [Name in Exclude<keyof T, "type">]-?: object extends Pick<T, Name>
    ? Field<Exclude<T[Name], undefined>, "optional">
    : Field<T[Name], "required" | "nullable">;
};

/** A field as documentation and tests see it. */
export interface FieldRow {
  readonly name: string;
  readonly key: number;
  readonly presence: Presence;
}

/** A rule between fields: the name of the field that breaks it, or undefined. Holds for both directions. */
type Check<T> = (value: T) => string | undefined;

interface RecordCodec<T> extends Codec<T> {
  readonly rows: readonly FieldRow[];
}

/** A map of fields. Keys that it does not know are ignored: later versions may say more. */
export function record<T extends object>(fields: Fields<T>, check?: Check<T>): RecordCodec<T> {
  return headedRecord(fields, check, undefined);
}

/** A record, with `head` as its `type` inside the program and its key 0 on the wire. */
function headedRecord<T extends object>(
  fields: Fields<T>,
  check: Check<T> | undefined,
  head: { readonly name: string; readonly number: number } | undefined,
): RecordCodec<T> {
  const table = tableOf(fields);
  return {
    rows: table.map(({ name, key, presence }) => ({ name, key, presence })),
    encode: (value) => {
      const broken = check?.(value);
      if (broken !== undefined) misuse(`${broken} does not fit the other fields`);
      const map = new Map<number, CborValue>();
      if (head !== undefined) map.set(0, head.number);
      return encodeFields(table, value as Values, map);
    },
    decode: (value) => {
      if (!(value instanceof Map)) return BAD;
      const decoded = decodeFields(table, value as CborMap, head === undefined ? {} : { type: head.name });
      if (decoded instanceof Fault) return decoded;
      const broken = check?.(decoded as T);
      return broken === undefined ? (decoded as T) : new Fault("bad-field", broken);
    },
  };
}

type Values = { [name: string]: unknown };
type Row = FieldRow & { readonly codec: Codec<unknown> };

function tableOf(fields: object): readonly Row[] {
  const rows = Object.entries(fields).map(([name, field]) => ({ name, ...(field as Omit<Row, "name">) }));
  let last = 0;
  for (const { name, key } of rows) {
    if (!Number.isSafeInteger(key) || key <= last) misuse(`key ${key} of ${name} does not ascend`);
    last = key;
  }
  return rows;
}

function encodeFields(table: readonly Row[], value: Readonly<Values>, map: Map<number, CborValue>): CborMap {
  for (const { name, key, codec, presence } of table) {
    const item = value[name];
    if (presence === "optional" && item === undefined) continue;
    if (presence === "nullable" && item === null) continue;
    map.set(key, codec.encode(item));
  }
  return map;
}

function decodeFields(table: readonly Row[], map: CborMap, into: Values): Values | Fault {
  for (const { name, key, codec, presence } of table) {
    const item = map.get(key);
    if (item === undefined) {
      if (presence === "required") return new Fault("missing-field", name);
      if (presence === "nullable") into[name] = null;
      continue;
    }
    const decoded = codec.decode(item);
    if (decoded instanceof Fault) return decoded.within(name);
    into[name] = decoded;
  }
  return into;
}

/** One message type: a record whose key 0 is its number. */
export interface Message<T> extends RecordCodec<T> {
  readonly name: string;
  readonly number: number;
}

export function message<T extends { readonly type: string }>(
  name: T["type"],
  number: number,
  fields: Fields<T>,
  check?: Check<T>,
): Message<T> {
  return { name, number, ...headedRecord<T>(fields, check, { name, number }) };
}

/** Any message: what it decodes is something, what it encodes only its own type tells. */
type AnyMessage = Omit<Message<unknown>, "encode"> & { readonly encode: (value: never) => CborValue };
type ValueOf<M> = M extends Message<infer T> ? T : never;

/** One of several messages, told apart by key 0. */
export function union<M extends readonly AnyMessage[]>(...messages: M): Codec<ValueOf<M[number]>> {
  const byName = new Map(messages.map((one) => [one.name, one]));
  const byNumber = new Map<CborValue | undefined, AnyMessage>(messages.map((one) => [one.number, one]));
  if (byName.size < messages.length || byNumber.size < messages.length) misuse("a message type stands twice");
  return {
    encode: (value) => {
      const one = byName.get((value as { readonly type: string }).type);
      return one === undefined ? misuse("no message of this family") : one.encode(value as never);
    },
    decode: (value) => {
      if (!(value instanceof Map)) return new Fault("not-a-message");
      const number = (value as CborMap).get(0);
      const one = byNumber.get(number);
      if (one === undefined) return new Fault(isUint(number) ? "unknown-type" : "not-a-message");
      return one.decode(value) as ValueOf<M[number]> | Fault;
    },
  };
}

/** A codec of whole messages: what one side may send on one channel. */
export interface Family<T> {
  /** The most bytes that {@link decode} looks at and {@link encode} makes. */
  readonly limit: number;
  /** Deterministic bytes. Throws {@link MisuseError} for a value outside the schema, or longer than the limit. */
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): Decoded<T>;
}

/** The messages of `codec` in at most `limit` bytes, each behind `prefix`. */
export function family<T>(codec: Codec<T>, limit: number, prefix: Uint8Array = new Uint8Array()): Family<T> {
  return {
    limit,
    encode: (value) => {
      const body = encodeCbor(codec.encode(value));
      const bytes = new Uint8Array(prefix.length + body.length);
      bytes.set(prefix);
      bytes.set(body, prefix.length);
      return bytes.length <= limit ? bytes : misuse(`a message of ${bytes.length} bytes, more than ${limit}`);
    },
    decode: (bytes) => {
      if (bytes.length > limit) return { ok: false, reason: "too-long" };
      if (!prefix.every((byte, at) => bytes[at] === byte)) return { ok: false, reason: "bad-prefix" };
      return decodeWhole(codec, bytes.subarray(prefix.length));
    },
  };
}

/** Decodes `bytes`, whose length the caller has bounded, as exactly one value of `codec`. */
export function decodeWhole<T>(codec: Codec<T>, bytes: Uint8Array): Decoded<T> {
  const cbor = decodeCbor(bytes);
  if (!cbor.ok) return cbor;
  const value = codec.decode(cbor.value);
  if (!(value instanceof Fault)) return { ok: true, value };
  return { ok: false, reason: value.reason, ...(value.field === undefined ? {} : { field: value.field }) };
}
