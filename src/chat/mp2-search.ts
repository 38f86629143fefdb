import type { Millis, Random } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { equalInConstantTime } from "../base/hash.ts";
import { type Blocked, type Cookie, DISCOVERY_TO_REGISTRY } from "../wire/mp2-discovery.ts";
import { canonicalAddress, NONCE_BYTES, type Nonce } from "../wire/mp2-values.ts";
import { BOUNDS } from "./bounds.ts";
import type { AskedHost, ChatOutput, Source } from "./events.ts";
import { type PauseKind, pauseAfter } from "./pauses.ts";

/**
 * The search for registries of mp2: hello, cookie, join. docs/protocol-mp2.md, "Discovery". Nothing that is heard here
 * is believed; it decides only whose dial-back may come.
 *
 *     idle ── start ──> searching ── stop ──> idle
 */

/** A hello that is brought forward keeps so far from the one before: others decide when. */
const HURRY_MILLIS: Millis = 1_000;

/** A registry that we asked to dial us back. */
export interface Joined {
  readonly fingerprint: Fingerprint;
  /** Where its cookie came from. */
  readonly source: Source;
  /** The host that the user named, if that is where. */
  readonly host: string | undefined;
  readonly cookie: Uint8Array;
  /** The number of the hello that it answered. */
  readonly attempt: number;
  /** It could not reach us from there. */
  readonly isBlocked: boolean;
}

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
    };

export class Mp2Search {
  readonly #random: Random;
  readonly #emit: (output: ChatOutput) => void;
  readonly #hosts: readonly string[];
  readonly #isPinned: (fingerprint: Fingerprint) => boolean;
  #state: State = { type: "idle" };
  /** By fingerprint: of one registry one dial-back is enough, whichever way it was heard. */
  readonly #joined = new Map<Fingerprint, Joined>();
  #joins = 0;
  #lastHelloAt: Millis = -Infinity;
  #asked: ReadonlyMap<string, string> = new Map();
  /** What the user called the registry that we come back to. */
  #formerHost: string | undefined;

  constructor(options: {
    random: Random;
    emit: (output: ChatOutput) => void;
    hosts: readonly string[];
    isPinned: (fingerprint: Fingerprint) => boolean;
  }) {
    this.#random = options.random;
    this.#emit = options.emit;
    this.#hosts = options.hosts;
    this.#isPinned = options.isPinned;
  }

  /** Of the present search. */
  get nonce(): Nonce | undefined {
    return this.#state.type === "searching" ? this.#state.nonce : undefined;
  }

  /** A new search, with a new nonce. */
  start(now: Millis, pauses: PauseKind, after: Millis, former?: Joined): void {
    const nonce = this.#random.bytes(NONCE_BYTES) as Nonce;
    const formerPlace = former?.source;
    this.#formerHost = former?.host;
    this.#joined.clear();
    this.#state = { type: "searching", nonce, pauses, attempt: 0, helloAt: now + after, formerPlace };
  }

  stop(): void {
    this.#state = { type: "idle" };
    this.#joined.clear();
  }

  /** There is reason to ask soon. `place`: where somebody has just been heard. */
  hurry(now: Millis, after: Millis, place?: Source): void {
    const state = this.#state;
    if (state.type !== "searching") return;
    const at = Math.max(now + after, this.#lastHelloAt + HURRY_MILLIS);
    this.#state = {
      ...state,
      helloAt: Math.min(state.helloAt, at),
      formerPlace: place ?? state.formerPlace,
    };
  }

  nextDeadline(): Millis | undefined {
    return this.#state.type === "searching" ? this.#state.helloAt : undefined;
  }

  advance(now: Millis): void {
    const state = this.#state;
    if (state.type !== "searching" || now < state.helloAt) return;
    const { nonce, formerPlace, attempt, pauses } = state;
    const bytes = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce });
    this.#joins = 0;
    this.#lastHelloAt = now;
    this.#state = {
      ...state,
      attempt: attempt + 1,
      helloAt: now + pauseAfter(this.#random, pauses, attempt),
    };
    if (formerPlace !== undefined) this.#emit({ type: "datagram", to: formerPlace, bytes });
    this.#emit({ type: "hello", protocol: "mp2", bytes });
  }

  /** The hello went out. */
  asked(to: readonly AskedHost[] | "any"): void {
    if (to !== "any") this.#asked = new Map(to.map(({ address, host }) => [bare(address), host]));
  }

  /** Answers a cookie of ours; "stranger" when it comes from a host that was not asked. */
  cookie(from: Source, { nonce, fingerprint, cookie }: Cookie): "joined" | "ignored" | "stranger" {
    const state = this.#state;
    if (state.type !== "searching" || !equalInConstantTime(nonce, state.nonce)) return "ignored";
    const isReturn = bare(from.address) === bare(state.formerPlace?.address ?? "");
    const host = this.#asked.get(bare(from.address)) ?? (isReturn ? this.#formerHost : undefined);
    if (this.#hosts.length > 0 && host === undefined) return "stranger";
    const before = this.#joined.get(fingerprint);
    // Another way is taken when the one before did not work, once for each hello.
    if (before !== undefined && before.attempt === state.attempt && !before.isBlocked) return "ignored";
    const isBlockedWay = before?.isBlocked === true && isSame(before.source, from);
    if (isBlockedWay && state.attempt <= before.attempt + 1) return "ignored";
    // A flood of made-up registries does not keep out the one that we know.
    if (this.#joins >= BOUNDS.joinsPerHello && !this.#isPinned(fingerprint)) return "ignored";
    this.#joins += 1;
    this.#remember({ fingerprint, source: from, host, cookie, attempt: state.attempt, isBlocked: false });
    const bytes = DISCOVERY_TO_REGISTRY.encode({ type: "join", nonce, fingerprint, cookie });
    this.#emit({ type: "datagram", to: from, bytes });
    return "joined";
  }

  /** A registry could not connect to us: which, if it is one that we asked to. */
  blocked({ cookie }: Blocked): Joined | undefined {
    for (const joined of this.#joined.values()) {
      if (joined.isBlocked || !equalInConstantTime(joined.cookie, cookie)) continue;
      this.#joined.set(joined.fingerprint, { ...joined, isBlocked: true });
      return joined;
    }
    return undefined;
  }

  joined(fingerprint: Fingerprint): Joined | undefined {
    return this.#joined.get(fingerprint);
  }

  #remember(joined: Joined): void {
    this.#joined.delete(joined.fingerprint);
    this.#joined.set(joined.fingerprint, joined);
    for (const oldest of this.#joined.keys()) {
      if (this.#joined.size <= BOUNDS.joins) return;
      if (!this.#isPinned(oldest)) this.#joined.delete(oldest);
      else break;
    }
  }
}

function isSame(left: Source, right: Source): boolean {
  return left.address === right.address && left.port === right.port;
}

/** Without a zone, which only this machine knows. */
function bare(address: string): string {
  return canonicalAddress(address) ?? address;
}
