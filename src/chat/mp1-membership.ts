import type { Millis, Random } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { encodeUtf8 } from "../base/text.ts";
import { encodeHello } from "../wire/mp1-discovery.ts";
import { parseRosterAnswer, type RosterItem } from "../wire/mp1-roster.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import type { AssociationEnd, ChatEvent, ChatOutput } from "./events.ts";
import type { ChatNotice, EndReason, Refusal, RefusalNext, RegistryStanding } from "./notices.ts";
import type { ChatSettings } from "./settings.ts";

/**
 * How we become and stay a member: hello, dial-back, association, and all of it again when the registry is gone.
 * docs/protocol.md, "Discovery", "Registration", "Presence".
 */

/** Pauses between two hellos while no registry was ever found; the last one repeats. */
const FIRST_PAUSES: readonly Millis[] = [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000];
/** After a registry is gone: it is probably being restarted, so look closely for the first half minute. */
const RETURN_PAUSES: readonly Millis[] = [250, 500, ...Array<Millis>(30).fill(1_000), 2_000, 5_000];
/** After a registry that answered but could not be used. */
const PATIENT_MILLIS: Millis = 4_000;
/** After a registry is gone everybody comes back: spread over this time. */
const RETURN_SPREAD_MILLIS: Millis = 400;
export const HINT_MILLIS: Millis = 10_000;
const ANSWER_MILLIS: Millis = 5_000;
const ATTACH_MILLIS: Millis = 6_000;
export const LEAVE_MILLIS: Millis = 1_000;

type State =
  | { readonly type: "idle" }
  | { readonly type: "searching"; readonly attempt: number }
  | {
      readonly type: "registering";
      readonly attempt: number;
      readonly connection: number;
      readonly address: string;
    }
  /** Refused: the user is asked for another nickname. */
  | { readonly type: "naming" }
  | { readonly type: "attaching"; readonly association: number; readonly registry: string }
  | { readonly type: "online"; readonly association: number; readonly registry: string }
  | { readonly type: "leaving"; readonly association: number }
  | { readonly type: "ended" };

type DeadlineName = "hello" | "hint" | "answer" | "attach" | "leave";

/** What the rest of the core learns from here. */
export type MembershipChange =
  | { readonly type: "roster"; readonly items: readonly RosterItem[] }
  | { readonly type: "online"; readonly again: boolean }
  | { readonly type: "lost" };

export class Membership {
  readonly #settings: ChatSettings;
  readonly #random: Random;
  readonly #emit: (output: ChatOutput) => void;
  readonly #changed: (now: Millis, change: MembershipChange) => void;
  readonly #deadlines = new Deadlines<"membership", DeadlineName>();
  #state: State = { type: "idle" };
  #nickname: Nickname;
  #asked: ReadonlySet<string> | "any" = new Set();
  #associations = 0;
  #wasOnline = false;
  #lastFailure = "";
  #isPresenceFailing = false;
  #isStrangerTold = false;

  constructor(options: {
    settings: ChatSettings;
    random: Random;
    emit: (output: ChatOutput) => void;
    changed: (now: Millis, change: MembershipChange) => void;
  }) {
    this.#settings = options.settings;
    this.#nickname = options.settings.nickname;
    this.#random = options.random;
    this.#emit = options.emit;
    this.#changed = options.changed;
  }

  get nickname(): Nickname {
    return this.#nickname;
  }

  /** The registry where we are present. */
  get registry(): RegistryStanding | undefined {
    return this.#state.type === "online" ? standingOf(this.#state.registry) : undefined;
  }

  start(now: Millis): void {
    if (this.#state.type !== "idle") return;
    this.#notice({ type: "searching" });
    this.#deadlines.set("membership", "hint", now + HINT_MILLIS);
    this.#search(now, 0, 0);
  }

  /** Another nickname, when asked for one. */
  rename(now: Millis, nickname: Nickname): void {
    if (this.#state.type !== "naming") return;
    this.#nickname = nickname;
    this.#search(now, 0, 0);
  }

  /** Once more changes nothing: the registry is being told, and the deadline for that stands. */
  leave(now: Millis): void {
    const state = this.#state;
    if (state.type === "leaving") return;
    this.#clearDeadlines();
    if (state.type === "registering") this.#emit({ type: "close-dial-back", connection: state.connection });
    if (state.type !== "online" && state.type !== "attaching") {
      this.#end("left");
      return;
    }
    this.#emit({ type: "dissociate", association: state.association });
    this.#deadlines.set("membership", "leave", now + LEAVE_MILLIS);
    this.#state = { type: "leaving", association: state.association };
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      this.#expired(now, due.name);
    }
  }

  handle(now: Millis, event: ChatEvent): void {
    switch (event.type) {
      case "hello-sent":
        this.#asked = event.to === "any" ? "any" : new Set(event.to.map(({ address }) => address));
        return;
      case "hello-failed":
        this.#searchFailing(event.text);
        return;
      case "dialed-back":
        this.#dialedBack(now, event.connection, event.address);
        return;
      case "dial-back-answer":
        this.#answered(now, event.connection, event.bytes);
        return;
      case "dial-back-failed":
        this.#dialBackFailed(now, event.connection);
        return;
      case "association-up":
        this.#associationUp(now, event.association);
        return;
      case "association-message":
        this.#pushed(now, event.association, event.bytes);
        return;
      case "association-ended":
        this.#associationEnded(now, event.association, event.how);
        return;
      default:
    }
  }

  #expired(now: Millis, name: DeadlineName): void {
    const state = this.#state;
    if (name === "hint") {
      if (state.type === "searching" || state.type === "registering")
        this.#notice({ type: "search-hint", waitedMillis: HINT_MILLIS, heard: "nothing" });
    } else if (name === "hello" && state.type === "searching") this.#hello(now, state.attempt);
    else if (name === "answer" && state.type === "registering") {
      this.#emit({ type: "close-dial-back", connection: state.connection });
      this.#search(now, state.attempt, this.#pause(state.attempt));
    } else if (name === "attach" && state.type === "attaching") {
      this.#emit({ type: "abandon", association: state.association });
      this.#attachFailed(now, state.registry);
    } else if (name === "leave" && state.type === "leaving") {
      this.#emit({ type: "abandon", association: state.association });
      this.#end("left");
    }
  }

  #search(now: Millis, attempt: number, pause: Millis): void {
    this.#deadlines.clear("membership", "answer");
    this.#deadlines.clear("membership", "attach");
    this.#state = { type: "searching", attempt };
    this.#deadlines.set("membership", "hello", now + pause);
  }

  #hello(now: Millis, attempt: number): void {
    this.#emit({ type: "hello", protocol: "mp1", bytes: encodeHello({ client: "own" }) });
    this.#state = { type: "searching", attempt: attempt + 1 };
    this.#deadlines.set("membership", "hello", now + this.#pause(attempt));
  }

  /** With 20% of jitter either way, so that clients that started together drift apart. */
  #pause(attempt: number): Millis {
    const pauses = this.#wasOnline ? RETURN_PAUSES : FIRST_PAUSES;
    return this.#jittered(pauses[Math.min(attempt, pauses.length - 1)] ?? 0);
  }

  #jittered(pause: Millis): Millis {
    return pause * (0.8 + this.#random.below(401) / 1_000);
  }

  /** Once: anybody may connect, as often as they like. */
  #tellStranger(address: string): void {
    if (this.#isStrangerTold) return;
    this.#isStrangerTold = true;
    this.#searchFailing(strangerText(address));
  }

  #searchFailing(text: string): void {
    if (text === this.#lastFailure) return;
    this.#lastFailure = text;
    this.#notice({ type: "search-failing", text });
  }

  /** One at a time, only when we asked, and by unicast only from whom we asked; an mp1 dial-back proves no more. */
  #dialedBack(now: Millis, connection: number, address: string): void {
    const isAsked = this.#asked === "any" || this.#asked.has(address);
    if (this.#state.type !== "searching" || !isAsked) {
      this.#emit({ type: "close-dial-back", connection });
      if (this.#asked !== "any" && this.#asked.size > 0 && !isAsked) this.#tellStranger(address);
      return;
    }
    this.#state = { type: "registering", attempt: this.#state.attempt, connection, address };
    this.#deadlines.clear("membership", "hello");
    this.#deadlines.set("membership", "answer", now + ANSWER_MILLIS);
    this.#emit({ type: "answer-dial-back", connection, bytes: encodeUtf8(`${this.#nickname}\n`) });
  }

  #dialBackFailed(now: Millis, connection: number): void {
    const state = this.#state;
    if (state.type !== "registering" || state.connection !== connection) return;
    this.#search(now, state.attempt, this.#pause(state.attempt));
  }

  #answered(now: Millis, connection: number, bytes: Uint8Array): void {
    const state = this.#state;
    if (state.type !== "registering" || state.connection !== connection) return;
    const answer = parseRosterAnswer(bytes);
    if (answer === undefined) {
      this.#dialBackFailed(now, connection);
      return;
    }
    this.#deadlines.clear("membership", "answer");
    this.#deadlines.clear("membership", "hint");
    if (answer.type === "refused") {
      this.#refused(now, answer.refusal);
      return;
    }
    this.#lastFailure = "";
    this.#associations += 1;
    this.#state = { type: "attaching", association: this.#associations, registry: state.address };
    this.#deadlines.set("membership", "attach", now + ATTACH_MILLIS);
    this.#emit(associate(this.#associations, state.address));
    this.#changed(now, { type: "roster", items: answer.items });
  }

  #refused(now: Millis, refusal: Refusal): void {
    const nickname = this.#nickname;
    const next = this.#afterRefusal(refusal);
    this.#notice({ type: "refused", nickname, refusal, next });
    if (next === "ask") this.#state = { type: "naming" };
    else if (next === "end") this.#end("refused");
    else if (next === "retry") this.#search(now, 0, this.#jittered(PATIENT_MILLIS));
    else {
      const suggested = parseNickname(refusal.suggestion ?? "");
      if (suggested.ok) this.#nickname = suggested.nickname;
      this.#search(now, 1, 0);
    }
  }

  #afterRefusal(refusal: Refusal): RefusalNext {
    if (refusal.code === "registry-full") return "retry";
    if (this.#settings.whenTaken === "ask") return "ask";
    const suggested = parseNickname(refusal.suggestion ?? "");
    const isNew = suggested.ok && suggested.nickname !== this.#nickname;
    return this.#settings.whenTaken === "suggestion" && isNew ? "suggestion" : "end";
  }

  #associationUp(now: Millis, association: number): void {
    const state = this.#state;
    if (state.type !== "attaching" || state.association !== association) return;
    this.#deadlines.clear("membership", "attach");
    // What brings an original's association up; the registry reads nothing into it.
    this.#emit({ type: "association-send", association, stream: 0, ppid: 0, bytes: encodeUtf8("0") });
    this.#state = { type: "online", association, registry: state.registry };
    const again = this.#wasOnline;
    this.#wasOnline = true;
    this.#isPresenceFailing = false;
    const { registry } = state;
    this.#notice({
      type: "online",
      nickname: this.#nickname,
      registry,
      standing: standingOf(registry),
      again,
    });
    this.#changed(now, { type: "online", again });
  }

  #pushed(now: Millis, association: number, bytes: Uint8Array): void {
    const state = this.#state;
    if (state.type !== "online" || state.association !== association) return;
    const answer = parseRosterAnswer(bytes);
    if (answer?.type === "roster") this.#changed(now, { type: "roster", items: answer.items });
  }

  #associationEnded(now: Millis, association: number, how: AssociationEnd): void {
    const state = this.#state;
    if (!("association" in state) || state.association !== association) return;
    if (state.type === "leaving") {
      this.#end("left");
      return;
    }
    if (state.type === "attaching") {
      this.#attachFailed(now, state.registry);
      return;
    }
    this.#notice({ type: "registry-lost", registry: state.registry, how });
    this.#changed(now, { type: "lost" });
    this.#search(now, 0, this.#random.below(RETURN_SPREAD_MILLIS));
  }

  #attachFailed(now: Millis, registry: string): void {
    if (!this.#isPresenceFailing) this.#notice({ type: "presence-failed", registry });
    this.#isPresenceFailing = true;
    this.#search(now, 0, this.#jittered(PATIENT_MILLIS));
  }

  #end(reason: EndReason): void {
    this.#clearDeadlines();
    if (this.#state.type === "ended") return;
    this.#state = { type: "ended" };
    this.#notice({ type: "ended", reason, text: undefined });
  }

  #clearDeadlines(): void {
    this.#deadlines.clearAll("membership");
  }

  #notice(notice: ChatNotice): void {
    this.#emit({ type: "notice", notice });
  }
}

function standingOf(address: string): RegistryStanding {
  return { protocol: "mp1", address, realm: undefined, fingerprint: undefined, trust: "unverified" };
}

/** mp1 does not say how: the shell knows. */
function associate(association: number, address: string): ChatOutput {
  const unsaid = {
    registryPort: undefined,
    encapsulationPort: undefined,
    heartbeatMillis: undefined,
    lostAfterMillis: undefined,
  };
  return { type: "associate", association, address, ...unsaid };
}

/** A registry with several addresses may call back from another one than it was asked at; mp1 cannot tell it apart. */
function strangerText(address: string): string {
  return `not accepted: a call back from ${address}, which was not asked (the same machine? then use --registry ${address})`;
}
