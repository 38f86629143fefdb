/**
 * What crosses a control socket: node-ipc frames (JSON, ended by a form feed) of allow-listed events, each way with its
 * own size limit.
 */
import { AssuredParser, type FrameParser } from "node-ipc/parsers";
import { ControlError, type ControlErrorCode, ERROR_CODES } from "./errors.ts";
import { field, integer, type JsonObject, type Parse, parseObject, text } from "./parse.ts";

export const REQUEST_EVENT = "request";
export const REPLY_EVENT = "reply";
/** What a server tells unasked; the registry's does not. */
export const PUSH_EVENT = "push";

/** The largest frame a client of the registry may send. */
export const MAX_REQUEST_BYTES = 64 * 1024;
/** The largest frame the registry sends: 10,000 clients with long names fit four times over. */
export const MAX_REPLY_BYTES = 16 * 1024 * 1024;

export interface Request {
  /** Chosen by the client; the reply carries it. */
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ReplyError };

export interface ReplyError {
  readonly code: ControlErrorCode;
  readonly text: string;
}

/** The id of a reply to something that has no readable id. */
export const NO_ID = 0;

const parseId = integer(1, Number.MAX_SAFE_INTEGER);

/** The id of what may be a request, so that even a wrong one can be answered. */
export function requestId(data: unknown): number {
  try {
    return field(parseObject(data, "request"), "id", parseId, "request");
  } catch {
    return NO_ID;
  }
}

export const parseRequest: Parse<Request> = (value, where) => {
  const object = parseObject(value, where);
  return {
    id: field(object, "id", parseId, where),
    method: field(object, "method", text(64), where),
    params: object.params,
  };
};

export const parseReply: Parse<Reply> = (value, where) => {
  const object = parseObject(value, where);
  const id = field(object, "id", integer(NO_ID, Number.MAX_SAFE_INTEGER), where);
  if (object.ok === true) return { id, ok: true, result: object.result };
  const error = field(object, "error", parseObject, where);
  return { id, ok: false, error: parseReplyError(error) };
};

function parseReplyError(error: JsonObject): ReplyError {
  // A newer program may know codes that we do not: "failed" says as much as we could.
  const code = ERROR_CODES.find((known) => known === error.code) ?? "failed";
  return { code, text: field(error, "text", text(65_536), "reply.error") };
}

export function asControlError(error: ReplyError): ControlError {
  return new ControlError(error.code, error.text);
}

/**
 * A codec for frames up to `maxBytes` that lets nothing but `events` through. node-ipc hands every other name
 * ("connect", "error", "*") to its own dispatcher, so the allow-list is a must, not a nicety.
 */
export function frameParser(
  maxBytes: number,
  events: readonly string[] = [REQUEST_EVENT, REPLY_EVENT],
): FrameParser {
  return new AssuredParser({
    delimiter: "\f",
    maxMessageSize: maxBytes,
    maxPendingBytes: Number.POSITIVE_INFINITY,
    maxEventNameLength: 32,
    messageTimeout: 0,
    allowReservedEvents: false,
    allowedEvents: events,
  });
}
