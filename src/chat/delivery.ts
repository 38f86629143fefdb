import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import type { KeptMessage } from "./archive.ts";
import type { Source } from "./events.ts";
import { type KnownPeers, parseDestination } from "./known-peers.ts";
import type { Destination, UndeliveredReason, WaitingReason } from "./notices.ts";

/**
 * One message of ours to one name.
 *
 *     storing ──> queued ──> linked ──> delivered                  by mp2: it is the link's until it is settled
 *                   │ ^ └──> marking ──> transmitting ──> delivered   by mp1: a connection a part
 *                   v └────────┴──────────────┘
 *                 failed
 *
 * "storing": nothing is on the wire before it is on disk, or known that it cannot be. "queued": it is its turn when it
 * is the first of its name that is not linked, and may wait there for weeks. "marking": mp1 tells nobody what came twice,
 * so it is on disk that it may have arrived before it is sent. What has ended is in no queue. `deliveries.ts` moves it,
 * and `mp1-transmissions.ts` to "marking" and "transmitting".
 */
export type DeliveryState =
  | { readonly type: "storing" }
  | { readonly type: "queued" }
  | { readonly type: "linked"; readonly fingerprint: Fingerprint }
  | { readonly type: "marking"; readonly place: Source }
  | { readonly type: "transmitting"; readonly transmission: number };

/**
 * "once": tried now, and given up when that does not work. "limited": given up at a time that a script chose. "lasting":
 * as a person writes: until it has arrived, or for a month.
 */
export type Patience = "once" | "limited" | "lasting";

export interface Delivery {
  readonly id: MessageId;
  readonly to: string;
  readonly text: string;
  readonly reply: MessageId | undefined;
  /** When it was written. */
  readonly time: UnixMillis;
  readonly patience: Patience;
  /** Given up then. */
  readonly until: Millis;
  state: DeliveryState;
  /** On disk: it outlives us. */
  isKept: boolean;
  /** Why it waits, as the user was told. */
  told: WaitingReason | undefined;
  /** By mp1: encoded when the first is sent, under the nickname that we have by then. */
  parts: readonly Uint8Array[];
  partsDelivered: number;
  /** Attempts by mp1 that failed. */
  attempts: number;
  wasOnline: boolean;
  destination: Destination | undefined;
  lastFailure: UndeliveredReason | undefined;
}

/** One that is not on disk yet, nor on the wire. */
export function newDelivery(
  about: Pick<Delivery, "id" | "to" | "text" | "reply" | "time" | "patience" | "until">,
): Delivery {
  const mp1 = { parts: [], partsDelivered: 0, attempts: 0, wasOnline: false };
  const unknown = { told: undefined, destination: undefined, lastFailure: undefined };
  return { ...about, ...mp1, ...unknown, state: { type: "storing" }, isKept: false };
}

/** One that the last process left, and of which the user was told then that it waits. */
export function keptDelivery({ messageId: id, to, text, reply, time }: KeptMessage, until: Millis): Delivery {
  const fresh = newDelivery({ id, to, text, reply, time, patience: "lasting", until });
  return { ...fresh, state: { type: "queued" }, isKept: true, told: "offline" };
}

/** `waitMillis`: as a script chose it; undefined: it did not, or a person writes. */
export function patienceOf(to: string, waitMillis: Millis | undefined): Patience {
  if (waitMillis === undefined) return parseDestination(to) === undefined ? "lasting" : "once";
  return waitMillis > 0 ? "limited" : "once";
}

/** Where the next message of a queue can go. */
export type Route =
  | { readonly type: "mp2"; readonly fingerprint: Fingerprint }
  | { readonly type: "mp1"; readonly place: Source }
  | { readonly type: "wait"; readonly why: WaitingReason }
  | { readonly type: "none"; readonly why: UndeliveredReason };

export interface Surroundings {
  readonly peers: KnownPeers;
  /** Whether mp1 is spoken. */
  readonly legacy: boolean;
  readonly isUp: (fingerprint: Fingerprint) => boolean;
}

/** `isUrgent`: one behind it is tried now, whatever the roster says. */
export function routeOf(
  now: Millis,
  delivery: Delivery,
  isUrgent: boolean,
  { peers, legacy, isUp }: Surroundings,
): Route {
  const place = parseDestination(delivery.to);
  const peer = place === undefined ? peers.find(delivery.to) : peers.at(place);
  if (peer?.online === true) delivery.wasOnline = true;
  const none = { type: "none", why: reasonOf(delivery, peer !== undefined) } as const;
  const isLasting = delivery.patience === "lasting";
  if (delivery.patience !== "once" && now >= delivery.until) return none;
  if (peer?.trust === "changed") return { type: isLasting ? "wait" : "none", why: "key-changed" };
  if (peer?.restriction === "blocked") return { type: isLasting ? "wait" : "none", why: "blocked-here" };
  // Without time to wait an offline peer is tried all the same: the roster may be old, an answer never is.
  const isThere = peer?.online === true || (peer?.fingerprint !== undefined && isUp(peer.fingerprint));
  const isWorthTrying = isThere || place !== undefined || isUrgent;
  const target = peer ?? place;
  if (target === undefined || !isWorthTrying)
    return delivery.patience === "once" ? none : { type: "wait", why: "offline" };
  if (peer?.fingerprint !== undefined) return { type: "mp2", fingerprint: peer.fingerprint };
  return legacy ? { type: "mp1", place: target } : { type: "none", why: "legacy-off" };
}

function reasonOf(delivery: Delivery, isKnown: boolean): UndeliveredReason {
  if (delivery.lastFailure !== undefined) return delivery.lastFailure;
  if (delivery.wasOnline) return "offline";
  return isKnown || delivery.patience === "lasting" ? "never-online" : "unknown-name";
}
