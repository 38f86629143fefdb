/** Rows of the archive and what they mean. A row that means nothing parses to undefined. */
import type { SQLOutputValue } from "node:sqlite";
import type { Fingerprint } from "../base/fingerprint.ts";
import type {
  ArchivedIncoming,
  ArchivedMessage,
  ArchivedOutgoing,
  ConversationKey,
  IncomingRecord,
  KeptMessage,
  OutgoingRecord,
} from "../chat/archive.ts";
import type { UndeliveredReason } from "../chat/notices.ts";
import type { MessageId } from "../wire/mp2-values.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;

const FINGERPRINT_BYTES = 32;
const ID_BYTES = 16;
const STANDINGS: readonly string[] = ["verified", "pinned", "new", "unverified", "mismatch"];

/** What {@link parseMessage} takes. */
export const MESSAGE_ROWS = "m.*, c.key AS key FROM message m JOIN conversation c ON c.id = m.conversation";

/** Under `known`, the sender of what we sent. */
export const OURSELVES = new Uint8Array();

export function hexBytes(digits: string): Uint8Array {
  return Buffer.from(digits, "hex");
}

function hexOrNull(digits: string | undefined): Uint8Array | null {
  return digits === undefined ? null : hexBytes(digits);
}

export function outgoingRow(record: OutgoingRecord, at: number) {
  const { messageId, to, text, reply, time, until } = record;
  return {
    ...{ direction: 1, message_id: hexBytes(messageId), peer: to, fingerprint: null, address: null },
    ...{ time, at, text, reply: hexOrNull(reply), standing: null, state: "waiting", until },
  };
}

export function incomingRow({ message, at, isIgnored = false }: IncomingRecord) {
  const { messageId, from, fingerprint, address, time, text, reply, standing } = message;
  return {
    ...{ direction: 0, message_id: hexOrNull(messageId), peer: from, fingerprint: hexOrNull(fingerprint) },
    ...{
      address,
      time: time ?? at,
      at,
      text,
      reply: hexOrNull(reply),
      standing,
      state: isIgnored ? "ignored" : "unread",
      until: null,
    },
  };
}

/** Of a row of `message` with the `key` of its conversation. */
export function parseMessage(row: Row): ArchivedMessage | undefined {
  const { seq, key, peer, time, at, text } = row;
  if (typeof peer !== "string" || typeof text !== "string" || typeof key !== "string") return undefined;
  if (typeof seq !== "number" || typeof time !== "number" || typeof at !== "number") return undefined;
  const common = {
    ...{ seq, conversation: key as ConversationKey, peer, time, at, text },
    fingerprint: parseHex<Fingerprint>(row.fingerprint, FINGERPRINT_BYTES),
    reply: parseHex<MessageId>(row.reply, ID_BYTES),
  };
  const messageId = parseHex<MessageId>(row.message_id, ID_BYTES);
  if (row.direction === 0) {
    const { address, standing, state } = row;
    if (typeof address !== "string" || !STANDINGS.includes(String(standing))) return undefined;
    return {
      ...{ direction: "in", ...common, messageId, address },
      standing: standing as ArchivedIncoming["standing"],
      state: state === "unread" || state === "ignored" ? state : "read",
    };
  }
  const state = OUT_STATES[String(row.state)];
  if (messageId === undefined || state === undefined) return undefined;
  const why = typeof row.why === "string" ? (row.why as UndeliveredReason) : undefined;
  return { direction: "out", ...common, messageId, state, why };
}

const OUT_STATES: Readonly<Record<string, ArchivedOutgoing["state"]>> = {
  waiting: "waiting",
  trying: "waiting",
  delivered: "delivered",
  read: "read",
  failed: "failed",
};

/** Of a row of `message` that waits. */
export function parseKept(row: Row): KeptMessage | undefined {
  const message = parseMessage(row);
  if (message?.direction !== "out" || typeof row.until !== "number") return undefined;
  const { messageId, conversation, peer: to, text, reply, time } = message;
  const wasTried = row.state === "trying";
  return { messageId, conversation, to, text, reply, time, until: row.until, wasTried };
}

export function parseHex<Value extends string>(
  value: SQLOutputValue | undefined,
  length: number,
): Value | undefined {
  if (!(value instanceof Uint8Array) || value.length !== length) return undefined;
  return Buffer.from(value).toString("hex") as Value;
}
