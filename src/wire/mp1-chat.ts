import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import { type Nickname, parseNickname } from "./nickname.ts";

/**
 * mp1 chat: one TCP connection a message to the peer's port P + 1, `NICK MESSAGE` in UTF-8 without terminator, answered
 * by `OK`. The receiver reads once, at most 1024 bytes, so longer text goes as several messages.
 * docs/protocol.md, "Chat".
 */

/** What an original client reads of one message. */
export const CHAT_MESSAGE_BYTES = 1_024;

/** What the receiver answers. */
export const CHAT_OK: Uint8Array = encodeUtf8("OK");

export interface ChatMessage {
  readonly from: Nickname;
  readonly text: string;
}

/** The bytes to send for `text`: one element a connection, each at most {@link CHAT_MESSAGE_BYTES} long. */
export function encodeChat(from: Nickname, text: string): readonly Uint8Array[] {
  const room = CHAT_MESSAGE_BYTES - encodeUtf8(`${from} `).length;
  return splitText(text, room).map((part) => encodeUtf8(`${from} ${part}`));
}

/** Parses a received message; undefined when there is no valid sender or no text. */
export function parseChat(bytes: Uint8Array): ChatMessage | undefined {
  if (bytes.length > CHAT_MESSAGE_BYTES) return undefined;
  const match = /^(\S+)\s+(\S.*)$/su.exec(decodeUtf8(bytes) ?? "");
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const from = parseNickname(match[1]);
  return from.ok ? { from: from.nickname, text: match[2].trimEnd() } : undefined;
}

/** Splits at white space, or where there is none between characters as people see them; no part exceeds `room` bytes. */
export function splitText(text: string, room: number): readonly string[] {
  const parts: string[] = [];
  let part = "";
  let size = 0;
  for (const piece of pieces(text, room)) {
    const bytes = encodeUtf8(piece).length;
    if (size + bytes > room && part.trim() !== "") {
      parts.push(part.trim());
      part = "";
      size = 0;
    }
    part += piece;
    size += bytes;
  }
  if (part.trim() !== "") parts.push(part.trim());
  return parts;
}

/** Runs of white space and words; a word longer than `room` bytes comes apart between graphemes or code points. */
function* pieces(text: string, room: number): Generator<string> {
  for (const word of text.trim().match(/\s+|\S+/gu) ?? []) {
    if (encodeUtf8(word).length <= room) yield /^\s/u.test(word) ? word.slice(0, 64) : word;
    else yield* graphemes(word, room);
  }
}

function* graphemes(word: string, room: number): Generator<string> {
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(word)) {
    if (encodeUtf8(segment).length <= room) yield segment;
    else yield* segment;
  }
}

/** Why a message was not confirmed. */
export type DeliveryFailure =
  /** Nobody listens on the port. */
  | "refused"
  /** No way to the host. */
  | "unreachable"
  /** No connection, or no answer on it, in time. */
  | "timeout"
  /** The peer closed the connection, or answered something else than OK. */
  | "not-confirmed"
  /** Our own system said no. */
  | "system";

/** What became of one message on its connection. */
export type DeliveryOutcome =
  | { readonly type: "confirmed" }
  /** `sent`: the bytes were on their way, so the peer may have seen them all the same. */
  | { readonly type: "failed"; readonly failure: DeliveryFailure; readonly sent: boolean };
