import { escapeText } from "../base/text.ts";
import type { UndeliveredMessage } from "./notices.ts";

/** Why it failed and what to do. */
export function undeliveredText(message: UndeliveredMessage): string {
  const parts =
    message.partsDelivered > 0
      ? ` (the first ${message.partsDelivered} of ${message.parts} parts arrived)`
      : "";
  const head = message.uncertain ? "not confirmed" : "not delivered";
  return `${head}${parts}: ${undeliveredReason(message)}`;
}

function undeliveredReason({ to, why, destination, uncertain }: UndeliveredMessage): string {
  const name = escapeText(to, 64);
  const place = destination === undefined ? "" : `${destination.address}:${destination.port}`;
  switch (why) {
    case "unknown-name":
      return `nobody here is called ${name} (see who is there: list)`;
    case "never-online":
      return `${name} did not come online`;
    case "offline":
      return `${name} went offline`;
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
    case "queue-full":
      return `too many messages to ${name} are waiting already (try again when they are through)`;
    case "empty":
      return "there is no text to send";
    case "too-long":
      return "the text is too long (16,384 bytes at most; send it in parts)";
    case "legacy-off":
      return `${name} has no key, and messages without one are switched off here (--no-legacy)`;
    case "key-changed":
      return `${name} shows another key than the one you know; see the warning, and if it is right: multiproto-chat trust accept ${name}`;
    case "wrong-key":
      return `whoever answers at ${place} is not ${name}: they could not prove the key that the registry lists`;
    case "not-trusted-there":
      return `${name}'s client refuses your key: it knows another one under your name (they can: multiproto-chat trust accept YOUR-NAME)`;
    case "not-known-there":
      return `${name}'s client does not see you in its list yet (try again in a moment)`;
    case "busy-there":
      return `${name}'s client has too many connections (try again later)`;
    case "left":
      return "you left before it was confirmed";
  }
}
