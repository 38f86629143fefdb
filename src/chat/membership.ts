import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Availability } from "../wire/mp2-registration.ts";
import { sortedRooms } from "../wire/mp2-values.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import type { AssociationEnd, ChatEvent } from "./events.ts";
import { availability, keylessStanding, type MembershipOptions } from "./membership-changes.ts";
import { type Mp1Change, Mp1Membership } from "./mp1-membership.ts";
import type { Mp2Change } from "./mp2-changes.ts";
import { Mp2Membership } from "./mp2-membership.ts";
import type { ChatNotice, EndReason, Refusal, RegistryStanding } from "./notices.ts";
import { jittered, PATIENT_MILLIS } from "./pauses.ts";
import { afterRefusal, refusalOf } from "./refusals.ts";
import { Said } from "./said.ts";
import { Searching } from "./searching.ts";

/**
 * How we become and stay a member, by whichever protocol.
 *
 *     idle ── start ──> running ── refused ──> naming ── rename ──> running
 *                          └── leave ──> leaving ── told, or a second ──> ended
 */

export const LEAVE_MILLIS: Millis = 1_000;

type Phase =
  | { readonly type: "idle" | "running" | "ended" }
  /** Refused: the user is asked for another nickname. */
  | { readonly type: "naming" }
  | { readonly type: "leaving"; readonly association: number };

export class Membership {
  readonly #options: MembershipOptions;
  readonly #mp1: Mp1Membership;
  readonly #mp2: Mp2Membership;
  readonly #searching: Searching;
  readonly #said: Said;
  readonly #deadlines = new Deadlines<"membership", "leave">();
  #phase: Phase = { type: "idle" };
  #nickname: Nickname;
  /** What we want to be called: another one while that is being asked for. */
  #wanted: Nickname;
  #availability: Availability;
  #associations = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { settings, random, trusted, mirror, emit } = options;
    this.#nickname = settings.nickname;
    this.#wanted = settings.nickname;
    this.#availability = availability(
      settings.away ?? false,
      settings.status,
      sortedRooms(settings.rooms ?? []),
    );
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
    const [mp1, mp2] = [this.#mp1, this.#mp2];
    const notice = (told: ChatNotice): void => this.#notice(told);
    this.#searching = new Searching({ mp1, mp2, settings, random, trusted, notice });
    this.#said = new Said(emit);
  }

  get nickname(): Nickname {
    return this.#nickname;
  }

  get availability(): Availability {
    return this.#availability;
  }

  /** The registry where we are present. */
  get registry(): RegistryStanding | undefined {
    return this.#mp2.registry ?? keylessStanding(this.#mp1.registry);
  }

  start(now: Millis): void {
    if (this.#phase.type !== "idle") return;
    this.#phase = { type: "running" };
    this.#searching.start(now);
  }

  /** Another nickname; false where it cannot be changed now: over mp1, and when we have ended. */
  rename(now: Millis, nickname: Nickname): boolean {
    if (this.#mp1.registry !== undefined) return false;
    if (this.#phase.type !== "running" && this.#phase.type !== "naming") return false;
    this.#phase = { type: "running" };
    this.#wanted = nickname;
    if (!this.#mp2.isPresent) this.#nickname = nickname;
    this.#mp1.stop();
    this.#searching.search(now, 0);
    return true;
  }

  setAvailability(next: Availability): void {
    this.#availability = next;
    this.#mp2.setAvailability(next);
  }

  /** Once more changes nothing: the registry is being told, and the deadline for that stands. */
  leave(now: Millis): void {
    if (this.#phase.type === "leaving") return;
    this.#searching.end();
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
    const parts = [this.#searching, this.#mp1, this.#mp2];
    const all = [this.#deadlines.next(), ...parts.map((part) => part.nextDeadline())];
    const next = Math.min(...all.map((at) => at ?? Infinity));
    return next === Infinity ? undefined : next;
  }

  advance(now: Millis): void {
    if (this.#deadlines.due(now) !== undefined && this.#phase.type === "leaving") {
      this.#options.emit({ type: "abandon", association: this.#phase.association });
      this.#end("left");
    }
    this.#searching.advance(now);
    this.#mp1.advance(now);
    this.#mp2.advance(now);
  }

  /** The connections of registries. */
  get connections(): Pick<Mp2Membership, "owns" | "received"> {
    return this.#mp2;
  }

  handle(now: Millis, event: ChatEvent): void {
    const phase = this.#phase;
    if (event.type === "hello-failed") this.#said.searchFailing(event.text);
    else if (event.type === "network-changed") this.#mp2.moved(now);
    else if (event.type === "hello-sent")
      (event.protocol === "mp1" ? this.#mp1 : this.#mp2).handle(now, event);
    else if (phase.type === "leaving" && event.type === "association-ended") {
      if (event.association === phase.association) this.#end("left");
    } else {
      this.#mp1.handle(now, event);
      this.#mp2.handle(now, event);
    }
  }

  #mp2Changed(now: Millis, change: Mp2Change): void {
    switch (change.type) {
      case "answered":
        this.#searching.answered();
        return;
      case "failing":
        this.#said.searchFailing(change.text);
        return;
      case "blocked":
        this.#notice(change);
        return;
      case "refused":
        this.#refused(now, change.nickname, refusalOf(change.refused));
        return;
      case "registered":
        this.#searching.stop(true);
        this.#options.changed(now, { type: "follow", protocol: "mp2" });
        return;
      case "online":
        this.#online(now, change.standing, change.nickname, change.renamedFrom);
        return;
      case "presence-failed":
        this.#said.presenceFailed(change.registry);
        this.#searching.search(now, jittered(this.#options.random, PATIENT_MILLIS));
        return;
      case "lost":
        this.#mp2Lost(now, change);
        return;
      case "ended":
        this.#options.changed(now, { type: "lost" });
        this.#options.changed(now, { type: "ended" });
        this.#end(change.reason, change.text);
    }
  }

  #mp1Changed(now: Millis, change: Mp1Change): void {
    switch (change.type) {
      case "called":
        this.#mp2.askNow(now);
        return;
      case "failing":
        this.#said.searchFailing(change.text);
        return;
      case "roster":
        this.#searching.keyless();
        this.#options.changed(now, { type: "follow", protocol: "mp1" });
        this.#options.changed(now, change);
        return;
      case "refused":
        this.#searching.keyless();
        this.#refused(now, change.nickname, change.refusal);
        return;
      case "online": {
        this.#searching.stop(false);
        const standing = keylessStanding(change.registry);
        if (standing !== undefined) this.#online(now, standing, change.nickname, undefined);
        return;
      }
      case "presence-failed":
        this.#said.presenceFailed(change.registry);
        return;
      case "lost":
        this.#lost(now, change.registry, change.how);
        this.#searching.return(now, 0);
    }
  }

  #online(now: Millis, standing: RegistryStanding, nickname: Nickname, before: Nickname | undefined): void {
    const again = this.#searching.wasOnline;
    this.#searching.online();
    this.#said.online();
    this.#nickname = nickname;
    if (before !== undefined) this.#notice({ type: "renamed", nickname, before });
    else {
      this.#notice({ type: "online", nickname, registry: standing.address, standing, again });
      this.#options.changed(now, { type: "online", again });
    }
  }

  #mp2Lost(now: Millis, { registry, how, away }: Extract<Mp2Change, { type: "lost" }>): void {
    if (away === undefined) this.#lost(now, registry, how);
    else {
      const { reason, backInMillis } = away;
      this.#notice({ type: "registry-away", registry, reason, backInMillis });
      this.#options.changed(now, { type: "lost" });
    }
    this.#searching.return(now, away?.backInMillis ?? 0);
  }

  #lost(now: Millis, registry: string, how: AssociationEnd): void {
    this.#notice({ type: "registry-lost", registry, how });
    this.#options.changed(now, { type: "lost" });
  }

  #refused(now: Millis, nickname: Nickname, refusal: Refusal): void {
    this.#searching.stop(true);
    this.#searching.found();
    const { whenTaken } = this.#options.settings;
    const next = afterRefusal(refusal, nickname, { whenTaken, isPresent: this.#mp2.isPresent });
    this.#notice({ type: "refused", nickname, refusal, next });
    if (next === "ask") this.#phase = { type: "naming" };
    else if (next === "end") this.#end("refused");
    else if (next === "keep") this.#wanted = this.#nickname;
    else if (next === "retry") this.#searching.later(now, refusal.retryInMillis);
    else {
      const suggested = parseNickname(refusal.suggestion ?? "");
      if (suggested.ok) this.#wanted = suggested.nickname;
      this.#nickname = this.#wanted;
      this.#searching.search(now, 0);
    }
  }

  #end(reason: EndReason, text?: string): void {
    this.#deadlines.clearAll("membership");
    this.#searching.end();
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
