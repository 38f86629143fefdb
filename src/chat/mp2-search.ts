import type { Millis, Random } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { equalInConstantTime } from "../base/hash.ts";
import { isIpv4 } from "../wire/mp1-roster.ts";
import { type Blocked, type Cookie, DISCOVERY_TO_REGISTRY, type Resumed } from "../wire/mp2-discovery.ts";
import { canonicalAddress, NONCE_BYTES, type Nonce } from "../wire/mp2-values.ts";
import { BOUNDS } from "./bounds.ts";
import type { AskedHost, ChatOutput, Source } from "./events.ts";
import { type Joined, Joins } from "./mp2-joins.ts";
import type { Registration } from "./mp2-registration.ts";
import { type Resumable, Resumption } from "./mp2-resumption.ts";
import { FORMER_PLACE_MILLIS, jittered, type PauseKind, pauseAfter } from "./pauses.ts";

/**
 * The search for registries of mp2: hello, cookie, join. docs/protocol-mp2.md, "Discovery". Nothing that is heard here
 * is believed; it decides only whose dial-back may come. Hellos rest while a join is out: mp2-joins.ts.
 *
 *     idle ── start ──> searching ── stop ──> idle
 */

/** A hello that is brought forward keeps so far from the one before: others decide when. */
const HURRY_MILLIS: Millis = 1_000;

type State =
  | { readonly type: "idle" }
  | {
      readonly type: "searching";
      readonly nonce: Nonce;
      readonly pauses: PauseKind;
      /** Hellos so far. */
      readonly attempt: number;
      readonly helloAt: Millis;
      /** Where the registry was that we come back to. */
      readonly formerPlace: Source | undefined;
      /** The next hello goes there, and to nobody else; then one to the others, and so on by turns. */
      readonly isDirect: boolean;
    };

export interface Mp2SearchOptions {
  readonly random: Random;
  readonly emit: (output: ChatOutput) => void;
  readonly hosts: readonly string[];
  readonly isPinned: (fingerprint: Fingerprint) => boolean;
  /** The session at that registry in which we want to go on, if there is one. */
  readonly resumable: (now: Millis, fingerprint: Fingerprint) => Resumable | undefined;
  /** Whether a registry is pinned that may be meant here. */
  readonly knowsAny: () => boolean;
}

export class Mp2Search {
  readonly #options: Mp2SearchOptions;
  readonly #joins: Joins;
  #state: State = { type: "idle" };
  /** The last joins that wanted to go on: a busy registry answers one that was given up already. */
  #resuming: readonly Joined[] = [];
  /** Since the last hello. */
  #joinsOfHello = 0;
  #lastHelloAt: Millis = -Infinity;
  #asked: ReadonlyMap<string, string> = new Map();
  /** What the user called the registry that we come back to. */
  #formerHost: string | undefined;

  constructor(options: Mp2SearchOptions) {
    this.#options = options;
    const { random, isPinned, knowsAny } = options;
    this.#joins = new Joins({
      ...{ random, isPinned },
      send: (joined) => this.#join(joined),
      // Who is known to be about is waited for, and not somebody who only says that it is one.
      isPromising: (fingerprint) => isPinned(fingerprint) || !knowsAny(),
    });
  }

  /** Of the present search. */
  get nonce(): Nonce | undefined {
    return this.#state.type === "searching" ? this.#state.nonce : undefined;
  }

  /** A new search, with a new nonce. */
  start(now: Millis, pauses: PauseKind, after: Millis, former?: Joined): void {
    const nonce = this.#options.random.bytes(NONCE_BYTES) as Nonce;
    this.#formerHost = former?.host;
    this.#joins.clear();
    this.#resuming = [];
    const place = placeOf(former?.source);
    this.#state = { type: "searching", nonce, pauses, attempt: 0, helloAt: now + after, ...place };
  }

  stop(): void {
    this.#state = { type: "idle" };
    this.#joins.clear();
    this.#resuming = [];
  }

  /** A beacon of a registry that is not ours now. `known`: it is one that we look for, and is at `place`. */
  beacon(now: Millis, known?: { fingerprint: Fingerprint; place: Source; after: Millis }): void {
    // Perhaps the first registry here has just started. Whoever it is, we ask everybody.
    if (known === undefined) this.#hurry(now, 0, { isDirect: false });
    else {
      // It may just have started: joins of before are lost then.
      this.#joins.forgotten(now - HURRY_MILLIS, known.fingerprint);
      this.#hurry(now, known.after, placeOf(known.place));
    }
  }

  /** The next hello, to everybody, at once: for callers who cannot be made to call this often. */
  askNow(now: Millis): void {
    if (this.#state.type === "searching") this.#state = { ...this.#state, isDirect: false, helloAt: now };
  }

  /** Interfaces came or went: cookies are for the address that we had. */
  moved(now: Millis): void {
    this.#joins.forgotten(now);
    this.#hurry(now, 0, { isDirect: false });
  }

  nextDeadline(): Millis | undefined {
    if (this.#state.type === "idle") return undefined;
    const joins = this.#joins.nextDeadline() ?? Infinity;
    return this.#joins.isPending ? joins : Math.min(joins, this.#state.helloAt);
  }

  advance(now: Millis): void {
    this.#joins.advance(now);
    const state = this.#state;
    if (state.type === "searching" && now >= state.helloAt && !this.#joins.isPending) this.#hello(now, state);
  }

  /** The hello went out. */
  asked(to: readonly AskedHost[] | "any"): void {
    if (to !== "any") this.#asked = new Map(to.map(({ address, host }) => [bare(address), host]));
  }

  /** Answers a cookie of ours; "stranger" when it comes from a host that was not asked. */
  cookie(now: Millis, from: Source, heard: Cookie): "joined" | "ignored" | "stranger" {
    const { hosts, isPinned, random, resumable } = this.#options;
    const { nonce, fingerprint, cookie } = heard;
    const state = this.#state;
    if (state.type !== "searching" || !equalInConstantTime(nonce, state.nonce)) return "ignored";
    const isReturn = bare(from.address) === bare(state.formerPlace?.address ?? "");
    const host = this.#asked.get(bare(from.address)) ?? (isReturn ? this.#formerHost : undefined);
    if (hosts.length > 0 && host === undefined) return "stranger";
    const { attempt } = state;
    if (!this.#joins.takes({ fingerprint, source: from, attempt })) return "ignored";
    // A flood of made-up registries does not keep out the one that we know.
    if (this.#joinsOfHello >= BOUNDS.joinsPerHello && !isPinned(fingerprint)) return "ignored";
    this.#joinsOfHello += 1;
    const former = resumable(now, fingerprint);
    const resumption = former && new Resumption(random, former, { nonce, fingerprint, cookie });
    const plain = { fingerprint, source: from, host, cookie, attempt };
    const joined = resumption === undefined ? plain : { ...plain, resumption };
    if (resumption !== undefined) this.#resuming = [...this.#resuming, joined].slice(-BOUNDS.resumptions);
    this.#joins.join(now, joined);
    return "joined";
  }

  /** A registry says that we go on: how, if that is so. */
  resumed(message: Resumed): Registration | undefined {
    const joined = this.#resuming.find(({ cookie }) => equalInConstantTime(cookie, message.cookie));
    const registration = joined?.resumption?.accept(message);
    return registration && joined && { ...registration, joined, address: joined.source.address };
  }

  /** A registry could not connect to us: which, if it is one that we asked to. */
  blocked({ cookie }: Blocked): Joined | undefined {
    return this.#joins.blocked(cookie);
  }

  joined(fingerprint: Fingerprint): Joined | undefined {
    return this.#joins.find(fingerprint);
  }

  /** Its dial-back has come. */
  called(now: Millis, fingerprint: Fingerprint): void {
    this.#joins.called(now, fingerprint);
  }

  /** … and came to nothing. */
  failed(fingerprint: Fingerprint): void {
    this.#joins.failed(fingerprint);
  }

  #hurry(now: Millis, after: Millis, place: { formerPlace?: Source | undefined; isDirect: boolean }): void {
    const state = this.#state;
    if (state.type !== "searching") return;
    const at = Math.max(now + after, this.#lastHelloAt + HURRY_MILLIS);
    this.#state = { ...state, ...place, helloAt: Math.min(state.helloAt, at) };
  }

  #hello(now: Millis, state: Extract<State, { type: "searching" }>): void {
    const { random, emit } = this.#options;
    const { nonce, formerPlace, attempt, pauses, isDirect } = state;
    const bytes = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce });
    const pause = isDirect ? jittered(random, FORMER_PLACE_MILLIS) : pauseAfter(random, pauses, attempt);
    this.#joinsOfHello = 0;
    this.#lastHelloAt = now;
    const place = placeOf(formerPlace);
    this.#state = {
      ...state,
      attempt: attempt + 1,
      helloAt: now + pause,
      isDirect: place.isDirect && !isDirect,
    };
    if (formerPlace !== undefined && isDirect === place.isDirect)
      emit({ type: "datagram", to: formerPlace, bytes });
    if (!isDirect) emit({ type: "hello", protocol: "mp2", bytes });
  }

  #join({ fingerprint, source, cookie, resumption }: Joined): void {
    const { nonce } = this;
    if (nonce === undefined) return;
    const bytes = DISCOVERY_TO_REGISTRY.encode({
      ...{ type: "join", nonce, fingerprint, cookie },
      ...(resumption === undefined ? {} : { resume: resumption.resume }),
    });
    this.#options.emit({ type: "datagram", to: source, bytes });
  }
}

/** Only IPv4 is asked alone: who is at a registry by IPv6 may be better off with IPv4 now, and that must be asked for. */
function placeOf(formerPlace: Source | undefined): { formerPlace: Source | undefined; isDirect: boolean } {
  return { formerPlace, isDirect: formerPlace !== undefined && isIpv4(formerPlace.address) };
}

/** Without a zone, which only this machine knows. */
function bare(address: string): string {
  return canonicalAddress(address) ?? address;
}
