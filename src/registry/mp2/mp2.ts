import type { Millis } from "../../base/clock.ts";
import type { RosterFeed } from "../../roster/feed.ts";
import { entryKey, type Roster } from "../../roster/roster.ts";
import type { AssociationId, Path, SctpEvent } from "../../sctp/api.ts";
import { DISCOVERY_TO_CLIENT, type Hello, type Join, type ResumedFacts } from "../../wire/mp2-discovery.ts";
import type { Ticket } from "../../wire/mp2-presence.ts";
import { type Address, RUN_BYTES, type RunId } from "../../wire/mp2-values.ts";
import type { IgnoredReason, Source } from "../discovery.ts";
import type { RegistryLimits } from "../limits.ts";
import { failedTlsLine } from "../lines.ts";
import type { DialId, Emit } from "../output.ts";
import type { Farewell, RegistryOptions, RegistrySettings, Strain, TlsFailure } from "../settings.ts";
import { refused } from "./admission.ts";
import { Announcer } from "./announcer.ts";
import { Cookies } from "./cookies.ts";
import {
  type Mp2Dial,
  Mp2DialBacks,
  type Mp2DialFault,
  type Join as Mp2Join,
  type TlsPeer,
} from "./dial-backs.ts";
import { Durable } from "./durable.ts";
import { Neighbours } from "./neighbours.ts";
import { Mp2Presence } from "./presence.ts";
import { Mp2Registration } from "./registration.ts";
import { Resumptions } from "./resumptions.ts";
import { type Session, Sessions } from "./sessions.ts";
import { Telling } from "./telling.ts";
import { Tickets } from "./tickets.ts";

export interface Mp2Options extends RegistryOptions {
  readonly bounds: RegistryLimits;
  readonly feed: RosterFeed;
  readonly emit: Emit;
  readonly nextDial: () => DialId;
  /** Grows with each set of outputs that the shell has been given. */
  readonly turn: () => number;
  /** Those on mp1 must be told. */
  readonly changed: (now: Millis) => void;
  /** Why nobody gets in who is not here yet, if that is so. */
  readonly strain: () => Strain | undefined;
}

/** mp2 at the registry: its parts put together. docs/protocol-mp2.md is the specification. */
export class Mp2 {
  readonly sessions = new Sessions();
  readonly presence: Mp2Presence;
  readonly dials: Mp2DialBacks;
  readonly durable: Durable;
  readonly announcer: Announcer;
  readonly neighbours: Neighbours;
  readonly #options: Mp2Options;
  readonly #cookies: Cookies;
  readonly #telling: Telling;
  readonly #registration: Mp2Registration;
  readonly #resumptions: Resumptions;
  #settings: RegistrySettings;

  constructor(options: Mp2Options) {
    this.#options = options;
    this.#settings = options.settings;
    const { now, random, bounds: limits, ledger, emit, unixAt, identity, reach, settings } = options;
    const { roster, publication } = options.feed;
    const time = (at: Millis): number => this.announcer.time(at);
    this.#cookies = new Cookies(limits, random, now);
    this.durable = new Durable(ledger, emit);
    const { realm } = settings;
    const run = Buffer.from(random.bytes(RUN_BYTES)).toString("hex") as RunId;
    this.announcer = new Announcer({
      now,
      limits,
      random,
      unixAt,
      identity,
      publication,
      emit,
      realm,
      run,
      returning: () => returning(roster),
    });
    const own = { fingerprint: identity.fingerprint, run };
    this.neighbours = new Neighbours({ limits, emit, own, now, begunAt: time(now) });
    const { turn, changed, strain } = options;
    const tickets = new Tickets(random, identity.sign);
    const ticket = (at: Millis, { id: session, fingerprint, secret }: Session): Ticket =>
      tickets.make(time(at), { session, fingerprint, secret });
    const attached = (): readonly Session[] => this.#attached();
    this.#telling = new Telling({ limits, publication, emit, attached, time, turn, ticket });
    const { sessions, durable } = this;
    const telling = this.#telling;
    this.presence = new Mp2Presence({ limits, roster, ledger, sessions, telling, emit, time, changed });
    const facts = (at: Millis): ResumedFacts => {
      const { heartbeatMillis: heartbeat, lostAfterMillis: lostAfter } = this.#settings;
      return { time: time(at), ...reach, heartbeat, lostAfter, run };
    };
    this.#resumptions = new Resumptions({
      ...{ limits, random, roster, ledger, sessions, tickets, facts, time, emit },
      presence: this.presence,
    });
    this.#registration = new Mp2Registration({
      ...{ limits, random, ledger, publication, roster, sessions, durable, emit, time, facts, strain },
      presence: this.presence,
      dials: () => this.dials,
      settings: () => this.#settings,
    });
    const host = {
      opened: (_now: Millis, dial: Mp2Dial) => this.#registration.challenge(dial),
      asked: (at: Millis, dial: Mp2Dial, peer: TlsPeer, frame: Uint8Array) =>
        this.#registration.register(at, dial, peer, frame),
      failed: (_now: Millis, join: Mp2Join, why: TlsFailure | Mp2DialFault) => this.#failed(join, why),
    };
    this.dials = new Mp2DialBacks({ limits, emit, host, nextId: options.nextDial });
  }

  /** Messages of the roster that were sent since the start. */
  get sent(): Readonly<Record<"delta" | "page", number>> {
    return this.#telling.sent;
  }

  nextDeadline(): Millis {
    const parts = [this.dials, this.presence, this.#telling, this.durable, this.neighbours];
    const times = parts.map((part) => part.nextDeadline()).filter((at) => at !== undefined);
    return Math.min(this.announcer.nextDeadline(), ...times);
  }

  configure(settings: RegistrySettings): void {
    this.#settings = settings;
    this.announcer.configure(settings);
  }

  /** A message of discovery, from `address` as the roster has it. Why it is ignored, if it is. */
  discovery(now: Millis, source: Source, message: Hello | Join, address: Address): IgnoredReason | undefined {
    const { fingerprint } = this.#options.identity;
    const { nonce } = message;
    if (message.type === "hello") {
      const cookie = this.#cookies.make(now, source.address, source.port, nonce);
      const bytes = DISCOVERY_TO_CLIENT.encode({ type: "cookie", nonce, fingerprint, cookie });
      this.#options.emit({ type: "datagram", to: source, bytes });
      return undefined;
    }
    if (message.fingerprint !== fingerprint) return "other-registry";
    const { cookie } = message;
    if (!this.#cookies.isGood(now, source.address, source.port, nonce, cookie)) return "bad-cookie";
    const join = { source, address, nonce, cookie, at: now };
    // A client repeats its join while it waits.
    if (this.dials.isUnderWay(join)) return undefined;
    if (this.#cookies.isUsed(cookie)) return this.#resumptions.repeat(join) ? undefined : "bad-cookie";
    // It waited in our queue while its client got in by another one.
    const session = this.sessions.at(entryKey(address, source.port));
    if (session !== undefined && this.#cookies.isFromBefore(cookie, session.begunAt)) return "bad-cookie";
    const isAnswered = this.#resumptions.resume(now, join, message) || this.dials.start(now, join);
    if (!isAnswered) return "too-many";
    this.#cookies.use(now, cookie);
    return undefined;
  }

  /** An association has come up, or has begun anew, from the address and port of an mp2 client. */
  up(now: Millis, association: AssociationId, path: Path, port: number): void {
    this.presence.up(now, association, path, port);
  }

  /** False if the association is not of an mp2 client. */
  event(now: Millis, event: SctpEvent): boolean {
    const held = this.sessions.held(event.id);
    if (held === undefined) return false;
    this.presence.event(now, event, held);
    return true;
  }

  refused(now: Millis, association: AssociationId): void {
    const session = this.sessions.held(association)?.session;
    if (session !== undefined) this.presence.refused(now, session);
  }

  advance(now: Millis): void {
    this.durable.advance(now);
    this.dials.advance(now);
    this.presence.advance(now);
    this.announcer.advance(now);
    this.neighbours.advance(now);
  }

  /** After the roster's changes of `advance` have been noted. */
  tell(now: Millis): void {
    this.#telling.advance(now);
  }

  /** Says good-bye to the groups and to every client; their associations end when they have heard it. */
  stop(now: Millis, farewell: Farewell): void {
    this.announcer.bye(now, farewell);
    const backIn = farewell.backIn === undefined ? {} : { retryIn: farewell.backIn };
    const refusal = { ...refused("stopping", "The registry is going away"), ...backIn };
    this.dials.stop(now, (dial) => this.#registration.refuse(now, dial, refusal));
    for (const session of this.#attached()) {
      this.#telling.control(session, { type: "ended", ...farewell });
      this.#options.ledger.seen(session.nickname, this.announcer.time(now), now);
    }
    this.presence.stop();
  }

  #attached(): readonly Session[] {
    return [...this.sessions.all()].filter(({ state }) => state.step === "attached");
  }

  #failed({ source, cookie }: Mp2Join, why: TlsFailure | Mp2DialFault): void {
    this.#options.emit({ type: "log", entry: failedTlsLine(source, why) });
    // Of these the client knows, or can do nothing about them.
    if (why === "hung-up" || why === "silent" || why === "bad-frame" || why === "no-descriptors") return;
    const bytes = DISCOVERY_TO_CLIENT.encode({ type: "blocked", cookie, port: source.port, reason: why });
    this.#options.emit({ type: "datagram", to: source, bytes });
  }
}

/** Where those are who are not back yet. Of a link-local address nobody remembers on which link it is. */
function* returning(roster: Roster): Generator<Source> {
  for (const { presence, profile, address, port } of roster.onlineFirst()) {
    if (presence.state !== "returning" || profile === undefined || address.startsWith("fe80:")) continue;
    yield { address, port };
  }
}
