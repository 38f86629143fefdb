import type { UnixMillis } from "../base/clock.ts";
import type { Transfer } from "../chat/files/transfer.ts";
import type { ChatSnapshot, Peer, ReceivedMessage, Trust } from "../chat/notices.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { isoTime } from "./time.ts";

/** The JSON of `list`, `send` and `listen`; docs/chat.md says what each field means. */

/** A key proves it, and it is the one that we know from before. */
const IS_VERIFIED: Readonly<Record<Trust, boolean>> = {
  verified: true,
  pinned: true,
  new: false,
  changed: false,
  unverified: false,
};

export function listReport({ registry, nickname, away, status, roster }: ChatSnapshot): object {
  return {
    registry: registry?.address ?? null,
    realm: registry?.realm ?? null,
    protocol: registry?.protocol ?? null,
    fingerprint: registry?.fingerprint ?? null,
    trust: registry?.trust ?? null,
    nickname,
    away,
    status: status ?? null,
    clients: roster.map(clientReport),
  };
}

function clientReport(peer: Peer): object {
  const {
    nickname,
    address,
    port,
    online,
    state,
    reason,
    lastSeen,
    status,
    fingerprint,
    trust,
    restriction,
  } = peer;
  return {
    nickname,
    address,
    port,
    online,
    verified: IS_VERIFIED[trust],
    protocol: peer.kind === "mp2" ? "mp2" : "mp1",
    fingerprint: fingerprint ?? null,
    trust,
    restriction: restriction ?? null,
    state,
    reason: reason ?? null,
    status: status ?? null,
    lastSeen: lastSeen === undefined ? null : isoTime(lastSeen),
  };
}

/** What became of a message that `send` sent. */
export interface SendOutcome {
  readonly id: MessageId | undefined;
  readonly to: string;
  readonly outcome: "delivered" | "queued" | "failed";
  /** Of one that failed or waits. */
  readonly why: string | undefined;
}

export function sendReport({ why, ...outcome }: SendOutcome): object {
  return { type: "sent", ...outcome, why: why ?? null };
}

/** A file as `files`, `send-file` and `files accept` print it. */
export function fileReport(file: Transfer): object {
  const { id, direction, peer, fingerprint, name, size, bytes, bytesPerSecond, state, why, path, time } =
    file;
  return {
    ...{
      type: "file",
      id,
      direction,
      peer,
      fingerprint: fingerprint ?? null,
      name,
      size,
      bytes,
      bytesPerSecond,
    },
    ...{ state, why: why ?? null, path: path === "" ? null : path, time: isoTime(time) },
  };
}

export function messageReport(message: ReceivedMessage, wall: UnixMillis): object {
  const { from, address, text, standing, fingerprint, messageId, time, room, reply } = message;
  const trust: Trust = standing === "mismatch" ? "unverified" : standing;
  return {
    type: "message",
    time: isoTime(wall),
    from,
    address,
    text,
    verified: IS_VERIFIED[trust],
    addressMatches: standing !== "mismatch",
    protocol: fingerprint === undefined ? "mp1" : "mp2",
    fingerprint: fingerprint ?? null,
    trust,
    id: messageId ?? null,
    written: time === undefined ? null : isoTime(time),
    room: room ?? null,
    reply: reply ?? null,
  };
}
