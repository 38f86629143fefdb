import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { equalInConstantTime } from "../base/hash.ts";
import type { SealKeys } from "../base/seal.ts";
import { DEFAULT_MIRROR_LIMITS } from "../roster/mirror.ts";
import { encodeFrame, FrameReader } from "../wire/mp2-frames.ts";
import {
  type Availability,
  type Challenge,
  REGISTRATION_TO_CLIENT,
  REGISTRATION_TO_REGISTRY,
  REGISTRY_FRAME_BYTES,
  type Refused,
  type Registered,
} from "../wire/mp2-registration.ts";
import { registrationSecret } from "../wire/mp2-resumption.ts";
import type { Page } from "../wire/mp2-roster.ts";
import type { Capability, Nonce, Realm } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { ChatOutput, Progress } from "./events.ts";
import type { Joined } from "./mp2-joins.ts";

/**
 * The dialogue of one dial-back. docs/protocol-mp2.md, "Registration".
 *
 *     challenged? ── challenge ──> answered ── registered ──> listing ── last page, end ──> over
 *          └── wrong nonce, changed key ──┴── refused ──────────┴── fault, time ─────────────^
 */

/** What we can do. */
const CAPABILITIES: ReadonlySet<Capability> = new Set(["rooms"]);

/** Every time of the dialogue and why it is what it is. */
export const REGISTRATION_TIMES = {
  /** The registry speaks first, right after the handshake. */
  challenge: 5_000,
  /** It makes the name durable before it answers. */
  answer: 10_000,
  /** All pages: 10,000 entries are some 2 MB. */
  pages: 15_000,
} as const satisfies Readonly<Record<string, Millis>>;

/** We are registered, and must attach within 10 s. */
export interface Registration {
  readonly joined: Joined;
  readonly realm: Realm;
  readonly nick: Nickname;
  readonly availability: Availability;
  readonly keys: SealKeys;
  /** Where the dial-back came from: there its SCTP is, too. */
  readonly address: string;
  readonly registered: Registered;
  /** The roster at `registered.seq`, or a part of it; "known": the mirror has it from before, since the session goes on. */
  readonly pages: readonly Page[] | "known";
  /** By which it goes on, with the ticket that `attached` brings. */
  readonly secret: Uint8Array;
}

export type RegistrationEnd =
  | { readonly type: "registered"; readonly registration: Registration }
  | { readonly type: "refused"; readonly refused: Refused }
  /** Another key is pinned for this registry. */
  | { readonly type: "changed"; readonly realm: Realm }
  | { readonly type: "failed"; readonly why: RegistrationFailure };

export type RegistrationFailure =
  /** It answers another search: a former one of ours, or somebody's who has overheard half of it. */
  | "other-search"
  /** What it sent is not what a registry of mp2 sends, or not then. */
  | "no-registry"
  | "too-slow"
  | "broken-off";

type State =
  | { readonly type: "challenged?"; readonly until: Millis }
  | {
      readonly type: "answered";
      readonly until: Millis;
      readonly realm: Realm;
      readonly nick: Nickname;
      readonly availability: Availability;
    }
  | {
      readonly type: "listing";
      readonly until: Millis;
      readonly registration: Omit<Registration, "pages">;
      readonly pages: Map<number, Page>;
      readonly entries: number;
    }
  | { readonly type: "over" };

export interface RegistrationOptions {
  readonly connection: number;
  readonly address: string;
  readonly joined: Joined;
  readonly keys: SealKeys;
  /** Of the search that this answers. */
  readonly nonce: Nonce;
  /** Who we want to be, at the moment when we are asked. */
  readonly profile: () => { readonly nick: Nickname; readonly availability: Availability };
  /** Whether the pinned key of that registry, if there is one, is this one. */
  readonly isTrusted: (realm: Realm) => boolean;
  readonly emit: (output: ChatOutput) => void;
  /** Once; the connection is being ended then. */
  readonly over: (now: Millis, end: RegistrationEnd) => void;
}

export class Mp2Registration {
  readonly #options: RegistrationOptions;
  readonly #reader = new FrameReader(REGISTRY_FRAME_BYTES);
  #state: State;

  constructor(now: Millis, options: RegistrationOptions) {
    this.#options = options;
    this.#state = { type: "challenged?", until: now + REGISTRATION_TIMES.challenge };
  }

  get fingerprint(): Fingerprint {
    return this.#options.joined.fingerprint;
  }

  nextDeadline(): Millis | undefined {
    return this.#state.type === "over" ? undefined : this.#state.until;
  }

  advance(now: Millis): void {
    if (this.#state.type !== "over" && now >= this.#state.until) this.#fail(now, "too-slow");
  }

  received(now: Millis, bytes: Uint8Array): Progress {
    const { frames, fault } = this.#reader.push(bytes);
    for (const frame of frames) {
      if (this.#state.type === "over") break;
      const decoded = REGISTRATION_TO_CLIENT.decode(frame);
      if (decoded.ok) this.#said(now, decoded.value);
      else this.#fail(now, "no-registry");
    }
    if (fault !== undefined) this.#fail(now, "no-registry");
    return { messages: frames.length, pending: this.#state.type === "over" ? 0 : this.#reader.pending };
  }

  /** The connection has ended before its time. Pages that have not come by then come after `attached`. */
  ended(now: Millis): void {
    if (this.#state.type === "listing") this.#registered(now, this.#state);
    else this.#fail(now, "broken-off");
  }

  /** Another registry was faster, or nobody is searching any more. */
  drop(): void {
    if (this.#state.type === "over") return;
    this.#state = { type: "over" };
    this.#options.emit({ type: "tls-destroy", connection: this.#options.connection });
  }

  #said(now: Millis, value: Challenge | Registered | Refused | Page): void {
    const state = this.#state;
    if (value.type === "challenge" && state.type === "challenged?") this.#challenged(now, value);
    else if (value.type === "refused" && state.type === "answered")
      this.#end(now, { type: "refused", refused: value });
    else if (value.type === "registered" && state.type === "answered") {
      const { realm, nick, availability } = state;
      const { joined, keys, address } = this.#options;
      const secret = registrationSecret(keys);
      this.#state = {
        type: "listing",
        until: now + REGISTRATION_TIMES.pages,
        registration: { joined, realm, nick, availability, keys, secret, address, registered: value },
        pages: new Map(),
        entries: 0,
      };
    } else if (value.type === "page" && state.type === "listing") this.#page(now, value);
    else this.#fail(now, "no-registry");
  }

  #challenged(now: Millis, { nonce, realm }: Challenge): void {
    const { profile, isTrusted, emit, connection, nonce: ours } = this.#options;
    if (!equalInConstantTime(nonce, ours)) this.#fail(now, "other-search");
    else if (!isTrusted(realm)) this.#end(now, { type: "changed", realm });
    else {
      const { nick, availability } = profile();
      this.#state = {
        type: "answered",
        until: now + REGISTRATION_TIMES.answer,
        ...{ realm, nick, availability },
      };
      const register = { type: "register", nick, capabilities: CAPABILITIES, ...availability } as const;
      emit({ type: "tls-send", connection, bytes: encodeFrame(REGISTRATION_TO_REGISTRY.encode(register)) });
    }
  }

  /** Each page once, all of the state that was announced, and no more than a mirror holds. */
  #page(now: Millis, page: Page): void {
    const state = this.#state;
    if (state.type !== "listing") return;
    const { epoch, seq } = state.registration.registered;
    const count = [...state.pages.values()][0]?.count ?? page.count;
    const entries = state.entries + page.entries.length;
    const { maxEntries, maxPages } = DEFAULT_MIRROR_LIMITS;
    const isOfIt = page.epoch === epoch && page.seq === seq && page.count === count;
    if (!isOfIt || state.pages.has(page.index) || count > maxPages || entries > maxEntries) {
      this.#fail(now, "no-registry");
      return;
    }
    state.pages.set(page.index, page);
    this.#state = { ...state, entries };
    if (state.pages.size === count) this.#registered(now, state);
  }

  #registered(now: Millis, { registration, pages }: Extract<State, { type: "listing" }>): void {
    this.#end(now, { type: "registered", registration: { ...registration, pages: [...pages.values()] } });
  }

  #fail(now: Millis, why: RegistrationFailure): void {
    this.#end(now, { type: "failed", why });
  }

  #end(now: Millis, end: RegistrationEnd): void {
    if (this.#state.type === "over") return;
    this.#state = { type: "over" };
    const { connection, emit, over } = this.#options;
    const isOrderly = end.type === "registered" || end.type === "refused";
    emit({ type: isOrderly ? "tls-end" : "tls-destroy", connection });
    over(now, end);
  }
}
