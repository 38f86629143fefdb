import { ControlError } from "./errors.ts";
import { type Parse, parseObject, ShapeError } from "./parse.ts";

/** What both control sockets have in common: a table of methods that server and client read alike. */

/** One thing that can be asked of a `Target`. */
export interface Method<Target, Request, Result> {
  readonly parseRequest: Parse<Request>;
  readonly parseResult: Parse<Result>;
  readonly call: (target: Target, request: Request) => Result | Promise<Result>;
}

type AnyMethod<Target> = Method<Target, unknown, unknown>;

/** Makes entries of a table for that target. */
export function methodsOf<Target>() {
  return <Request, Result>(
    parseRequest: Parse<Request>,
    parseResult: Parse<Result>,
    call: (target: Target, request: Request) => Result | Promise<Result>,
  ): Method<Target, Request, Result> => ({ parseRequest, parseResult, call });
}

/** Throws ShapeError and {@link ControlError} for what is wrong with the request, and whatever the target throws. */
export async function callMethod<Target>(
  table: Readonly<Record<string, unknown>>,
  target: Target,
  { method, params }: { readonly method: string; readonly params: unknown },
  /** "This registry". */
  who: string,
): Promise<unknown> {
  if (!Object.hasOwn(table, method))
    throw new ControlError("unknown-method", `${who} knows no method "${method}"`);
  // The table ties each entry's types together; which entry it is only shows at run time.
  const entry = table[method] as AnyMethod<Target>;
  return entry.call(target, entry.parseRequest(params, "params"));
}

export const nothing: Parse<undefined> = (value, where) => {
  if (value === undefined) return undefined;
  if (Object.keys(parseObject(value, where)).length > 0) throw new ShapeError(`${where} must be empty`);
  return undefined;
};

export const nothingBack: Parse<null> = (value, where) => {
  if (value !== null) throw new ShapeError(`${where} must be null`);
  return null;
};
