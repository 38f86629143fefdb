/**
 * Everything that can be asked of the program that holds a user's presence: one entry a method, sorted by name (a test
 * keeps it so). Server and client both read this table.
 */

import type { Attention } from "../chat/alerts.ts";
import type { ChatSession, HolderReport } from "../chat/session.ts";
import {
  type ChangeFileRequest,
  parseChangeFileRequest,
  parseSendFileRequest,
  type SendFileRequest,
} from "./chat-files.ts";
import {
  type AcceptRequest,
  type AttachReport,
  type MarkReadRequest,
  parseAcceptRequest,
  parseAttach,
  parseAttachRequest,
  parseAttention,
  parseForgetRequest,
  parseHolder,
  parseMarkReadRequest,
  parseQuietRequest,
  parseRenameRequest,
  parseRestrictRequest,
  parseRoomRequest,
  parseSendRequest,
  parseStatusRequest,
  parseTypingRequest,
  type QuietRequest,
  type RestrictRequest,
  type SendRequest,
  type StatusRequest,
} from "./chat-reports.ts";
import { type Method, methodsOf, nothing, nothingBack } from "./method.ts";
import { boolean } from "./parse.ts";

/** What the user may tell the session to do, here or over the socket. */
export type SessionCommands = Pick<
  ChatSession,
  | "rename"
  | "setStatus"
  | "setQuiet"
  | "join"
  | "part"
  | "markRead"
  | "typing"
  | "accept"
  | "forget"
  | "restrict"
  | "changeFile"
>;

/** The holder as one connected program sees it. */
export interface Holder {
  /** From now on it is told everything. Throws ControlError "other-version". */
  attach(version: string): AttachReport;
  holder(): HolderReport;
  /** The presence ends, for everybody who is attached. */
  quit(): void;
  /** Throws ControlError unless the program has attached. */
  readonly session: SessionCommands;
  send(request: SendRequest): void;
  sendFile(request: SendFileRequest): void;
  /** What is on its screen. */
  attend(attention: Attention): void;
}

const method = methodsOf<Holder>();

export const CHAT_METHODS = {
  accept: method(parseAcceptRequest, nothingBack, ({ session }, request: AcceptRequest) => {
    session.accept(request.subject, request.fingerprint);
    return null;
  }),
  attach: method(
    parseAttachRequest,
    parseAttach,
    (holder, { version }): AttachReport => holder.attach(version),
  ),
  attend: method(parseAttention, nothingBack, (holder, attention: Attention) => {
    holder.attend(attention);
    return null;
  }),
  "change-file": method(
    parseChangeFileRequest,
    nothingBack,
    ({ session }, { id, action }: ChangeFileRequest) => {
      session.changeFile(id, action);
      return null;
    },
  ),
  forget: method(parseForgetRequest, nothingBack, ({ session }, { subject }) => {
    session.forget(subject);
    return null;
  }),
  holder: method(nothing, parseHolder, (holder): HolderReport => holder.holder()),
  join: method(parseRoomRequest, boolean, ({ session }, { room }) => session.join(room)),
  "mark-read": method(parseMarkReadRequest, nothingBack, ({ session }, { from, ids }: MarkReadRequest) => {
    session.markRead(from, ids);
    return null;
  }),
  part: method(parseRoomRequest, boolean, ({ session }, { room }) => session.part(room)),
  quit: method(nothing, nothingBack, (holder) => {
    holder.quit();
    return null;
  }),
  rename: method(parseRenameRequest, boolean, ({ session }, { nickname }) => session.rename(nickname)),
  restrict: method(parseRestrictRequest, nothingBack, ({ session }, { who, level }: RestrictRequest) => {
    session.restrict(who, level);
    return null;
  }),
  send: method(parseSendRequest, nothingBack, (holder, request: SendRequest) => {
    holder.send(request);
    return null;
  }),
  "send-file": method(parseSendFileRequest, nothingBack, (holder, request: SendFileRequest) => {
    holder.sendFile(request);
    return null;
  }),
  "set-quiet": method(parseQuietRequest, nothingBack, ({ session }, { until }: QuietRequest) => {
    session.setQuiet(until);
    return null;
  }),
  "set-status": method(parseStatusRequest, nothingBack, ({ session }, { away, status }: StatusRequest) => {
    session.setStatus(away, status);
    return null;
  }),
  typing: method(parseTypingRequest, nothingBack, ({ session }, { to, active }) => {
    session.typing(to, active);
    return null;
  }),
} as const;

export type ChatMethodName = keyof typeof CHAT_METHODS;
type Table = typeof CHAT_METHODS;
export type ChatRequestOf<Name extends ChatMethodName> =
  Table[Name] extends Method<Holder, infer Request, infer _> ? Request : never;
export type ChatResultOf<Name extends ChatMethodName> =
  Table[Name] extends Method<Holder, infer _, infer Result> ? Result : never;
