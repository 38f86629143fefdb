import type { Millis, Random } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Mirror } from "../roster/mirror.ts";
import { DISCOVERY_TO_CLIENT, isMp2Datagram } from "../wire/mp2-discovery.ts";
import type { Ended } from "../wire/mp2-presence.ts";
import type { Availability } from "../wire/mp2-registration.ts";
import type { RunId } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { Announcements, type Heard } from "./announcements.ts";
import type { ChatEvent, ChatOutput, Progress, Source } from "./events.ts";
import type { Away, Mp2Change } from "./mp2-changes.ts";
import { DialBacks, subjectOf } from "./mp2-dial-backs.ts";
import type { Joined } from "./mp2-joins.ts";
import { Mp2Presence, type PresenceEvent } from "./mp2-presence.ts";
import type { Registration, RegistrationEnd } from "./mp2-registration.ts";
import type { Resumable } from "./mp2-resumption.ts";
import { Mp2Search } from "./mp2-search.ts";
import { Setbacks } from "./mp2-setbacks.ts";
import type { RegistryStanding } from "./notices.ts";
import { type PauseKind, RETURN_SPREAD_MILLIS } from "./pauses.ts";
import type { Trusted } from "./trust.ts";

/**
 * Membership at a registry with a key: search, registration and presence put together. A search and its dial-backs may
 * run beside a session: so a name is changed without being away.
 */

/** A beacon of another epoch may be faster than the session that is told of it. */
const EPOCH_MILLIS: Millis = 1_000;
/** A bye explains the end of a session that follows within so long. */
const BYE_MILLIS: Millis = 30_000;

export interface Mp2Options {
  readonly random: Random;
  readonly hosts: readonly string[];
  readonly trusted: Trusted;
  readonly mirror: Mirror;
  /** Who we want to be. */
  readonly profile: () => { readonly nick: Nickname; readonly availability: Availability };
  readonly nextAssociation: () => number;
  readonly emit: (output: ChatOutput) => void;
  readonly changed: (now: Millis, change: Mp2Change) => void;
}

export class Mp2Membership {
  readonly #options: Mp2Options;
  readonly #search: Mp2Search;
  readonly #announcements: Announcements;
  readonly #dialBacks: DialBacks;
  readonly #setbacks: Setbacks;
  readonly #deadlines = new Deadlines<"mp2", "epoch">();
  #presence: Mp2Presence | undefined;
  /** Of the session before the present one, if that one replaces it. */
  #renamedFrom: Nickname | undefined;
  #last: Joined | undefined;
  /** The session that is over, as long as it can go on. */
  #resumable: Resumable | undefined;
  #away: (Away & { readonly at: Millis }) | undefined;
  /** Of a beacon of our registry, and not our session's. */
  #foreignEpoch: string | undefined;
  #isOtherTold = false;

  constructor(options: Mp2Options) {
    this.#options = options;
    const { random, emit, hosts, trusted } = options;
    const isPinned = (fingerprint: Fingerprint): boolean => trusted.isRegistry(fingerprint, hosts);
    const knowsAny = (): boolean => trusted.knowsRegistry(hosts);
    const resumable = (now: Millis, fingerprint: Fingerprint): Resumable | undefined =>
      this.#resumableAt(now, fingerprint);
    this.#search = new Mp2Search({ random, emit, hosts, isPinned, knowsAny, resumable });
    this.#dialBacks = new DialBacks({
      ...{ emit, trusted, search: this.#search, profile: options.profile },
      passedOn: (now, joined, address) => this.#setbacks.passedOn(now, joined.source.address, address),
      over: (now, joined, end) => this.#registrationOver(now, joined, end),
    });
    this.#setbacks = new Setbacks((now, text) => options.changed(now, { type: "failing", text }));
    this.#announcements = new Announcements(
      (fingerprint) => fingerprint === this.#last?.fingerprint || trusted.isRegistry(fingerprint, hosts),
    );
  }

  get registry(): RegistryStanding | undefined {
    return this.#presence?.isOnline === true ? this.#standing(this.#presence.registration) : undefined;
  }

  /** A session, or the beginning of one. */
  get isPresent(): boolean {
    return this.#presence !== undefined;
  }

  /** Whether a registry of mp2 was ever met: then there is no way back to one without a key. */
  get hasMet(): boolean {
    return this.#last !== undefined;
  }

  search(now: Millis, pauses: PauseKind, after: Millis): void {
    this.#dialBacks.drop();
    this.#search.start(now, pauses, after, this.#last);
  }

  /** A registry is there that may have a key. */
  askNow(now: Millis): void {
    this.#search.askNow(now);
  }

  /** Interfaces came or went. */
  moved(now: Millis): void {
    this.#search.moved(now);
  }

  stopSearch(): void {
    this.#search.stop();
    this.#dialBacks.drop();
  }

  setAvailability(availability: Availability): void {
    this.#presence?.setAvailability(availability);
  }

  /** The association whose end is to be awaited, if there is one. */
  leave(): number | undefined {
    this.stopSearch();
    const presence = this.#presence;
    this.#presence = undefined;
    presence?.leave();
    return presence?.association;
  }

  nextDeadline(): Millis | undefined {
    const parts = [this.#search, this.#presence, this.#dialBacks];
    const next = Math.min(...parts.map((part) => part?.nextDeadline() ?? Infinity));
    const all = Math.min(next, this.#deadlines.next() ?? Infinity);
    return all === Infinity ? undefined : all;
  }

  advance(now: Millis): void {
    this.#search.advance(now);
    this.#dialBacks.advance(now);
    this.#presence?.advance(now);
    while (this.#deadlines.due(now) !== undefined) this.#checkEpoch(now);
  }

  /** Whether the connection is a registry's. */
  owns(connection: number): boolean {
    return this.#dialBacks.owns(connection);
  }

  received(now: Millis, connection: number, bytes: Uint8Array): Progress {
    return this.#dialBacks.received(now, connection, bytes);
  }

  handle(now: Millis, event: ChatEvent): void {
    const presence = this.#presence;
    switch (event.type) {
      case "hello-sent":
        this.#search.asked(event.to);
        return;
      case "datagram":
        if (isMp2Datagram(event.bytes)) this.#datagram(now, event.from, event.bytes);
        return;
      case "tls-opened":
        this.#dialBacks.opened(now, event);
        return;
      case "tls-ended":
      case "tls-closed":
        this.#dialBacks.ended(now, event.connection);
        return;
      case "association-up":
        if (presence?.association === event.association) presence.up(now);
        return;
      case "association-message":
        if (presence?.association === event.association)
          presence.received(now, event.stream, event.ppid, event.bytes);
        return;
      case "association-ended":
        if (presence?.association === event.association) presence.lost(now, event.how);
        return;
      default:
    }
  }

  // Discovery

  #datagram(now: Millis, from: Source, bytes: Uint8Array): void {
    const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
    if (!decoded.ok) this.#announcement(now, from, bytes);
    else if (decoded.value.type === "cookie") {
      const outcome = this.#search.cookie(now, from, decoded.value);
      if (outcome === "joined") this.#options.changed(now, { type: "answered" });
      else if (outcome === "stranger") this.#setbacks.stranger(now, from.address);
    } else if (decoded.value.type === "resumed") {
      const registration = this.#presence === undefined ? this.#search.resumed(decoded.value) : undefined;
      if (registration !== undefined) this.#begin(now, registration);
    } else {
      const { port, reason } = decoded.value;
      const joined = this.#search.blocked(decoded.value);
      if (joined === undefined) return;
      this.#options.changed(now, { type: "blocked", registry: joined.source.address, port, reason });
    }
  }

  #announcement(now: Millis, from: Source, bytes: Uint8Array): void {
    const heard = this.#announcements.take(now, bytes, this.#isCurious);
    if (heard === undefined) return;
    this.#tellOther(from, heard);
    if (heard.type === "unknown") {
      this.#search.beacon(now);
      return;
    }
    const { announcement, fingerprint } = heard;
    const isOurs = fingerprint === this.#presence?.registration.joined.fingerprint;
    if (announcement.type === "bye") {
      const { reason, backIn } = announcement;
      if (isOurs) this.#away = { reason, backInMillis: backIn, at: now };
    } else if (!isOurs) {
      const after = this.#options.random.below(RETURN_SPREAD_MILLIS);
      this.#search.beacon(now, { fingerprint, place: from, after });
    } else if (this.#isAnotherRun(announcement.run)) this.#drop(now);
    else if (announcement.epoch === this.#options.mirror.epoch)
      this.#presence?.heard(now, announcement.epoch, announcement.seq);
    else if (announcement.epoch !== this.#foreignEpoch) {
      this.#foreignEpoch = announcement.epoch;
      this.#deadlines.set("mp2", "epoch", now + EPOCH_MILLIS);
    }
  }

  /** Whether a registry beside ours is news: once, for whoever makes them up; and not to who says whom to ask. */
  get #isCurious(): boolean {
    return !this.#isOtherTold && this.#presence?.isOnline === true && this.#options.hosts.length === 0;
  }

  #tellOther({ address }: Source, { announcement, fingerprint }: Heard): void {
    const ours = this.#presence?.registration;
    if (ours === undefined || !this.#isCurious || fingerprint === ours.joined.fingerprint) return;
    if (announcement?.type !== "beacon") return;
    this.#isOtherTold = true;
    const { realm } = announcement;
    const notice = { type: "other-registry", registry: ours.address, address, realm, fingerprint } as const;
    this.#options.emit({ type: "notice", notice });
  }

  /** Our session is of another lineage than the registry's beacons: it has forgotten us, or is about to tell us. */
  #checkEpoch(now: Millis): void {
    const presence = this.#presence;
    const epoch = this.#foreignEpoch;
    this.#foreignEpoch = undefined;
    if (presence?.isOnline !== true || this.#options.mirror.epoch === epoch) return;
    this.#drop(now);
  }

  /** Our session is of a registry that is not any more: another has begun in its place, which knows of no association. */
  #isAnotherRun(run: RunId | undefined): boolean {
    const ours = this.#presence?.registration.registered.run;
    return this.#presence?.isOnline === true && ours !== undefined && run !== undefined && run !== ours;
  }

  #drop(now: Millis): void {
    this.#presence?.drop();
    this.#presenceSays(now, { type: "lost", how: "lost", wasOnline: true });
  }

  // Registration

  #registrationOver(now: Millis, joined: Joined, end: RegistrationEnd): void {
    const { trusted, changed, profile } = this.#options;
    if (end.type === "registered") this.#registered(now, end.registration);
    else if (end.type === "refused") {
      this.stopSearch();
      changed(now, { type: "refused", nickname: profile().nick, refused: end.refused });
    } else if (end.type === "changed") {
      const subject = subjectOf(joined, end.realm);
      const { address } = joined.source;
      trusted.contradicted(now, { subject, address, offered: joined.fingerprint, proved: true });
    } else this.#setbacks.failed(now, joined.source.address, end.why);
  }

  #registered(now: Millis, registration: Registration): void {
    const { joined, realm } = registration;
    const { trusted, emit } = this.#options;
    const subject = subjectOf(joined, realm);
    if (trusted.judge(subject, joined.fingerprint) === "new") {
      trusted.meet(now, subject, joined.fingerprint);
      const { fingerprint, source } = joined;
      const { address } = source;
      emit({ type: "notice", notice: { type: "registry-new", subject: subject.name, address, fingerprint } });
    }
    this.#begin(now, registration);
  }

  /** The session begins, or goes on; presence follows. */
  #begin(now: Millis, registration: Registration): void {
    const { joined, nick, registered } = registration;
    const { emit, changed, mirror, nextAssociation, profile } = this.#options;
    this.stopSearch();
    this.#resumable = undefined;
    this.#last = joined;
    this.#away = undefined;
    this.#setbacks.over();
    this.#announcements.floor(joined.fingerprint, registered.time);
    this.#renamedFrom = this.#presence?.registration.nick;
    this.#presence?.drop();
    changed(now, { type: "registered", nickname: nick });
    const tell = (at: Millis, event: PresenceEvent): void => this.#presenceSays(at, event);
    const association = nextAssociation();
    this.#presence = new Mp2Presence(now, { association, registration, mirror, emit, tell });
    this.#presence.setAvailability(profile().availability);
  }

  /** Only by the name that we want, and at a registry that is still trusted. */
  #resumableAt(now: Millis, fingerprint: Fingerprint): Resumable | undefined {
    const { trusted, profile } = this.#options;
    if (this.#presence !== undefined || this.#resumable === undefined) return undefined;
    const { registration, until } = this.#resumable;
    const { joined, realm, nick } = registration;
    if (joined.fingerprint !== fingerprint || now >= until || nick !== profile().nick) return undefined;
    const trust = trusted.judge(subjectOf(joined, realm), fingerprint);
    return trust === "pinned" || trust === "verified" ? this.#resumable : undefined;
  }

  // Presence

  #presenceSays(now: Millis, event: PresenceEvent): void {
    const registration = this.#presence?.registration;
    if (registration === undefined) return;
    const registry = registration.address;
    const { changed } = this.#options;
    if (event.type === "attached") {
      this.#announcements.floor(registration.joined.fingerprint, event.time);
      if (!event.first) return;
      const standing = this.#standing(registration);
      changed(now, { type: "online", standing, nickname: registration.nick, renamedFrom: this.#renamedFrom });
      return;
    }
    this.#resumable = this.#presence?.resumable;
    this.#presence = undefined;
    if (event.type === "ended") this.#sessionEnded(now, registry, event.ended);
    else if (event.wasOnline) {
      const away = this.#away !== undefined && now - this.#away.at < BYE_MILLIS ? this.#away : undefined;
      changed(now, { type: "lost", registry, how: event.how, away });
    } else changed(now, { type: "presence-failed", registry });
  }

  #sessionEnded(now: Millis, registry: string, { reason, text, backIn }: Ended): void {
    const { changed } = this.#options;
    // The new name's registration is on its way, and has ended the session of the old one.
    const isOurDoing = reason === "superseded" && this.#dialBacks.size > 0;
    if (reason === "kicked" || reason === "banned" || (reason === "superseded" && !isOurDoing)) {
      this.stopSearch();
      this.#resumable = undefined;
      changed(now, { type: "ended", reason, text });
    } else if (!isOurDoing) {
      const isAway = reason === "restart" || reason === "stop";
      const away = isAway ? { reason, backInMillis: backIn } : undefined;
      changed(now, { type: "lost", registry, how: "closed", away });
    }
  }

  #standing({ joined, realm, address }: Registration): RegistryStanding {
    const { fingerprint } = joined;
    const trust = this.#options.trusted.judge(subjectOf(joined, realm), fingerprint);
    return { protocol: "mp2", address, realm, fingerprint, trust };
  }
}
