import type { Millis } from "../base/clock.ts";
import type { Availability } from "../wire/mp2-registration.ts";
import { canonicalAddress } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { BOUNDS } from "./bounds.ts";
import type { ChatOutput, Progress, TlsOpened } from "./events.ts";
import type { Joined } from "./mp2-joins.ts";
import { Mp2Registration, type RegistrationEnd } from "./mp2-registration.ts";
import type { Mp2Search } from "./mp2-search.ts";
import type { PinSubject } from "./pins.ts";
import type { Trusted } from "./trust.ts";

interface DialBacksOptions {
  readonly search: Mp2Search;
  readonly trusted: Trusted;
  /** Who we want to be. */
  readonly profile: () => { readonly nick: Nickname; readonly availability: Availability };
  readonly emit: (output: ChatOutput) => void;
  /** It came from another address than the registry is at. */
  readonly passedOn: (now: Millis, joined: Joined, address: string) => void;
  /** One is over. */
  readonly over: (now: Millis, joined: Joined, end: RegistrationEnd) => void;
}

/** The connections of registries that we have asked to dial us back. */
export class DialBacks {
  readonly #options: DialBacksOptions;
  readonly #registrations = new Map<number, Mp2Registration>();

  constructor(options: DialBacksOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#registrations.size;
  }

  owns(connection: number): boolean {
    return this.#registrations.has(connection);
  }

  /** Only from whom we asked, and one of each: a second one would end the session of the first. */
  opened(now: Millis, { connection, address, fingerprint, keys }: TlsOpened): void {
    const { search, profile, emit, trusted, over, passedOn } = this.#options;
    const joined = search.joined(fingerprint);
    const { nonce } = search;
    const isAnswered = [...this.#registrations.values()].some((other) => other.fingerprint === fingerprint);
    const isFull = this.#registrations.size >= BOUNDS.registrations;
    const isPassedOn = joined !== undefined && !isSameHost(joined.source.address, address);
    if (isPassedOn) passedOn(now, joined, address);
    if (
      joined === undefined ||
      isPassedOn ||
      nonce === undefined ||
      keys === undefined ||
      isAnswered ||
      isFull
    ) {
      emit({ type: "tls-destroy", connection });
      return;
    }
    const registration = new Mp2Registration(now, {
      ...{ connection, address, joined, keys, nonce, profile, emit },
      isTrusted: (realm) => trusted.judge(subjectOf(joined, realm), fingerprint) !== "changed",
      over: (at, end) => {
        this.#registrations.delete(connection);
        search.failed(fingerprint);
        over(at, joined, end);
      },
    });
    this.#registrations.set(connection, registration);
    search.called(now, fingerprint);
  }

  received(now: Millis, connection: number, bytes: Uint8Array): Progress {
    return this.#registrations.get(connection)?.received(now, bytes) ?? { messages: 0, pending: 0 };
  }

  /** The connection has ended. */
  ended(now: Millis, connection: number): void {
    this.#registrations.get(connection)?.ended(now);
  }

  /** Breaks all off. */
  drop(): void {
    for (const registration of this.#registrations.values()) registration.drop();
    this.#registrations.clear();
  }

  nextDeadline(): Millis | undefined {
    const all = [...this.#registrations.values()].map((other) => other.nextDeadline() ?? Infinity);
    const next = Math.min(...all);
    return next === Infinity ? undefined : next;
  }

  advance(now: Millis): void {
    for (const registration of [...this.#registrations.values()]) registration.advance(now);
  }
}

/**
 * Whoever repeats our hello with its nonce is dialled as we are, and may pass the connection on to us: the key is right,
 * and so is the nonce. The registry would list us at that address. So a dial-back must come from where its cookie came.
 * A link-local address is another one on another link.
 */
function isSameHost(left: string, right: string): boolean {
  const zoneOf = (address: string): string | undefined => /%.*$/s.exec(address)?.[0];
  return canonicalAddress(left) === canonicalAddress(right) && zoneOf(left) === zoneOf(right);
}

/** A registry is pinned by the host that the user named, else by what it calls itself. */
export function subjectOf({ host }: Joined, realm: string): PinSubject {
  return host === undefined ? { kind: "realm", name: realm } : { kind: "host", name: host };
}
