import type { ChatNotice, UndeliveredMessage } from "../chat/notices.ts";
import { nameText } from "./lines.ts";

/** Why a message did not arrive, and what to do. */
export function undeliveredText(message: UndeliveredMessage): string {
  const parts =
    message.partsDelivered > 0
      ? ` (the first ${message.partsDelivered} of ${message.parts} parts arrived)`
      : "";
  const head = message.uncertain ? "not confirmed" : "not delivered";
  return `${head}${parts}: ${reasonText(message)}`;
}

/** Why a message waits, and what happens next. */
export function waitingText(notice: Extract<ChatNotice, { type: "waiting" }>): string {
  const { to, why, destination } = notice;
  const name = nameText(to);
  switch (why) {
    case "offline":
      return `kept for ${name}, who is offline: it goes out when ${name} is back`;
    case "key-changed":
      return `held: ${name} has another key than the one you know; it goes out when you accept that (see: /trust)`;
    case "not-trusted-there":
      return `held: ${name}'s client knows another key under your name; it goes out when ${name} accepts yours`;
    case "blocked-here":
      return `held: you have blocked ${name}; it goes out after /unblock ${name}`;
    case "left":
      if (to.startsWith("#"))
        return `not everybody in ${name} has it yet: it goes to the others when you are back`;
      return `kept for ${name}: it goes out when you are back`;
    default: {
      const about = { messageId: notice.messageId, to, text: notice.text, why, destination };
      const reason = reasonText({ ...about, partsDelivered: 0, parts: 0, uncertain: false, waited: true });
      return `kept for ${name}, tried again by itself: ${reason}`;
    }
  }
}

function reasonText({ to, why, destination, uncertain }: UndeliveredMessage): string {
  const name = nameText(to);
  const place = destination === undefined ? "" : `${destination.address}:${destination.port}`;
  switch (why) {
    case "refused":
      return `${name}'s machine refused the connection to TCP ${place} (is the client still running there?)`;
    case "unreachable":
      return `no way to ${name}'s machine at ${place} (is it on, and on this network?)`;
    case "timeout":
      return uncertain
        ? `${name}'s client took the message and did not answer; it may have been shown all the same`
        : `${name}'s machine did not answer on TCP ${place} (is it on? does its firewall allow that port?)`;
    case "not-confirmed":
      return `${name}'s client closed the connection without confirming; it may have been shown all the same`;
    case "system":
      return `this system could not connect to ${place}`;
    case "key-changed":
      return `${name} has another key than the one you know (see: /trust, or multiproto-chat trust list)`;
    case "wrong-key":
      return `whoever answered at ${place} does not have ${name}'s key: perhaps somebody pretends to be ${name}`;
    case "not-trusted-there":
      return `${name}'s client knows another key under your name; ask ${name} to compare it with yours (/fingerprint)`;
    case "not-known-there":
      return `${name}'s client does not find you in its list (is it at the same registry?); try again`;
    case "busy-there":
      return `${name}'s client has too many connections; try again later`;
    case "quota-there":
      return `${name}'s client has taken all that it takes of one person in a day; more later`;
    default:
      return ownReasonText(name, why);
  }
}

/** Reasons that need no connection. */
function ownReasonText(name: string, why: UndeliveredMessage["why"]): string {
  switch (why) {
    case "unknown-name":
      return `nobody here is called ${name} (see who is there: list)`;
    case "never-online":
      return `${name} did not come online`;
    case "offline":
      return `${name} went offline`;
    case "queue-full":
      return `too many messages to ${name} are waiting already (try again when they are through)`;
    case "empty":
      return "there is no text to send";
    case "too-long":
      return "the text is longer than 16,384 bytes (send it in parts)";
    case "blocked-here":
      return `you have blocked ${name} (/unblock ${name})`;
    case "legacy-off":
      return `${name}'s client has no key (mp1), and such are switched off here (--no-legacy)`;
    case "left":
      return "we left before it was confirmed";
    default:
      return why;
  }
}
