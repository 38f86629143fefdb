import type { ArchivedMessage } from "../chat/archive.ts";
import { messageText, nameText } from "./lines.ts";
import { dayText, isoTime, timeOfDay } from "./time.ts";

/** What was said, as lines for people and as JSON; docs/chat.md says what each field means. */

/** "2026-11-25 23:05 to ola: yes ✓". */
export function historyLine(message: ArchivedMessage): string {
  const when = `${dayText(message.at)} ${timeOfDay(message.at)}`;
  const room = message.conversation.startsWith("#") ? `${messageText(message.conversation)} ` : "";
  return `${when} ${room}${whoText(message)}: ${messageText(message.text)}${markText(message)}`;
}

function whoText(message: ArchivedMessage): string {
  const name = nameText(message.peer);
  if (message.direction === "out") return message.conversation.startsWith("#") ? "you" : `to ${name}`;
  if (message.standing === "mismatch") return `${name}(?) at ${messageText(message.address)}`;
  return message.standing === "unverified" ? `${name}*` : name;
}

function markText(message: ArchivedMessage): string {
  switch (message.state) {
    case "delivered":
      return " ✓";
    case "read":
      return message.direction === "out" ? " ✓✓" : "";
    case "waiting":
      return " (waiting)";
    case "failed":
      return " (not delivered)";
    case "ignored":
      return " (ignored)";
    default:
      return "";
  }
}

export function historyReport(message: ArchivedMessage): object {
  const { seq, conversation, direction, messageId, peer, fingerprint, time, at, text, reply, state } =
    message;
  const isIncoming = message.direction === "in";
  return {
    type: "history",
    ...{ seq, conversation, direction, peer, text, state },
    time: isoTime(at),
    written: isoTime(time),
    id: messageId ?? null,
    reply: reply ?? null,
    fingerprint: fingerprint ?? null,
    trust: isIncoming ? (message.standing === "mismatch" ? "unverified" : message.standing) : null,
    address: isIncoming ? message.address : null,
    why: isIncoming ? null : (message.why ?? null),
  };
}
