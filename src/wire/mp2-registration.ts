import type { UnixMillis } from "../base/clock.ts";
import { boolean, openChoice, uint } from "./mp2-codec.ts";
import {
  address,
  anyPort,
  capabilities,
  epoch,
  fingerprint,
  millis,
  nickname,
  nonce,
  notice,
  realm,
  roomNames,
  run,
  seq,
  session,
  statusText,
  unixMillis,
} from "./mp2-fields.ts";
import { PAGE } from "./mp2-roster.ts";
import { family, message, optional, record, required, union } from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type {
  Address,
  Capability,
  Epoch,
  Fingerprint,
  Nonce,
  Notice,
  Realm,
  RoomName,
  RunId,
  Seq,
  SessionId,
  StatusText,
} from "./mp2-values.ts";
import type { Nickname } from "./nickname.ts";

/**
 * mp2 registration: the frames of the dial-back, TLS 1.3 with both certificates, ALPN "mp2-registry".
 * challenge → register → registered, then the roster in pages, then the end of the connection; or → refused.
 *
 * The keys are proven by TLS before the first frame. Versions are negotiated by ALPN, which TLS protects against
 * downgrade (RFC 7301 §3.2 within RFC 8446 §4.4.4's transcript): nothing that the unprotected datagrams said counts.
 */

/** "This is who I am and whom I answer." The registry's first frame. */
export interface Challenge {
  readonly type: "challenge";
  readonly realm: Realm;
  readonly epoch: Epoch;
  /** The join's. A client closes a dial-back whose nonce is not that of its present search: somebody replayed a join. */
  readonly nonce: Nonce;
  /** What the registry can do. */
  readonly capabilities: ReadonlySet<Capability>;
}

/** What somebody says of themselves, at registration and later. */
export interface Availability {
  readonly away: boolean;
  /** Absent: nothing. */
  readonly status?: StatusText;
  /** Where they are; absent: nowhere. Sorted as `sortedRooms` does it. */
  readonly rooms?: readonly RoomName[];
}

/** "I want to be known by this name." A newer registration of the same key supersedes the older one. */
export interface Register extends Availability {
  readonly type: "register";
  readonly nick: Nickname;
  readonly capabilities: ReadonlySet<Capability>;
}

/** "You are." The pages of the roster at `seq` follow, at least one, then the connection's end. */
export interface Registered {
  readonly type: "registered";
  readonly session: SessionId;
  readonly epoch: Epoch;
  /** Of the snapshot that follows. */
  readonly seq: Seq;
  /** The registry's clock now: the floor for `sent` of its announcements, whatever was seen before. */
  readonly time: UnixMillis;
  readonly sctpPort: number;
  /** UDP port of SCTP in UDP (RFC 6951); absent when the registry has none. */
  readonly encapsulationPort?: number;
  /** Whether SCTP directly on IP works, too. */
  readonly rawIp: boolean;
  /** Interval of the registry's heartbeats, milliseconds. */
  readonly heartbeat: number;
  /** Silence after which it takes a client for lost, milliseconds. */
  readonly lostAfter: number;
  /** Which life of the registry this is; its beacons tell when there is another. */
  readonly run?: RunId;
}

export type RefusalCode =
  /** Another key has the name. */
  | "nick-taken"
  | "nick-invalid"
  | "registry-full"
  | "banned"
  /** Too many sessions of this address or key. */
  | "too-many"
  /** The client lacks a capability that this registry demands. */
  | "unsupported"
  /** The registry is going away. */
  | "stopping"
  /** It cannot store the binding: its disk is full or read-only. */
  | "storage"
  | "other";

/** Who has the name. Without fingerprint: an mp1 client. */
export interface Holder {
  readonly fingerprint?: Fingerprint;
  /** Where it is or was last. */
  readonly address?: Address;
}

/** "You are not." Ends the connection. */
export interface Refused {
  readonly type: "refused";
  readonly code: RefusalCode;
  /** For the user. */
  readonly text: Notice;
  readonly holder?: Holder;
  /** A name that is free. */
  readonly suggestion?: Nickname;
  /** When trying again may help, milliseconds. */
  readonly retryIn?: number;
}

export const CHALLENGE = message<Challenge>("challenge", MESSAGE_TYPES.challenge, {
  realm: required(1, realm),
  epoch: required(2, epoch),
  nonce: required(3, nonce),
  capabilities: required(4, capabilities),
});

export const REGISTER = message<Register>("register", MESSAGE_TYPES.register, {
  nick: required(1, nickname),
  capabilities: required(2, capabilities),
  away: required(3, boolean),
  status: optional(4, statusText),
  rooms: optional(5, roomNames),
});

export const liveness = uint(100, 3_600_000);

export const REGISTERED = message<Registered>(
  "registered",
  MESSAGE_TYPES.registered,
  {
    session: required(1, session),
    epoch: required(2, epoch),
    seq: required(3, seq),
    time: required(4, unixMillis),
    sctpPort: required(5, anyPort),
    encapsulationPort: optional(6, anyPort),
    rawIp: required(7, boolean),
    heartbeat: required(8, liveness),
    lostAfter: required(9, liveness),
    run: optional(10, run),
  },
  oneWay,
);

/** One way to the registry there must be. */
export function oneWay({
  encapsulationPort,
  rawIp,
}: Pick<Registered, "encapsulationPort" | "rawIp">): string | undefined {
  return encapsulationPort === undefined && !rawIp ? "rawIp" : undefined;
}

export const HOLDER = record<Holder>({
  fingerprint: optional(1, fingerprint),
  address: optional(2, address),
});

export const REFUSED = message<Refused>("refused", MESSAGE_TYPES.refused, {
  code: required(
    1,
    openChoice(
      {
        other: 0,
        "nick-taken": 1,
        "nick-invalid": 2,
        "registry-full": 3,
        banned: 4,
        "too-many": 5,
        unsupported: 6,
        stopping: 7,
        storage: 8,
      },
      "other",
    ),
  ),
  text: required(2, notice),
  holder: optional(3, HOLDER),
  suggestion: optional(4, nickname),
  retryIn: optional(5, millis),
});

/** The most bytes of a frame that a registry takes from a client; this version's have 900 at most. */
export const CLIENT_FRAME_BYTES = 4_096;
/** … and that a client takes from a registry. */
export const REGISTRY_FRAME_BYTES = 65_536;

/** What a client sends. A `register` refused for its field "nick" is answered `refused{nick-invalid}`. */
export const REGISTRATION_TO_REGISTRY = family(union(REGISTER), CLIENT_FRAME_BYTES);

/** What a registry sends. */
export const REGISTRATION_TO_CLIENT = family(
  union(CHALLENGE, REGISTERED, REFUSED, PAGE),
  REGISTRY_FRAME_BYTES,
);
