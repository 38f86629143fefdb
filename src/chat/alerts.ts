import type { Millis } from "../base/clock.ts";
import type { ConversationKey } from "./archive.ts";
import { conversationWith } from "./archive.ts";
import type { Transfer } from "./files/transfer.ts";
import type { ReceivedMessage } from "./notices.ts";
import type { SessionNotice } from "./session.ts";

/** For what the user is called: by a bell at a face, by a notification on the desktop. */
export type AlertChoice = "private-and-mentions" | "all" | "none";

export interface AlertSettings {
  readonly bell: boolean;
  /** On the desktop; the bell with "none" is as with "private-and-mentions". */
  readonly notify: AlertChoice;
}

export const DEFAULT_ALERTS: AlertSettings = { bell: true, notify: "private-and-mentions" };

/** What a face has on its screen, and whether somebody looks at it. */
export interface Attention {
  readonly conversation: ConversationKey | undefined;
  /** As far as its terminal says. */
  readonly isFocused: boolean;
  /** A key was pressed. */
  readonly isActive: boolean;
}

/** What may call the user: something said, or a file that is offered, which is to the user alone. */
export type Call =
  | { readonly type: "message"; readonly message: ReceivedMessage }
  | { readonly type: "file"; readonly transfer: Transfer };

/** What the user is told, if that may call. */
export function callOf(notice: SessionNotice): Call | undefined {
  if (notice.type === "received") return { type: "message", message: notice.message };
  const isOffer = notice.type === "file" && notice.change === "offered" && notice.transfer.direction === "in";
  return isOffer ? { type: "file", transfer: notice.transfer } : undefined;
}

/** Who calls. */
export function callerOf(call: Call): string {
  return call.type === "message" ? call.message.from : call.transfer.peer;
}

/** What a call is worth. */
export interface Alert {
  readonly bell: boolean;
  readonly notify: boolean;
}

export function conversationOf(call: Call): ConversationKey {
  const room = call.type === "message" ? call.message.room : undefined;
  return room === undefined ? conversationWith(callerOf(call)) : `#${room}`;
}

/** By the settings alone. `nickname`: ours. */
export function alertFor(call: Call, nickname: string, settings: AlertSettings): Alert {
  const isDirect =
    call.type === "file" || call.message.room === undefined || isMentioned(call.message.text, nickname);
  const notify = settings.notify === "all" || (settings.notify !== "none" && isDirect);
  return { notify, bell: settings.bell && (isDirect || settings.notify === "all") };
}

/** Whether the nickname stands in the text as a word, however it is written. */
export function isMentioned(text: string, nickname: string): boolean {
  const [inText, name] = [text, nickname].map((part) => part.normalize("NFKC").toLowerCase()) as [
    string,
    string,
  ];
  for (let at = inText.indexOf(name); at >= 0 && name !== ""; at = inText.indexOf(name, at + 1)) {
    const before = inText.slice(Math.max(0, at - 2), at);
    const after = inText.slice(at + name.length, at + name.length + 2);
    if (!/[\p{L}\p{N}\p{M}_]$/u.test(before) && !/^[\p{L}\p{N}\p{M}_]/u.test(after)) return true;
  }
  return false;
}

/** Which faces there are and what is on them: one of them is called, and none when somebody sees the message anyway. */
export class Attentions<Face> {
  readonly #faces = new Map<Face, Attention & { readonly activeAt: Millis }>();

  attend(now: Millis, face: Face, attention: Attention): void {
    const before = this.#faces.get(face)?.activeAt ?? now;
    this.#faces.set(face, { ...attention, activeAt: attention.isActive ? now : before });
  }

  gone(face: Face): void {
    this.#faces.delete(face);
  }

  isSeen(conversation: ConversationKey): boolean {
    return [...this.#faces.values()].some((face) => face.isFocused && face.conversation === conversation);
  }

  /** Where a key was pressed last. */
  latest(): Face | undefined {
    const byTime = [...this.#faces].sort(([, left], [, right]) => right.activeAt - left.activeAt);
    return byTime[0]?.[0];
  }
}
