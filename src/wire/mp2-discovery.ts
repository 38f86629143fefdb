import { X25519_BYTES } from "../base/x25519.ts";
import { encodeCbor } from "./mp2-cbor.ts";
import { boolean, byteString, type Decoded, openChoice } from "./mp2-codec.ts";
import { anyPort, clientPort, fingerprint, nonce, run, unixMillis } from "./mp2-fields.ts";
import { liveness, oneWay, type Registered } from "./mp2-registration.ts";
import {
  decodeWhole,
  type Family,
  family,
  message,
  optional,
  record,
  required,
  union,
} from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type { Fingerprint, Nonce } from "./mp2-values.ts";

/**
 * mp2 discovery: UDP between a client's port P and the registry's. hello → cookie → join → dial-back, or blocked.
 *
 * Nothing here is secret or trusted. What it secures: no answer is larger than its request (no amplification), the
 * registry keeps nothing and connects nowhere before a join has brought back a cookie that went to the join's source
 * (no reflection, RFC 9147 §5.1 and RFC 9000 §8.1 do the same), and each side decodes only what the other sends, so a
 * message thrown back at its sender means nothing. Who the registry is, TLS tells; a lie here costs a connection.
 */

/** What every datagram begins with: "mp2" and the version of discovery. mp1's begin with "SERVER DISCOVERY". */
export const DATAGRAM_PREFIX: Uint8Array = Uint8Array.of(0x6d, 0x70, 0x32, 0x01);

/**
 * No datagram is longer: it fits every link (RFC 8200 §5: 1280) with room for what tunnels add. A hello is padded to
 * exactly this, so that no answer is longer than what it answers.
 */
export const DATAGRAM_BYTES = 512;

/** "Who is a registry here?", to a group or to an address, repeated until answered. */
export interface Hello {
  readonly type: "hello";
  /** Drawn anew for each search; the same when repeated. */
  readonly nonce: Nonce;
}

/** "I am; show that you are where you say": the answer to a hello, by unicast to its source. */
export interface Cookie {
  readonly type: "cookie";
  /** The hello's. */
  readonly nonce: Nonce;
  /** Whom the dial-back will come from. A promise only; the client holds TLS to it. */
  readonly fingerprint: Fingerprint;
  /** The registry's proof to itself: a keyed hash over source address, source port, nonce, time. Opaque, unguessable. */
  readonly cookie: Uint8Array;
}

/** "Dial me back", to the source of a cookie. Repeated while nothing comes; the registry then does nothing new. */
export interface Join {
  readonly type: "join";
  /** The hello's. `challenge` names it again, so that the client knows whose dial-back it is. */
  readonly nonce: Nonce;
  /** The cookie's. A registry of another key ignores the join. */
  readonly fingerprint: Fingerprint;
  readonly cookie: Uint8Array;
  /** "… or let me go on without": of a client that has a ticket. A registry that cannot or will not dials back. */
  readonly resume?: Resume;
}

/** mp2-resumption.ts says what is made of it. */
export interface Resume {
  /** As `attached` brought it. */
  readonly ticket: Uint8Array;
  /** A fresh X25519 public key. */
  readonly share: Uint8Array;
  /** The proof that the client has the ticket's secret, over all of the join. */
  readonly mac: Uint8Array;
}

/** "Go on": in place of the dial-back. The client's association follows, and `attach` with the new keys. */
export interface Resumed {
  readonly type: "resumed";
  /** The join's. */
  readonly cookie: Uint8Array;
  /** The registry's X25519 public key. */
  readonly share: Uint8Array;
  /** {@link ResumedFacts} as they are sent, so that nobody encodes anew to verify. */
  readonly facts: Uint8Array;
  /** The proof that the registry has the ticket's secret, over all that both have said. */
  readonly mac: Uint8Array;
}

/** What may be otherwise than when the client registered. */
export type ResumedFacts = Omit<Registered, "type" | "session" | "epoch" | "seq">;

export type BlockedReason =
  /** The port answered with a reset: nobody listens, or a firewall rejects. */
  | "refused"
  /** No answer in time: a firewall drops. */
  | "timeout"
  /** The network says that there is no way. */
  | "unreachable"
  /** TCP came up, and TLS did not. */
  | "tls"
  | "other";

/** "I tried TCP P and failed": once for each join. "Your firewall blocks TCP P." */
export interface Blocked {
  readonly type: "blocked";
  /** The join's. Unlike a hello's nonce it went to nobody else, so that a bystander cannot forge this. */
  readonly cookie: Uint8Array;
  /** P, where the dial-back went. */
  readonly port: number;
  readonly reason: BlockedReason;
}

/** As much as a keyed hash, a key number and a time need. */
const cookieBytes = byteString(16, 64);

interface PaddedHello extends Hello {
  readonly padding: Uint8Array;
}

export const HELLO = message<PaddedHello>("hello", MESSAGE_TYPES.hello, {
  nonce: required(1, nonce),
  padding: required(15, byteString(256, DATAGRAM_BYTES)),
});

export const COOKIE = message<Cookie>("cookie", MESSAGE_TYPES.cookie, {
  nonce: required(1, nonce),
  fingerprint: required(2, fingerprint),
  cookie: required(3, cookieBytes),
});

const shareBytes = byteString(X25519_BYTES, X25519_BYTES);
const macBytes = byteString(32, 32);
/** A ticket is the registry's own business. */
export const ticketBytes = byteString(16, 192);

export const RESUME = record<Resume>({
  ticket: required(1, ticketBytes),
  share: required(2, shareBytes),
  mac: required(3, macBytes),
});

export const JOIN = message<Join>("join", MESSAGE_TYPES.join, {
  nonce: required(1, nonce),
  fingerprint: required(2, fingerprint),
  cookie: required(3, cookieBytes),
  resume: optional(4, RESUME),
});

export const RESUMED = message<Resumed>("resumed", MESSAGE_TYPES.resumed, {
  cookie: required(1, cookieBytes),
  share: required(2, shareBytes),
  facts: required(3, byteString(1, 128)),
  mac: required(4, macBytes),
});

export const RESUMED_FACTS = record<ResumedFacts>(
  {
    time: required(1, unixMillis),
    sctpPort: required(2, anyPort),
    encapsulationPort: optional(3, anyPort),
    rawIp: required(4, boolean),
    heartbeat: required(5, liveness),
    lostAfter: required(6, liveness),
    run: optional(7, run),
  },
  oneWay,
);

export function encodeFacts(facts: ResumedFacts): Uint8Array {
  return encodeCbor(RESUMED_FACTS.encode(facts));
}

export function decodeFacts(bytes: Uint8Array): Decoded<ResumedFacts> {
  return decodeWhole(RESUMED_FACTS, bytes);
}

export const BLOCKED = message<Blocked>("blocked", MESSAGE_TYPES.blocked, {
  cookie: required(1, cookieBytes),
  port: required(2, clientPort),
  reason: required(3, openChoice({ other: 0, refused: 1, timeout: 2, unreachable: 3, tls: 4 }, "other")),
});

const toRegistry = family(union(HELLO, JOIN), DATAGRAM_BYTES, DATAGRAM_PREFIX);
const NO_PADDING = new Uint8Array(256);
const padding = new Uint8Array(
  256 +
    DATAGRAM_BYTES -
    toRegistry.encode({ type: "hello", nonce: new Uint8Array(16) as Nonce, padding: NO_PADDING }).length,
);

/** What a client sends. */
export const DISCOVERY_TO_REGISTRY: Family<Hello | Join> = {
  limit: DATAGRAM_BYTES,
  encode: (value) => toRegistry.encode(value.type === "hello" ? { ...value, padding } : value),
  decode: (bytes) => withoutPadding(toRegistry.decode(bytes), bytes.length),
};

/** What a registry answers. Its announcements, which are signed, are in mp2-announcement.ts. */
export const DISCOVERY_TO_CLIENT: Family<Cookie | Blocked | Resumed> = family(
  union(COOKIE, BLOCKED, RESUMED),
  DATAGRAM_BYTES,
  DATAGRAM_PREFIX,
);

/** What the padding holds is not looked at, how long it makes the datagram is. */
function withoutPadding(decoded: Decoded<PaddedHello | Join>, length: number): Decoded<Hello | Join> {
  if (!decoded.ok || decoded.value.type !== "hello") return decoded as Decoded<Join>;
  if (length !== DATAGRAM_BYTES) return { ok: false, reason: "bad-length" };
  return { ok: true, value: { type: "hello", nonce: decoded.value.nonce } };
}

/** Whether a datagram is of mp2's discovery, in whatever version. */
export function isMp2Datagram(bytes: Uint8Array): boolean {
  return bytes.length >= DATAGRAM_PREFIX.length && [0, 1, 2].every((at) => bytes[at] === DATAGRAM_PREFIX[at]);
}
