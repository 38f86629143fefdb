import type { Millis } from "../base/clock.ts";
import type { Counts } from "./counters.ts";

/**
 * The typed face of the SCTP endpoint: all that the rest of the code sees of it. The endpoint is a core: packets and
 * calls go in with `now`, packets and events are polled out, `nextDeadline` says when to call `advance` next.
 *
 * Contract of use: after any call, drain `pollTransmit` and `pollEvent` until both return undefined.
 */

/** Where packets of an association travel: the IP address, and how. */
export interface Path {
  /** "udp": RFC 6951 encapsulation; "raw": SCTP directly on IP (protocol 132). */
  readonly via: "udp" | "raw";
  /** The peer's IP address in canonical text form. */
  readonly address: string;
  /** The peer's outer UDP port; 0 for "raw". */
  readonly outerPort: number;
  /** Our own IP address on this path where it is known, "" otherwise: answers leave from where they were asked. */
  readonly local: string;
}

/** Names an association for its whole life, never used again. */
export type AssociationId = number;

export type LostReason =
  /** Probes and retransmissions went unanswered. */
  | "timeout"
  /** The peer sent ABORT. */
  | "aborted"
  /** The set-up never completed. */
  | "unreachable"
  /** The peer broke the protocol and we aborted. */
  | "protocol-violation"
  /** Memory was full, and this association kept most. */
  | "overload";

export type SctpEvent =
  | {
      readonly type: "up";
      readonly id: AssociationId;
      readonly path: Path;
      readonly remotePort: number;
      readonly initiatedBy: "us" | "peer";
    }
  | {
      readonly type: "message";
      readonly id: AssociationId;
      readonly stream: number;
      readonly ppid: number;
      readonly bytes: Uint8Array;
    }
  /** A probe was missed; probing is quickened. */
  | { readonly type: "suspect"; readonly id: AssociationId }
  /** A suspect answered. */
  | { readonly type: "recovered"; readonly id: AssociationId; readonly rttMillis: number }
  /** The peer started anew under the same address and port (RFC 9260 §5.2); the association goes on empty. */
  | { readonly type: "restarted"; readonly id: AssociationId }
  /** The peer speaks from another address or outer port now, and has proved that it is there: `path` is the new one. */
  | { readonly type: "moved"; readonly id: AssociationId; readonly path: Path }
  /** `send` said "full" before; now it is worth another try. */
  | { readonly type: "writable"; readonly id: AssociationId }
  /** The end, not by agreement. */
  | {
      readonly type: "lost";
      readonly id: AssociationId;
      readonly reason: LostReason;
      readonly detail: string;
      /** Of a peer that was lost by its silence: how long it was, while this process ran. */
      readonly silentMillis?: Millis;
    }
  /** The end, by SHUTDOWN from either side. */
  | { readonly type: "closed"; readonly id: AssociationId };

/** INITs that come in from many addresses, faster than it is worth reading them. */
export interface InitPressure {
  /** Of all INITs, 0 to 1, that are enough, where the transport can leave the others to the kernel; 1 without a flood. */
  readonly share: number;
  /** INITs a second, those that were not read put in by their share. */
  readonly perSecond: number;
}

/** How closely a peer is watched. */
export interface LivenessLimits {
  /**
   * Time between two heartbeats of a healthy idle association. Stretched for all alike while they are so many that
   * this would mean more than {@link HEARTBEATS_PER_SECOND} of them.
   */
  readonly heartbeatMillis: Millis;
  /**
   * Time without any sign of life after which a peer is lost, at least two heartbeats long; stretched by as much as
   * the heartbeat is.
   */
  readonly lostAfterMillis: Millis;
}

/** Heartbeats that the endpoint sends to healthy peers in a second: about a tenth of a core. */
export const HEARTBEATS_PER_SECOND = 5_000;

export interface SctpSettings extends LivenessLimits {
  /** Associations in all; further INITs are not answered. */
  readonly maxAssociations: number;
  /** Largest message taken from or given to the user, bytes (at most 65,536). */
  readonly maxMessageBytes: number;
  /** Bytes queued to send per association before `send` says "full". */
  readonly maxQueuedBytes: number;
  /**
   * Bytes held for all associations together, this many each way. Queued to send: beyond it `send` says "full", but one
   * message always fits into an empty queue. Received and not deliverable yet: beyond it the association that keeps
   * most is ended.
   */
  readonly maxHeldBytes: number;
}

export const DEFAULT_SCTP_SETTINGS: SctpSettings = {
  heartbeatMillis: 1_000,
  // A peer that vanishes right after a sign of life is found within 3 s, a busy event loop included.
  lostAfterMillis: 2_800,
  maxAssociations: 50_000,
  maxMessageBytes: 65_536,
  maxQueuedBytes: 262_144,
  maxHeldBytes: 67_108_864,
};

/** For the side that is watched: a peer that heartbeats every second is heard often enough, so these rarely ask. */
export const WATCHED_SCTP_SETTINGS: SctpSettings = {
  ...DEFAULT_SCTP_SETTINGS,
  heartbeatMillis: 1_500,
  lostAfterMillis: 4_500,
  maxAssociations: 4,
};

export interface Transmit {
  readonly path: Path;
  /** A whole SCTP packet with its CRC32c, without IP or UDP header. */
  readonly bytes: Uint8Array;
}

/**
 * What became of a message given to `send`. "full": not now, "writable" will tell when; "no-stream": the peer granted
 * fewer streams than that.
 */
export type SendResult = "queued" | "full" | "too-large" | "no-association" | "no-stream";

export interface AssociationStatus {
  readonly id: AssociationId;
  readonly path: Path;
  readonly remotePort: number;
  readonly suspect: boolean;
  /** The limits in force, stretched where that is due. */
  readonly liveness: LivenessLimits;
  /** Smoothed round-trip time, undefined before the first measurement. */
  readonly rttMillis: number | undefined;
  readonly queuedBytes: number;
  readonly tally: Tally;
}

/** What has crossed an association since it is there, in numbers that cost nothing to keep. */
export interface Tally {
  /** Of SCTP packets, without IP and UDP headers; received ones from its set-up on, and only those that were its own. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** HEARTBEATs that we sent, and answers that came to them; one may still be under way. */
  readonly heartbeats: number;
  readonly answers: number;
}

/** Packets and chunks refused, by reason, each from 0 on; for status, metrics and rate-limited log lines. */
export type SctpCounters = Readonly<Counts>;

export interface SctpEndpoint {
  /** A packet arrived. Never throws, whatever the bytes. */
  receive(now: Millis, path: Path, bytes: Uint8Array): void;
  /** Time has passed: fires every deadline due at `now`. */
  advance(now: Millis): void;
  /** When `advance` must be called next, undefined when nothing is pending. */
  nextDeadline(): Millis | undefined;
  pollTransmit(): Transmit | undefined;
  pollEvent(): SctpEvent | undefined;

  /**
   * Starts an association; "up" or "lost" (unreachable) follows. An association that is there already for the same
   * path and port is aborted first. Messages may be queued at once and leave when it is up.
   */
  connect(now: Millis, path: Path, remotePort: number): AssociationId;
  /**
   * Queues one message, delivered in order within its stream (0 to 15). What cannot leave at once is copied:
   * the bytes are of no use here once it returns. An empty message is a misuse (SCTP has none).
   */
  send(now: Millis, id: AssociationId, stream: number, ppid: number, bytes: Uint8Array): SendResult;
  /** Graceful SHUTDOWN after all queued data; "closed" (or "lost") follows. */
  close(now: Millis, id: AssociationId): void;
  /** Ends at once with ABORT, no event. */
  abort(now: Millis, id: AssociationId, reason: string): void;
  /** Asks for proof of life now: "recovered" follows within a round trip, or "lost" within `lostAfterMillis`. */
  probe(now: Millis, id: AssociationId): void;
  /** Limits for this association alone, from now on; undefined: the endpoint's again. */
  watch(now: Millis, id: AssociationId, limits: LivenessLimits | undefined): void;

  status(id: AssociationId): AssociationStatus | undefined;
  counters(): SctpCounters;
  /** The same object for as long as nothing changes. */
  initPressure(): InitPressure;
  /** New limits and intervals, for running associations too. */
  configure(settings: SctpSettings): void;
}
