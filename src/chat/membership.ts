import type { Millis, Random } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Mirror } from "../roster/mirror.ts";
import type { RosterItem } from "../wire/mp1-roster.ts";
import type { Availability, Refused } from "../wire/mp2-registration.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import type { AssociationEnd, ChatEvent, ChatOutput, Progress, Protocol } from "./events.ts";
import { type Mp1Change, Mp1Membership } from "./mp1-membership.ts";
import { type Mp2Change, Mp2Membership } from "./mp2-membership.ts";
import type { ChatNotice, EndReason, Refusal, RefusalNext, RegistryStanding } from "./notices.ts";
import { jittered, PATIENT_MILLIS, type PauseKind, RETURN_SPREAD_MILLIS } from "./pauses.ts";
import type { ChatSettings } from "./settings.ts";
import type { Trusted } from "./trust.ts";

/**
 * How we become and stay a member, by whichever protocol: mp2 first, and mp1 only where nobody with a key has ever been.
 *
 *     idle ── start ──> running ── refused ──> naming ── rename ──> running
 *                          └── leave ──> leaving ── told, or a second ──> ended
 */

export const HINT_MILLIS: Millis = 10_000;
export const LEAVE_MILLIS: Millis = 1_000;
/** A registry of mp2 has so long to answer before one without a key is asked, too … */
export const FALLBACK_MILLIS: Millis = 3_000;
/** … and so long when the one before had none. */
const FALLBACK_AGAIN_MILLIS: Millis = 500;

type Phase =
  | { readonly type: "idle" | "running" | "ended" }
  /** Refused: the user is asked for another nickname. */
  | { readonly type: "naming" }
  | { readonly type: "leaving"; readonly association: number };

type DeadlineName = "hint" | "fallback" | "again" | "leave";

/** What the rest of the core learns from here. */
export type MembershipChange =
  /** By mp1; mp2's is in the mirror. */
  | { readonly type: "roster"; readonly items: readonly RosterItem[] }
  /** The roster of this protocol is the one that counts. */
  | { readonly type: "follow"; readonly protocol: Protocol }
  | { readonly type: "online"; readonly again: boolean }
  | { readonly type: "lost" };

export interface MembershipOptions {
  readonly settings: ChatSettings;
  readonly random: Random;
  readonly trusted: Trusted;
  readonly mirror: Mirror;
  readonly emit: (output: ChatOutput) => void;
  readonly changed: (now: Millis, change: MembershipChange) => void;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #mp1: Mp1Membership;
  readonly #mp2: Mp2Membership;
  readonly #deadlines = new Deadlines<"membership", DeadlineName>();
  #phase: Phase = { type: "idle" };
  #nickname: Nickname;
  /** What we want to be called: another one while that is being asked for. */
  #wanted: Nickname;
  #availability: Availability;
  #associations = 0;
  #wasOnline = false;
  #lastFailure = "";
  #isPresenceFailing = false;
  /** The last registry that answered has no key. */
  #isKeyless = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { settings, random, trusted, mirror, emit } = options;
    this.#nickname = settings.nickname;
    this.#wanted = settings.nickname;
    this.#availability = availability(settings.away ?? false, settings.status);
    const nextAssociation = (): number => {
      this.#associations += 1;
      return this.#associations;
    };
    this.#mp1 = new Mp1Membership({
      ...{ random, nextAssociation, emit },
      nickname: () => this.#wanted,
      changed: (now, change) => this.#mp1Changed(now, change),
    });
    this.#mp2 = new Mp2Membership({
      ...{ random, trusted, mirror, nextAssociation, emit },
      hosts: settings.hosts,
      profile: () => ({ nick: this.#wanted, availability: this.#availability }),
      changed: (now, change) => this.#mp2Changed(now, change),
    });
  }

  get nickname(): Nickname {
    return this.#nickname;
  }

  get availability(): Availability {
    return this.#availability;
  }

  /** The registry where we are present. */
  get registry(): RegistryStanding | undefined {
    return this.#mp2.registry ?? standingOf(this.#mp1.registry);
  }

  start(now: Millis): void {
    if (this.#phase.type !== "idle") return;
    this.#phase = { type: "running" };
    this.#notice({ type: "searching" });
    this.#deadlines.set("membership", "hint", now + HINT_MILLIS);
    this.#search(now, "first", 0);
  }

  /** Another nickname; false where it cannot be changed now: over mp1, and when we have ended. */
  rename(now: Millis, nickname: Nickname): boolean {
    if (this.#mp1.registry !== undefined) return false;
    if (this.#phase.type !== "running" && this.#phase.type !== "naming") return false;
    this.#phase = { type: "running" };
    this.#wanted = nickname;
    if (!this.#mp2.isPresent) this.#nickname = nickname;
    this.#mp1.stop();
    this.#search(now, this.#wasOnline ? "return" : "first", 0);
    return true;
  }

  setAvailability(next: Availability): void {
    this.#availability = next;
    this.#mp2.setAvailability(next);
  }

  /** Once more changes nothing: the registry is being told, and the deadline for that stands. */
  leave(now: Millis): void {
    if (this.#phase.type === "leaving") return;
    this.#deadlines.clearAll("membership");
    const association = this.#mp2.leave() ?? this.#mp1.leave();
    this.#mp1.stop();
    if (association === undefined) {
      this.#end("left");
      return;
    }
    this.#deadlines.set("membership", "leave", now + LEAVE_MILLIS);
    this.#phase = { type: "leaving", association };
  }

  nextDeadline(): Millis | undefined {
    const all = [this.#deadlines, { next: () => this.#mp1.nextDeadline() }];
    const next = Math.min(
      ...all.map((part) => part.next() ?? Infinity),
      this.#mp2.nextDeadline() ?? Infinity,
    );
    return next === Infinity ? undefined : next;
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      this.#expired(now, due.name);
    }
    this.#mp1.advance(now);
    this.#mp2.advance(now);
  }

  owns(connection: number): boolean {
    return this.#mp2.owns(connection);
  }

  received(now: Millis, connection: number, bytes: Uint8Array): Progress {
    return this.#mp2.received(now, connection, bytes);
  }

  handle(now: Millis, event: ChatEvent): void {
    const phase = this.#phase;
    if (event.type === "hello-failed") this.#searchFailing(event.text);
    else if (event.type === "network-changed") this.#mp2.hurry(now);
    else if (event.type === "hello-sent")
      (event.protocol === "mp1" ? this.#mp1 : this.#mp2).handle(now, event);
    else if (phase.type === "leaving" && event.type === "association-ended") {
      if (event.association === phase.association) this.#end("left");
    } else {
      this.#mp1.handle(now, event);
      this.#mp2.handle(now, event);
    }
  }

  #expired(now: Millis, name: DeadlineName): void {
    if (name === "leave" && this.#phase.type === "leaving") {
      this.#options.emit({ type: "abandon", association: this.#phase.association });
      this.#end("left");
    }
    if (this.#phase.type !== "running") return;
    if (name === "hint" && this.registry === undefined) {
      const unverified = this.#unverified;
      this.#notice({ type: "search-hint", waitedMillis: HINT_MILLIS, unverified });
    } else if (name === "fallback") this.#mp1.start(now, this.#wasOnline ? "return" : "first");
    else if (name === "again") this.#search(now, this.#wasOnline ? "return" : "first", 0);
  }

  /** Whether registries without a key are asked, and if not, why. */
  get #unverified(): "asked" | "pinned" | "off" {
    const { settings, trusted } = this.#options;
    if (!settings.legacy) return "off";
    return this.#mp2.hasMet || trusted.knowsRegistry(settings.hosts) ? "pinned" : "asked";
  }

  #search(now: Millis, pauses: PauseKind, after: Millis): void {
    this.#deadlines.clear("membership", "again");
    this.#mp2.search(now, pauses, after);
    const time = this.#isKeyless ? FALLBACK_AGAIN_MILLIS : FALLBACK_MILLIS;
    if (this.#unverified === "asked") this.#deadlines.set("membership", "fallback", now + after + time);
  }

  #stopSearching(): void {
    this.#deadlines.clear("membership", "fallback");
    this.#deadlines.clear("membership", "again");
    this.#mp2.stopSearch();
  }

  #mp2Changed(now: Millis, change: Mp2Change): void {
    switch (change.type) {
      case "answered":
        // Where there is a registry with a key, none without one is asked.
        this.#deadlines.clear("membership", "fallback");
        this.#isKeyless = false;
        this.#mp1.stop();
        return;
      case "failing":
        this.#searchFailing(change.text);
        return;
      case "blocked":
        this.#notice(change);
        return;
      case "refused":
        this.#refused(now, change.nickname, refusalOf(change.refused));
        return;
      case "registered":
        this.#stopSearching();
        this.#mp1.stop();
        this.#options.changed(now, { type: "follow", protocol: "mp2" });
        return;
      case "online":
        this.#online(now, change.standing, change.nickname, change.renamedFrom);
        return;
      case "presence-failed":
        this.#presenceFailed(change.registry);
        this.#search(now, this.#pauses, jittered(this.#options.random, PATIENT_MILLIS));
        return;
      case "lost":
        if (change.away === undefined) this.#lost(now, change.registry, change.how);
        else {
          const { reason, backInMillis } = change.away;
          this.#notice({ type: "registry-away", registry: change.registry, reason, backInMillis });
          this.#options.changed(now, { type: "lost" });
        }
        this.#return(now, change.away?.backInMillis ?? 0);
        return;
      case "ended":
        this.#options.changed(now, { type: "lost" });
        this.#end(change.reason, change.text);
    }
  }

  #mp1Changed(now: Millis, change: Mp1Change): void {
    switch (change.type) {
      case "failing":
        this.#searchFailing(change.text);
        return;
      case "roster":
        this.#isKeyless = true;
        this.#deadlines.clear("membership", "hint");
        this.#options.changed(now, { type: "follow", protocol: "mp1" });
        this.#options.changed(now, change);
        return;
      case "refused":
        this.#isKeyless = true;
        this.#refused(now, change.nickname, change.refusal);
        return;
      case "online": {
        this.#stopSearching();
        const standing = standingOf(change.registry);
        if (standing !== undefined) this.#online(now, standing, change.nickname, undefined);
        return;
      }
      case "presence-failed":
        this.#presenceFailed(change.registry);
        return;
      case "lost":
        this.#lost(now, change.registry, change.how);
        this.#return(now, 0);
    }
  }

  get #pauses(): PauseKind {
    return this.#wasOnline ? "return" : "first";
  }

  #online(now: Millis, standing: RegistryStanding, nickname: Nickname, before: Nickname | undefined): void {
    const again = this.#wasOnline;
    this.#wasOnline = true;
    this.#isPresenceFailing = false;
    this.#lastFailure = "";
    this.#nickname = nickname;
    this.#deadlines.clear("membership", "hint");
    if (before !== undefined) this.#notice({ type: "renamed", nickname, before });
    else {
      this.#notice({ type: "online", nickname, registry: standing.address, standing, again });
      this.#options.changed(now, { type: "online", again });
    }
  }

  #lost(now: Millis, registry: string, how: AssociationEnd): void {
    this.#notice({ type: "registry-lost", registry, how });
    this.#options.changed(now, { type: "lost" });
  }

  /** Everybody comes back at once: spread a little. */
  #return(now: Millis, backIn: Millis): void {
    this.#search(now, "return", backIn + this.#options.random.below(RETURN_SPREAD_MILLIS));
  }

  #presenceFailed(registry: string): void {
    if (!this.#isPresenceFailing) this.#notice({ type: "presence-failed", registry });
    this.#isPresenceFailing = true;
  }

  #refused(now: Millis, nickname: Nickname, refusal: Refusal): void {
    this.#stopSearching();
    this.#mp1.stop();
    this.#deadlines.clear("membership", "hint");
    const next = this.#afterRefusal(nickname, refusal);
    this.#notice({ type: "refused", nickname, refusal, next });
    if (next === "ask") this.#phase = { type: "naming" };
    else if (next === "end") this.#end("refused");
    else if (next === "keep") this.#wanted = this.#nickname;
    else if (next === "retry") {
      const pause = refusal.retryInMillis ?? jittered(this.#options.random, PATIENT_MILLIS);
      this.#deadlines.set("membership", "again", now + pause);
    } else {
      const suggested = parseNickname(refusal.suggestion ?? "");
      if (suggested.ok) this.#wanted = suggested.nickname;
      this.#nickname = this.#wanted;
      this.#search(now, this.#pauses, 0);
    }
  }

  #afterRefusal(nickname: Nickname, refusal: Refusal): RefusalNext {
    if (refusal.code === "banned" || refusal.code === "unsupported") return "end";
    if (this.#mp2.isPresent) return "keep";
    if (refusal.code !== "nickname-taken" && refusal.code !== "nickname-invalid") return "retry";
    const { whenTaken } = this.#options.settings;
    if (whenTaken === "ask") return "ask";
    const suggested = parseNickname(refusal.suggestion ?? "");
    const isNew = suggested.ok && suggested.nickname !== nickname;
    return whenTaken === "suggestion" && isNew ? "suggestion" : "end";
  }

  #searchFailing(text: string): void {
    if (text === this.#lastFailure) return;
    this.#lastFailure = text;
    this.#notice({ type: "search-failing", text });
  }

  #end(reason: EndReason, text?: string): void {
    this.#deadlines.clearAll("membership");
    if (this.#phase.type === "ended") return;
    this.#mp2.leave();
    this.#mp1.stop();
    this.#phase = { type: "ended" };
    this.#notice({ type: "ended", reason, text });
  }

  #notice(notice: ChatNotice): void {
    this.#options.emit({ type: "notice", notice });
  }
}

export function availability(away: boolean, status: Availability["status"]): Availability {
  return status === undefined ? { away } : { away, status };
}

function standingOf(address: string | undefined): RegistryStanding | undefined {
  if (address === undefined) return undefined;
  return { protocol: "mp1", address, realm: undefined, fingerprint: undefined, trust: "unverified" };
}

function refusalOf({ code, text, holder, suggestion, retryIn }: Refused): Refusal {
  return {
    code: code === "nick-taken" ? "nickname-taken" : code === "nick-invalid" ? "nickname-invalid" : code,
    text,
    ...(holder?.address === undefined ? {} : { holder: holder.address }),
    ...(holder?.fingerprint === undefined ? {} : { holderFingerprint: holder.fingerprint }),
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(retryIn === undefined ? {} : { retryInMillis: retryIn }),
  };
}
