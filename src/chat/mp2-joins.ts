import type { Millis, Random } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { equalInConstantTime } from "../base/hash.ts";
import { BOUNDS } from "./bounds.ts";
import type { Source } from "./events.ts";
import type { Resumption } from "./mp2-resumption.ts";
import { JOIN_PAUSES, jittered } from "./pauses.ts";

/**
 * The registries that we have asked to dial us back, by their keys: of one registry one dial-back is enough, whichever
 * way it was heard.
 *
 *     ── cookie ──> waiting ── dial-back ──> called ── over ──> failed
 *                     ├── `blocked` ──> blocked
 *                     └── nothing for long, or it has begun anew ──> silent
 *     failed, blocked, silent ── the cookie of a later hello ──> waiting
 */

/** A dial-back takes some 50 ms, and a busy registry's answer seconds; then others are asked, too. */
const CALL_MILLIS: Millis = 5_000;

/** A registry that we asked to dial us back. */
export interface Joined {
  readonly fingerprint: Fingerprint;
  /** Where its cookie came from, and its dial-back must. */
  readonly source: Source;
  /** The host that the user named, if that is where. */
  readonly host: string | undefined;
  readonly cookie: Uint8Array;
  /** The number of the hello that it answered. */
  readonly attempt: number;
  /** We want to go on in a session of before. */
  readonly resumption?: Resumption;
}

type Standing =
  /** Its join is out, and is repeated: the cookie makes it the same one. */
  | { readonly type: "waiting"; readonly since: Millis; readonly repeats: number; readonly until: Millis }
  /** Its dial-back is under way. `until`: nobody else is asked meanwhile. */
  | { readonly type: "called"; readonly until: Millis | undefined }
  | { readonly type: "silent" | "blocked" | "failed" };

interface Entry {
  readonly joined: Joined;
  readonly standing: Standing;
}

export interface JoinsOptions {
  readonly random: Random;
  readonly send: (joined: Joined) => void;
  readonly isPinned: (fingerprint: Fingerprint) => boolean;
  /** Whether it is worth waiting for that one. */
  readonly isPromising: (fingerprint: Fingerprint) => boolean;
}

export class Joins {
  readonly #options: JoinsOptions;
  readonly #entries = new Map<Fingerprint, Entry>();

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  clear(): void {
    this.#entries.clear();
  }

  find(fingerprint: Fingerprint): Joined | undefined {
    return this.#entries.get(fingerprint)?.joined;
  }

  /** Whether one of them is about to dial, so that nobody is to be asked. */
  get isPending(): boolean {
    return [...this.#entries.values()].some(({ joined, standing }) => {
      const isPending =
        standing.type === "waiting" || (standing.type === "called" && standing.until !== undefined);
      return isPending && this.#options.isPromising(joined.fingerprint);
    });
  }

  /** Whether a cookie of `attempt` is to be taken: once for each hello, and another way when one did not work. */
  takes({ fingerprint, source, attempt }: Omit<Joined, "cookie" | "host">): boolean {
    const before = this.#entries.get(fingerprint);
    if (before === undefined) return true;
    const { joined, standing } = before;
    if (standing.type === "waiting" || standing.type === "called") return false;
    if (standing.type !== "blocked") return attempt > joined.attempt;
    return !isSame(joined.source, source) || attempt > joined.attempt + 1;
  }

  join(now: Millis, joined: Joined): void {
    this.#entries.delete(joined.fingerprint);
    this.#set(joined, { type: "waiting", since: now, repeats: 0, until: now + this.#pause(0) });
    this.#options.send(joined);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= BOUNDS.joins) return;
      if (!this.#options.isPinned(oldest)) this.#entries.delete(oldest);
      else break;
    }
  }

  /** Its dial-back has come. */
  called(now: Millis, fingerprint: Fingerprint): void {
    this.#become(fingerprint, { type: "called", until: now + CALL_MILLIS });
  }

  /** Its dial-back came to nothing. */
  failed(fingerprint: Fingerprint): void {
    this.#become(fingerprint, { type: "failed" });
  }

  /** It has begun anew, or our network is another one: it does not know of a join that was sent `before`. */
  forgotten(before: Millis, fingerprint?: Fingerprint): void {
    for (const { joined, standing } of [...this.#entries.values()]) {
      if (fingerprint !== undefined && joined.fingerprint !== fingerprint) continue;
      if (standing.type === "waiting" && standing.since <= before) this.#set(joined, { type: "silent" });
    }
  }

  /** It could not connect to us: which, if it is one that we asked to. */
  blocked(cookie: Uint8Array): Joined | undefined {
    for (const { joined, standing } of this.#entries.values()) {
      if (standing.type === "blocked" || !equalInConstantTime(joined.cookie, cookie)) continue;
      this.#set(joined, { type: "blocked" });
      return joined;
    }
    return undefined;
  }

  nextDeadline(): Millis | undefined {
    const all = [...this.#entries.values()].map(({ standing }) =>
      "until" in standing ? (standing.until ?? Infinity) : Infinity,
    );
    const next = Math.min(...all);
    return next === Infinity ? undefined : next;
  }

  advance(now: Millis): void {
    for (const { joined, standing } of [...this.#entries.values()]) {
      if (!("until" in standing) || standing.until === undefined || now < standing.until) continue;
      if (standing.type === "called") this.#set(joined, { type: "called", until: undefined });
      else if (standing.repeats + 1 >= JOIN_PAUSES.length) this.#set(joined, { type: "silent" });
      else {
        const repeats = standing.repeats + 1;
        this.#set(joined, { ...standing, repeats, until: now + this.#pause(repeats) });
        this.#options.send(joined);
      }
    }
  }

  #pause(repeats: number): Millis {
    return jittered(this.#options.random, JOIN_PAUSES[repeats] ?? 0);
  }

  #become(fingerprint: Fingerprint, standing: Standing): void {
    const joined = this.find(fingerprint);
    if (joined !== undefined) this.#set(joined, standing);
  }

  #set(joined: Joined, standing: Standing): void {
    this.#entries.set(joined.fingerprint, { joined, standing });
  }
}

function isSame(left: Source, right: Source): boolean {
  return left.address === right.address && left.port === right.port;
}
