import type { Millis, UnixMillis } from "../base/clock.ts";
import { Seals } from "../base/seal.ts";
import type { Mirror } from "../roster/mirror.ts";
import {
  type Attached,
  type Ended,
  MP2_PPID,
  PRESENCE_TO_CLIENT,
  PRESENCE_TO_REGISTRY,
  STREAMS,
} from "../wire/mp2-presence.ts";
import type { Availability } from "../wire/mp2-registration.ts";
import type { Epoch, Seq } from "../wire/mp2-values.ts";
import type { AssociationEnd, ChatOutput } from "./events.ts";
import type { Registration } from "./mp2-registration.ts";
import type { Resumable } from "./mp2-resumption.ts";

/**
 * One session at a registry, over SCTP. docs/protocol-mp2.md, "Presence".
 *
 *     associating ── up ──> attaching ── attached ──> listing ── roster complete ──> online
 *          └────────── no answer in time ──┴────> over <──── ended, lost, fault ─────────┘
 */

/** Every time of a session and why it is what it is. */
export const PRESENCE_TIMES = {
  /** INIT is repeated twice in it; the registry gives up after 10 s. */
  associate: 6_000,
  attach: 5_000,
  /** The changes since the pages come in a few round trips; whoever has waited so long sees what there is. */
  list: 500,
  /** All pages come, or those that TLS has not brought: 10,000 entries are 1 MB. */
  roster: 5_000,
} as const satisfies Readonly<Record<string, Millis>>;

type State =
  | { readonly type: "associating"; readonly until: Millis }
  | { readonly type: "attaching"; readonly until: Millis }
  /** Attached; what has changed since the pages is on its way. */
  | { readonly type: "listing"; readonly until: Millis; readonly time: UnixMillis }
  | { readonly type: "online" }
  | { readonly type: "over" };

export type PresenceEvent =
  /** Online, with a roster; `first`: not before in this session. */
  | { readonly type: "attached"; readonly first: boolean; readonly time: UnixMillis }
  /** The registry ended the session. */
  | { readonly type: "ended"; readonly ended: Ended }
  | { readonly type: "lost"; readonly how: AssociationEnd; readonly wasOnline: boolean };

export class Mp2Presence {
  readonly association: number;
  readonly registration: Registration;
  readonly #mirror: Mirror;
  readonly #seals: Seals;
  readonly #emit: (output: ChatOutput) => void;
  readonly #tell: (now: Millis, event: PresenceEvent) => void;
  #availability: Availability;
  #state: State;
  #resumable: Resumable | undefined;

  constructor(
    now: Millis,
    options: {
      association: number;
      registration: Registration;
      mirror: Mirror;
      emit: (output: ChatOutput) => void;
      tell: (now: Millis, event: PresenceEvent) => void;
    },
  ) {
    const { association, registration, mirror } = options;
    this.association = association;
    this.registration = registration;
    this.#mirror = mirror;
    this.#emit = options.emit;
    this.#tell = options.tell;
    this.#availability = registration.availability;
    this.#seals = new Seals("client", registration.keys);
    this.#state = { type: "associating", until: now + PRESENCE_TIMES.associate };
    const { epoch, seq, sctpPort, encapsulationPort, heartbeat, lostAfter } = registration.registered;
    const { pages } = registration;
    if (pages === "known") mirror.begin(now, mirror.epoch ?? epoch, mirror.seq ?? 0, true);
    else {
      mirror.begin(now, epoch, seq, true);
      for (const page of pages) mirror.receive(now, page);
    }
    this.#emit({
      type: "associate",
      association,
      address: registration.address,
      registryPort: sctpPort,
      encapsulationPort,
      heartbeatMillis: heartbeat,
      lostAfterMillis: lostAfter,
    });
  }

  /** How the session goes on after its end. */
  get resumable(): Resumable | undefined {
    return this.#resumable;
  }

  get isOnline(): boolean {
    return this.#state.type === "online";
  }

  nextDeadline(): Millis | undefined {
    const state = this.#state;
    if (state.type === "over") return undefined;
    const asks = this.#isAttached ? this.#mirror.nextDeadline() : undefined;
    return "until" in state ? Math.min(state.until, asks ?? Infinity) : asks;
  }

  advance(now: Millis): void {
    const state = this.#state;
    if (state.type === "listing" && now >= state.until) this.#listed(now, state.time);
    if (this.#isAttached) this.#ask(now);
    else if (state.type !== "over" && "until" in state && now >= state.until) this.#fail(now, "unreachable");
  }

  get #isAttached(): boolean {
    return this.#state.type === "listing" || this.#state.type === "online";
  }

  up(now: Millis): void {
    if (this.#state.type !== "associating") return;
    this.#state = { type: "attaching", until: now + PRESENCE_TIMES.attach };
    const { registered, pages } = this.registration;
    const { session } = registered;
    // Without a roster the registry sends all of it to whoever is at 0.
    const isKnown = pages === "known";
    const epoch = isKnown ? (this.#mirror.epoch ?? registered.epoch) : registered.epoch;
    this.#send({ type: "attach", session, epoch, seq: this.#mirror.seq ?? 0 });
  }

  /** What does not open, or is no message of ours, was not sent by our registry: the session is of no use then. */
  received(now: Millis, stream: number, ppid: number, bytes: Uint8Array): void {
    if (this.#state.type === "over") return;
    const opened = ppid === MP2_PPID ? this.#seals.open(stream, bytes) : undefined;
    const decoded = opened?.ok === true ? PRESENCE_TO_CLIENT.decode(opened.text) : undefined;
    if (decoded?.ok !== true) {
      this.#fail(now, "aborted");
      return;
    }
    const { value } = decoded;
    if (value.type === "attached") this.#attached(now, value);
    else if (value.type === "ended") this.#ended(now, value);
    // The codec's fingerprints, addresses and numbers are the roster's.
    else if (this.#mirror.receive(now, value) === "refused") this.#fail(now, "aborted");
    else this.#changed(now);
  }

  /** The association is gone. */
  lost(now: Millis, how: AssociationEnd): void {
    if (this.#state.type === "over") return;
    const wasOnline = this.isOnline;
    this.#state = { type: "over" };
    this.#tell(now, { type: "lost", how, wasOnline });
  }

  /** A beacon of our registry. */
  heard(now: Millis, epoch: Epoch, seq: Seq): void {
    if (!this.#isAttached) return;
    this.#mirror.heard(now, epoch, seq);
    this.#ask(now);
  }

  /** Told now, or when we are attached. */
  setAvailability(availability: Availability): void {
    this.#availability = availability;
    if (this.#isAttached) this.#send({ type: "status", ...availability });
  }

  /** Leaves in good order. */
  leave(): void {
    if (this.#isAttached) this.#send({ type: "leave" });
    this.#state = { type: "over" };
    this.#emit({ type: "dissociate", association: this.association });
  }

  /** Breaks it off. */
  drop(): void {
    if (this.#state.type === "over") return;
    this.#state = { type: "over" };
    this.#emit({ type: "abandon", association: this.association });
  }

  /** Again and again: the registry's numbers begin anew when it cannot be sure of them. */
  #attached(now: Millis, { epoch, seq, time, ticket }: Attached): void {
    const first = !this.#isAttached;
    if (this.#state.type === "associating") return;
    if (ticket !== undefined) {
      const { registration } = this;
      this.#resumable = { registration, ticket: ticket.bytes, until: now + ticket.life };
    }
    // In the epoch of the pages it may come late: deltas travel on a stream of their own.
    if (epoch === this.#mirror.epoch) this.#mirror.heard(now, epoch, seq, true);
    else this.#mirror.begin(now, epoch, seq, true);
    const patience = this.#mirror.seq === undefined ? PRESENCE_TIMES.roster : PRESENCE_TIMES.list;
    if (first) this.#state = { type: "listing", until: now + patience, time };
    if (first && this.#mustSayAgain) this.setAvailability(this.#availability);
    if (first) this.#changed(now);
    else this.#tell(now, { type: "attached", first, time });
  }

  /** What we say of ourselves was said since we registered: perhaps to a registry that could not keep it. */
  get #mustSayAgain(): boolean {
    const { availability, pages } = this.registration;
    return this.#availability !== availability || (pages === "known" && availability.away);
  }

  /** The roster may be complete now. */
  #changed(now: Millis): void {
    const state = this.#state;
    if (state.type === "listing" && this.#mirror.isCurrent) this.#listed(now, state.time);
    this.#ask(now);
  }

  #listed(now: Millis, time: UnixMillis): void {
    this.#state = { type: "online" };
    this.#tell(now, { type: "attached", first: true, time });
  }

  #ended(now: Millis, ended: Ended): void {
    this.#state = { type: "over" };
    this.#emit({ type: "dissociate", association: this.association });
    this.#tell(now, { type: "ended", ended });
  }

  #fail(now: Millis, how: AssociationEnd): void {
    const wasOnline = this.isOnline;
    this.drop();
    this.#tell(now, { type: "lost", how, wasOnline });
  }

  #ask(now: Millis): void {
    const ask = this.#mirror.nextAsk(now);
    if (ask === undefined) return;
    // Its epoch came from this registry and through its codec.
    this.#send(ask as Extract<ToRegistry, { type: "changes" | "pages" | "roster" }>);
  }

  #send(value: ToRegistry): void {
    const bytes = this.#seals.seal(STREAMS.control, PRESENCE_TO_REGISTRY.encode(value));
    const { association } = this;
    if (bytes !== undefined)
      this.#emit({ type: "association-send", association, stream: STREAMS.control, ppid: MP2_PPID, bytes });
  }
}

type ToRegistry = Parameters<typeof PRESENCE_TO_REGISTRY.encode>[0];
