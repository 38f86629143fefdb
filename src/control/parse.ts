/**
 * Turning a value of unknown shape (JSON from the other end of the control socket) into a typed one, once, at the
 * edge. Each parser returns the value with its type or throws {@link ShapeError}, which names the field.
 */

/** A value is not what the control protocol says it is. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** Takes a value and where it was found ("request.level"); returns it typed or throws {@link ShapeError}. */
export type Parse<Value> = (value: unknown, where: string) => Value;

export type JsonObject = Readonly<Record<string, unknown>>;

function wrong(where: string, wanted: string): ShapeError {
  return new ShapeError(`${where} must be ${wanted}`);
}

export function parseObject(value: unknown, where: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(where, "an object");
  return value as JsonObject;
}

/** The own property `name` of `object`, parsed. */
export function field<Value>(object: JsonObject, name: string, parse: Parse<Value>, where: string): Value {
  return parse(Object.hasOwn(object, name) ? object[name] : undefined, `${where}.${name}`);
}

/** A string of at most `limit` UTF-16 units. */
export function text(limit: number): Parse<string> {
  return (value, where) => {
    if (typeof value !== "string") throw wrong(where, "a string");
    if (value.length > limit) throw wrong(where, `at most ${limit} characters long`);
    return value;
  };
}

/** A whole number from `least` to `most`. */
export function integer(least: number, most: number): Parse<number> {
  return (value, where) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most) {
      throw wrong(where, `a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

export function number(least: number, most: number): Parse<number> {
  return (value, where) => {
    if (typeof value !== "number" || !(value >= least && value <= most)) {
      throw wrong(where, `a number from ${least} to ${most}`);
    }
    return value;
  };
}

export const boolean: Parse<boolean> = (value, where) => {
  if (typeof value !== "boolean") throw wrong(where, "true or false");
  return value;
};

export function oneOf<const Choice extends string>(choices: readonly Choice[]): Parse<Choice> {
  return (value, where) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw wrong(where, `one of ${choices.join(", ")}`);
    return found;
  };
}

export function nullable<Value>(parse: Parse<Value>): Parse<Value | null> {
  return (value, where) => (value === null ? null : parse(value, where));
}

export function optional<Value>(parse: Parse<Value>): Parse<Value | undefined> {
  return (value, where) => (value === undefined ? undefined : parse(value, where));
}

export function list<Value>(limit: number, parse: Parse<Value>): Parse<readonly Value[]> {
  return (value, where) => {
    if (!Array.isArray(value)) throw wrong(where, "a list");
    if (value.length > limit) throw wrong(where, `at most ${limit} entries long`);
    return value.map((entry, index) => parse(entry, `${where}[${index}]`));
  };
}

/** An object used as a table from names to numbers. */
export const numberTable: Parse<Readonly<Record<string, number>>> = (value, where) => {
  const entries = Object.entries(parseObject(value, where));
  if (entries.length > 1000) throw wrong(where, "at most 1000 entries long");
  const amount = number(-Number.MAX_VALUE, Number.MAX_VALUE);
  return Object.fromEntries(entries.map(([name, entry]) => [name, amount(entry, `${where}.${name}`)]));
};

/** One of the words of a union, all of which `table` names: a word that is added there is missing here by type. */
export function wordOf<Word extends string>(table: Readonly<Record<Word, true>>): Parse<Word> {
  return oneOf(Object.keys(table) as Word[]);
}

/** An object with these fields and no others. One that is undefined is left out, as in JSON. */
export function shape<Value>(
  fields: {
    readonly [Name in keyof Value]-?: Parse<Value[Name]>;
  },
): Parse<Value> {
  const entries = Object.entries(fields) as [string, Parse<unknown>][];
  return (value, where) => {
    const object = parseObject(value, where);
    const parsed: Record<string, unknown> = {};
    for (const [name, parse] of entries) {
      const found = field(object, name, parse, where);
      if (found !== undefined) parsed[name] = found;
    }
    return parsed as Value;
  };
}

/** What a parser of one of the cores takes from text: a nickname, a fingerprint. */
export function textAs<Value>(
  limit: number,
  wanted: string,
  parse: (text: string) => Value | undefined,
): Parse<Value> {
  return (value, where) => {
    const parsed = parse(text(limit)(value, where));
    if (parsed === undefined) throw wrong(where, wanted);
    return parsed;
  };
}
