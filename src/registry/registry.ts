import type { Millis } from "../base/clock.ts";
import type { LogEntry } from "../base/log.ts";
import { RosterFeed } from "../roster/feed.ts";
import type { Ledger } from "../roster/ledger.ts";
import type { Ask, Delta, Epoch, Page, Seq } from "../roster/listed.ts";
import { Publication } from "../roster/publication.ts";
import { entryKey } from "../roster/roster.ts";
import type { Ban } from "../roster/store.ts";
import type { RosterTallies } from "../roster/tallies.ts";
import type { AssociationId, SctpEvent } from "../sctp/api.ts";
import { type AdminCommand, AdminDesk, type AdminDone } from "./admin.ts";
import { Associations } from "./associations.ts";
import { DiscoveryGate, type IgnoredReason, NOTHING_IGNORED, type Source } from "./discovery.ts";
import { Keeping } from "./keeping.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { ignoredLine, line } from "./lines.ts";
import { Mp1Admission } from "./mp1-admission.ts";
import type { TlsPeer } from "./mp2/dial-backs.ts";
import { Mp2 } from "./mp2/mp2.ts";
import type { Neighbour } from "./mp2/neighbours.ts";
import type { DialId, Emit, RegistryOutput } from "./output.ts";
import { Presence } from "./presence.ts";
import { Pushes } from "./pushes.ts";
import { Registrations } from "./registration.ts";
import { Returns } from "./returns.ts";
import type {
  ClientView,
  DialEnd,
  Farewell,
  Progress,
  RegistryOptions,
  RegistrySettings,
  Strain,
  TlsFailure,
} from "./settings.ts";

export type { ClientView, RegistrySettings } from "./settings.ts";

/**
 * The registry: who is there, kept true by discovery, dial-back and liveness, told to everybody, over mp1 and mp2. A
 * core: inputs are the public methods with `now`; what is to be done is taken by `takeOutputs`; `nextDeadline` says when
 * `advance` must be called. docs/protocol.md and docs/protocol-mp2.md are its specification. Here is only how its
 * parts hang together.
 */
export class Registry {
  readonly #ledger: Ledger;
  #settings: RegistrySettings;
  #outputs: RegistryOutput[] = [];
  /** Grows each time that the outputs are taken: what was refused since belongs to them. */
  #turn = 0;
  #lastDial: DialId = 0;
  #isStopping = false;
  #strain: Strain | undefined;
  readonly #gate: DiscoveryGate;
  readonly #feed: RosterFeed;
  readonly #pushes: Pushes;
  readonly #registrations: Registrations;
  readonly #presence: Presence;
  readonly #returns: Returns;
  readonly #keeping: Keeping;
  readonly #mp2: Mp2;
  readonly #associations: Associations;
  readonly #desk: AdminDesk;
  readonly #ignored: Record<IgnoredReason, number> = { ...NOTHING_IGNORED };

  constructor(options: RegistryOptions) {
    const { now, unixAt, ledger } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#ledger = ledger;
    this.#settings = options.settings;
    this.#gate = new DiscoveryGate(limits, now);
    const { epoch, seq } = ledger;
    const { keeper } = options;
    const { entries, recent } = keeper?.left ?? { entries: [], recent: [] };
    const numbers = { epoch, seq, nextNumber: () => ledger.nextSeq() };
    const publication = new Publication({ ...numbers, entries, recent, keep: keeper });
    this.#feed = new RosterFeed({ capacity: limits.maxClients, publication, unixAt });
    this.#feed.restore(now);
    const { roster } = this.#feed;
    this.#pushes = new Pushes(limits);
    const pushes = this.#pushes;
    const emit: Emit = (output) => this.#outputs.push(output);
    const nextDial = (): DialId => ++this.#lastDial;
    const strain = (): Strain | undefined => this.#strain;
    this.#presence = new Presence({
      ...{ limits, roster, pushes, emit },
      judged: (at, key) => this.#registrations.holderJudged(at, key),
    });
    const admission = new Mp1Admission({
      ...{ limits, roster, pushes, emit, strain },
      isBound: (nickname) => ledger.holderOf(nickname) !== undefined,
      presence: () => this.#presence,
      registrations: () => this.#registrations,
      displace: (at, { source }) => this.#displace(at, source),
    });
    this.#registrations = new Registrations(limits, emit, admission, nextDial);
    this.#keeping = new Keeping({ now, keeper, publication, emit });
    this.#returns = new Returns({
      ...{ now, limits, roster, left: keeper?.left, wall: unixAt(now), emit },
      isUnderWay: ({ key, profile }) =>
        profile === undefined ? this.#presence.isJoining(key) : this.#mp2.sessions.at(key) !== undefined,
      changed: (at) => this.#presence.changed(at),
    });
    const returns = this.#returns;
    const turn = (): number => this.#turn;
    const changed = (at: Millis): void => this.#presence.changed(at);
    const feed = this.#feed;
    this.#mp2 = new Mp2({ ...options, bounds: limits, feed, emit, nextDial, turn, changed, strain });
    this.#associations = new Associations(this.#presence, this.#mp2, emit);
    const { sessions, durable, presence: mp2, announcer } = this.#mp2;
    const time = (at: Millis): number => announcer.time(at);
    this.#desk = new AdminDesk({
      roster,
      ledger,
      sessions,
      durable,
      returns,
      mp1: this.#presence,
      mp2,
      time,
    });
  }

  /** What is to be done, in order; call until it is empty. */
  takeOutputs(): readonly RegistryOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    this.#turn += 1;
    return outputs;
  }

  /** Undefined once the registry is stopping and has nothing left to store. */
  nextDeadline(): Millis | undefined {
    if (this.#isStopping) return this.#mp2.durable.nextDeadline();
    const all = [this.#registrations, this.#presence, this.#pushes, this.#mp2, this.#returns, this.#keeping];
    const times = all.map((part) => part.nextDeadline()).filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  // What is so

  get counts(): { readonly online: number; readonly offline: number; readonly pending: number } {
    const pending = this.#registrations.pending + this.#mp2.dials.pending;
    return { ...this.#feed.roster.counts, pending };
  }

  /** Who was here before the restart and has not come back yet. */
  get returning(): number {
    return this.#feed.roster.returning;
  }

  /** Datagrams ignored so far, by reason. */
  get ignored(): Readonly<Record<IgnoredReason, number>> {
    return this.#ignored;
  }

  /** Associations of mp2 closed so far since what came on them was forged, repeated, or no message. */
  get faults(): number {
    return this.#mp2.presence.faults;
  }

  /** What has become of clients since the start. */
  get tallies(): RosterTallies {
    return this.#feed.roster.tallies;
  }

  /** Messages of the roster that mp2 clients were sent since the start, by kind. */
  get sent(): Readonly<Record<"delta" | "page", number>> {
    return this.#mp2.sent;
  }

  /** Where the roster that mp2 clients are told stands. */
  get published(): { readonly epoch: Epoch; readonly seq: Seq } {
    const { epoch, seq } = this.#feed.publication;
    return { epoch, seq };
  }

  /** What somebody who knows as much as `ask` says must hear, as mp2 clients do. */
  told(ask: Ask): readonly (Delta | Page)[] {
    return this.#feed.publication.answer(ask);
  }

  /** Other registries that are heard on this network. */
  get neighbours(): readonly Neighbour[] {
    return this.#mp2.neighbours.all;
  }

  *clients(): Generator<ClientView> {
    for (const entry of this.#feed.roster.onlineFirst()) {
      yield { entry, association: this.#associations.of(entry) };
    }
  }

  bans(): Iterable<Ban> {
    return this.#ledger.bans();
  }

  configure(settings: RegistrySettings): void {
    this.#settings = settings;
    this.#mp2.configure(settings);
  }

  /** Why nobody gets in who is not here yet, if that is so. */
  get strain(): Strain | undefined {
    return this.#strain;
  }

  /** From now on nobody gets in who is not here yet, for this reason; undefined: all do again. Who is here stays. */
  limit(strain: Strain | undefined): void {
    this.#strain = strain;
  }

  // Discovery

  /** A datagram on the discovery port. */
  datagram(now: Millis, source: Source, bytes: Uint8Array): void {
    if (this.#isStopping) return;
    const judged = this.#gate.judge(now, source, bytes, this.#settings.legacy);
    if (judged.type === "ignored") this.#ignore(source, bytes, judged.reason);
    else if (judged.type === "mp2") {
      const reason = this.#mp2.discovery(now, source, judged.message, judged.address);
      if (reason === "too-many") this.#tooManyDials(source);
      else if (reason !== undefined) this.#ignore(source, bytes, reason);
    } else if (judged.type === "announcement") {
      const reason = this.#mp2.neighbours.announcement(now, source, bytes);
      if (reason !== undefined) this.#ignore(source, bytes, reason);
    } else if (!this.#registrations.start(now, source, judged.client)) this.#tooManyDials(source);
  }

  /** An interface has come up: who is there shall know of us soon. */
  announce(now: Millis): void {
    this.#mp2.announcer.soon(now);
  }

  // Dial-backs of mp1

  dialConnected(now: Millis, dial: DialId): void {
    this.#registrations.connected(now, dial);
  }

  dialData(now: Millis, dial: DialId, bytes: Uint8Array): void {
    this.#registrations.data(now, dial, bytes);
    this.#returns.seen(now);
    this.#feed.settle(now);
  }

  dialClosed(now: Millis, dial: DialId, how: DialEnd): void {
    this.#registrations.closed(now, dial, how);
  }

  // Dial-backs of mp2

  /** The dial-back is up, and whose key its peer has proved. `keys`: of the exporter, for its presence. */
  tlsOpened(now: Millis, dial: DialId, peer: TlsPeer): void {
    this.#mp2.dials.opened(now, dial, peer);
  }

  tlsReceived(now: Millis, dial: DialId, bytes: Uint8Array): Progress {
    const progress = this.#mp2.dials.received(now, dial, bytes);
    this.#feed.settle(now);
    return progress;
  }

  /** What was to be awaited has left. */
  tlsTaken(now: Millis, dial: DialId): void {
    this.#mp2.dials.taken(now, dial);
  }

  /** The peer sends nothing more, but may still read. */
  tlsEnded(now: Millis, dial: DialId): void {
    this.#mp2.dials.ended(now, dial);
  }

  tlsClosed(now: Millis, dial: DialId): void {
    this.#mp2.dials.closed(now, dial);
  }

  tlsFailed(now: Millis, dial: DialId, failure: TlsFailure): void {
    this.#mp2.dials.failed(now, dial, failure);
  }

  // Presence

  sctpEvent(now: Millis, event: SctpEvent): void {
    this.#associations.event(now, event);
    this.#returns.seen(now);
    this.#feed.settle(now);
  }

  /** The association's queue is full: the push is repeated when it has drained, with the roster of then. */
  pushRefused(now: Millis, association: AssociationId): void {
    const attachment = this.#presence.by(association);
    if (attachment !== undefined) this.#pushes.mark(attachment.key, now);
  }

  /** The same for `send`: what was not taken is sent again when the association is writable. */
  sendRefused(now: Millis, association: AssociationId): void {
    this.#mp2.refused(now, association);
  }

  // The rest

  advance(now: Millis): void {
    if (this.#isStopping) {
      this.#mp2.durable.advance(now);
      return;
    }
    this.#registrations.advance(now);
    this.#presence.advance(now);
    this.#mp2.advance(now);
    this.#returns.advance(now);
    this.#feed.settle(now);
    this.#mp2.tell(now);
    this.#keeping.advance(now);
    for (const push of this.#pushes.due(now, this.#feed.roster)) {
      const attachment = this.#presence.of(push.key);
      if (attachment === undefined) continue;
      this.#outputs.push({ type: "push", association: attachment.association, bytes: push.bytes });
    }
  }

  /** Does what an admin wants; `done` is told once, for durable things when they are so. */
  command(now: Millis, command: AdminCommand, done: AdminDone): void {
    this.#desk.command(now, command, done);
    this.#feed.settle(now);
  }

  /** Tells every client that the registry goes away. Its "closed" events need not be waited for. */
  stop(now: Millis, farewell: Farewell): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#registrations.hangUpAll();
    this.#mp2.stop(now, farewell);
    this.#presence.stop();
  }

  #displace(now: Millis, { address, port }: Source): void {
    const session = this.#mp2.sessions.at(entryKey(address, port));
    if (session !== undefined) this.#mp2.presence.displace(now, session);
  }

  #ignore(source: Source, bytes: Uint8Array, reason: IgnoredReason): void {
    this.#ignored[reason] += 1;
    this.#log(ignoredLine(source, bytes.length, reason));
  }

  #tooManyDials({ address }: Source): void {
    const fields = { address, pending: this.counts.pending };
    const text = `Too many registrations under way: ${address} must wait`;
    this.#log(line("warn", text, fields, "too-many-dials"));
  }

  #log(entry: LogEntry): void {
    this.#outputs.push({ type: "log", entry });
  }
}
