import type { Millis, Random } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { encodeUtf8 } from "../base/text.ts";
import { encodeHello } from "../wire/mp1-discovery.ts";
import { parseRosterAnswer, type Refusal, type RosterItem } from "../wire/mp1-roster.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { AssociationEnd, ChatEvent, ChatOutput } from "./events.ts";
import { jittered, PATIENT_MILLIS, type PauseKind, pauseAfter } from "./pauses.ts";

/**
 * Membership at a registry that has no key: hello, dial-back, association. docs/protocol.md, "Discovery",
 * "Registration", "Presence".
 *
 *     idle ── start ──> searching ──> called ──> registering ──> attaching ──> online ── lost ──> idle
 *       ^─── stop ──────────┴───────────┴─── refused ┴────────────────┴────────────┘
 */

/**
 * Who calls may be a registry with a key that has just started, and has heard our keyless hello before the other one: it is
 * asked for its key, and has so long to answer.
 */
export const KEY_MILLIS: Millis = 500;
const ANSWER_MILLIS: Millis = 5_000;
const ATTACH_MILLIS: Millis = 6_000;

type State =
  | { readonly type: "idle" }
  | { readonly type: "searching"; readonly attempt: number }
  | {
      readonly type: "called";
      readonly attempt: number;
      readonly connection: number;
      readonly address: string;
    }
  | {
      readonly type: "registering";
      readonly attempt: number;
      readonly connection: number;
      readonly address: string;
      readonly nickname: Nickname;
    }
  | {
      readonly type: "attaching" | "online";
      readonly association: number;
      readonly registry: string;
      readonly nickname: Nickname;
    };

type DeadlineName = "hello" | "key" | "answer" | "attach";

/** What the rest of the membership learns from here. */
export type Mp1Change =
  /** A registry calls, and is kept waiting: it may have a key. */
  | { readonly type: "called" }
  | { readonly type: "roster"; readonly items: readonly RosterItem[] }
  | { readonly type: "online"; readonly registry: string; readonly nickname: Nickname }
  | { readonly type: "refused"; readonly nickname: Nickname; readonly refusal: Refusal }
  | { readonly type: "presence-failed"; readonly registry: string }
  | { readonly type: "lost"; readonly registry: string; readonly how: AssociationEnd }
  /** Said for the user. */
  | { readonly type: "failing"; readonly text: string };

export interface Mp1Options {
  readonly random: Random;
  readonly nickname: () => Nickname;
  readonly nextAssociation: () => number;
  readonly emit: (output: ChatOutput) => void;
  readonly changed: (now: Millis, change: Mp1Change) => void;
}

export class Mp1Membership {
  readonly #options: Mp1Options;
  readonly #deadlines = new Deadlines<"mp1", DeadlineName>();
  #state: State = { type: "idle" };
  #pauses: PauseKind = "first";
  #asked: ReadonlySet<string> | "any" = new Set();
  #isStrangerTold = false;

  constructor(options: Mp1Options) {
    this.#options = options;
  }

  /** The registry where we are present. */
  get registry(): string | undefined {
    return this.#state.type === "online" ? this.#state.registry : undefined;
  }

  get isIdle(): boolean {
    return this.#state.type === "idle";
  }

  /** Searches, if it does not do so already. */
  start(now: Millis, pauses: PauseKind): void {
    if (this.#state.type !== "idle") return;
    this.#pauses = pauses;
    this.#search(now, 0, 0);
  }

  /** Breaks everything off. */
  stop(): void {
    const state = this.#state;
    this.#deadlines.clearAll("mp1");
    if ("connection" in state) this.#options.emit({ type: "close-dial-back", connection: state.connection });
    if ("association" in state) this.#options.emit({ type: "abandon", association: state.association });
    this.#state = { type: "idle" };
  }

  /** By SHUTDOWN, if there is an association: its number, whose end is to be awaited. */
  leave(): number | undefined {
    const state = this.#state;
    if (!("association" in state)) {
      this.stop();
      return undefined;
    }
    this.#deadlines.clearAll("mp1");
    this.#options.emit({ type: "dissociate", association: state.association });
    this.#state = { type: "idle" };
    return state.association;
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
    if (name === "hello" && state.type === "searching") this.#hello(now, state.attempt);
    else if (name === "key" && state.type === "called") this.#register(now, state);
    else if (name === "answer" && state.type === "registering") {
      this.#options.emit({ type: "close-dial-back", connection: state.connection });
      this.#searchAfter(now, state.attempt);
    } else if (name === "attach" && state.type === "attaching") {
      this.#options.emit({ type: "abandon", association: state.association });
      this.#attachFailed(now, state.registry);
    }
  }

  #search(now: Millis, attempt: number, pause: Millis): void {
    for (const name of ["key", "answer", "attach"] as const) this.#deadlines.clear("mp1", name);
    this.#state = { type: "searching", attempt };
    this.#deadlines.set("mp1", "hello", now + pause);
  }

  #searchAfter(now: Millis, attempt: number): void {
    this.#search(now, attempt, pauseAfter(this.#options.random, this.#pauses, attempt));
  }

  #hello(now: Millis, attempt: number): void {
    this.#options.emit({ type: "hello", protocol: "mp1", bytes: encodeHello({ client: "own" }) });
    this.#searchAfter(now, attempt);
    this.#state = { type: "searching", attempt: attempt + 1 };
  }

  /** One at a time, only when we asked, and by unicast only from whom we asked; an mp1 dial-back proves no more. */
  #dialedBack(now: Millis, connection: number, address: string): void {
    const isAsked = this.#asked === "any" || this.#asked.has(address);
    if (this.#state.type !== "searching" || !isAsked) {
      this.#options.emit({ type: "close-dial-back", connection });
      if (this.#asked !== "any" && this.#asked.size > 0 && !isAsked) this.#tellStranger(now, address);
      return;
    }
    this.#state = { type: "called", attempt: this.#state.attempt, connection, address };
    this.#deadlines.clear("mp1", "hello");
    this.#deadlines.set("mp1", "key", now + KEY_MILLIS);
    this.#options.changed(now, { type: "called" });
  }

  #register(now: Millis, called: Extract<State, { type: "called" }>): void {
    const { connection } = called;
    const nickname = this.#options.nickname();
    this.#state = { ...called, type: "registering", nickname };
    this.#deadlines.set("mp1", "answer", now + ANSWER_MILLIS);
    this.#options.emit({ type: "answer-dial-back", connection, bytes: encodeUtf8(`${nickname}\n`) });
  }

  /** Once: anybody may connect, as often as they like. */
  #tellStranger(now: Millis, address: string): void {
    if (this.#isStrangerTold) return;
    this.#isStrangerTold = true;
    this.#options.changed(now, { type: "failing", text: strangerText(address) });
  }

  #dialBackFailed(now: Millis, connection: number): void {
    const state = this.#state;
    if (!("connection" in state) || state.connection !== connection) return;
    this.#searchAfter(now, state.attempt);
  }

  #answered(now: Millis, connection: number, bytes: Uint8Array): void {
    const state = this.#state;
    if (state.type !== "registering" || state.connection !== connection) return;
    const answer = parseRosterAnswer(bytes);
    if (answer === undefined) {
      this.#dialBackFailed(now, connection);
      return;
    }
    this.#deadlines.clear("mp1", "answer");
    const { nickname, address: registry } = state;
    if (answer.type === "refused") {
      this.#state = { type: "idle" };
      this.#options.changed(now, { type: "refused", nickname, refusal: answer.refusal });
      return;
    }
    const association = this.#options.nextAssociation();
    this.#state = { type: "attaching", association, registry, nickname };
    this.#deadlines.set("mp1", "attach", now + ATTACH_MILLIS);
    this.#options.emit(associate(association, registry));
    this.#options.changed(now, { type: "roster", items: answer.items });
  }

  #associationUp(now: Millis, association: number): void {
    const state = this.#state;
    if (state.type !== "attaching" || state.association !== association) return;
    this.#deadlines.clear("mp1", "attach");
    // What brings an original's association up; the registry reads nothing into it.
    const bytes = encodeUtf8("0");
    this.#options.emit({ type: "association-send", association, stream: 0, ppid: 0, bytes });
    this.#state = { ...state, type: "online" };
    const { registry, nickname } = state;
    this.#options.changed(now, { type: "online", registry, nickname });
  }

  #pushed(now: Millis, association: number, bytes: Uint8Array): void {
    const state = this.#state;
    if (state.type !== "online" || state.association !== association) return;
    const answer = parseRosterAnswer(bytes);
    if (answer?.type === "roster") this.#options.changed(now, { type: "roster", items: answer.items });
  }

  #associationEnded(now: Millis, association: number, how: AssociationEnd): void {
    const state = this.#state;
    if (!("association" in state) || state.association !== association) return;
    const { registry } = state;
    if (state.type === "attaching") {
      this.#attachFailed(now, registry);
      return;
    }
    this.#state = { type: "idle" };
    this.#options.changed(now, { type: "lost", registry, how });
  }

  #attachFailed(now: Millis, registry: string): void {
    this.#search(now, 0, jittered(this.#options.random, PATIENT_MILLIS));
    this.#options.changed(now, { type: "presence-failed", registry });
  }
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
export function strangerText(address: string): string {
  return `not accepted: a call back from ${address}, which was not asked (the same machine? then use --registry ${address})`;
}
