import type { Registration } from "../../src/chat/mp2-registration.ts";
import type { Resumable } from "../../src/chat/mp2-resumption.ts";
import { Mp2Search } from "../../src/chat/mp2-search.ts";
import { RETURN_SPREAD_MILLIS } from "../../src/chat/pauses.ts";
import { Alarm } from "../../src/io/alarm.ts";
import { systemClock } from "../../src/io/clock.ts";
import { systemRandom } from "../../src/io/random.ts";
import { DATAGRAM_BYTES, DISCOVERY_TO_CLIENT } from "../../src/wire/mp2-discovery.ts";
import type { RegistryPlace } from "../support/mp1-client.ts";

/** A lean client's way to its dial-back: the search of `src/chat`, on loopback. */
export class LeanSearch {
  /** Since it was made. One that the client sends to the groups and to the registry's former place counts twice. */
  hellos = 0;
  /** Those sent again, too. */
  joins = 0;
  blocked = 0;
  readonly #place: { readonly address: string; readonly port: number };
  readonly #search: Mp2Search;
  readonly #alarm: Alarm;
  readonly #resumed: (registration: Registration) => void;
  #former: ReturnType<Mp2Search["joined"]>;

  constructor(
    { port }: RegistryPlace,
    how: {
      readonly say: (bytes: Uint8Array) => void;
      readonly resumable: () => Resumable | undefined;
      readonly resumed: (registration: Registration) => void;
    },
  ) {
    const { say, resumable } = how;
    this.#resumed = how.resumed;
    this.#place = { address: "127.0.0.1", port };
    this.#search = new Mp2Search({
      random: systemRandom,
      hosts: [],
      isPinned: () => true,
      knowsAny: () => true,
      resumable,
      emit: (output) => {
        if (output.type !== "hello" && output.type !== "datagram") return;
        // No join is as long as a hello.
        if (output.bytes.length === DATAGRAM_BYTES) this.hellos += 1;
        else this.joins += 1;
        say(output.bytes);
      },
    });
    this.#alarm = new Alarm(systemClock, () => this.#do((now) => this.#search.advance(now)));
  }

  /** Whom it has asked to dial back. */
  get former(): ReturnType<Mp2Search["joined"]> {
    return this.#former;
  }

  get isOn(): boolean {
    return this.#search.nonce !== undefined;
  }

  start(after: number, isReturn: boolean): void {
    this.#do((now) => this.#search.start(now, isReturn ? "return" : "first", after, this.#former));
  }

  stop(): void {
    this.#do(() => this.#search.stop());
  }

  /** A registry has started. */
  hurry(): void {
    if (this.#former === undefined) return;
    const known = { fingerprint: this.#former.fingerprint, place: this.#place };
    const after = systemRandom.below(RETURN_SPREAD_MILLIS);
    this.#do((now) => this.#search.beacon(now, { ...known, after }));
  }

  /** The registry dials back. */
  called(): void {
    const { fingerprint } = this.#former ?? {};
    if (fingerprint !== undefined) this.#do((now) => this.#search.called(now, fingerprint));
  }

  /** … and is gone again. */
  failed(): void {
    const { fingerprint } = this.#former ?? {};
    if (fingerprint !== undefined) this.#do(() => this.#search.failed(fingerprint));
  }

  received(bytes: Uint8Array): void {
    const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
    if (!decoded.ok) return;
    const message = decoded.value;
    if (message.type === "resumed") {
      const registration = this.#search.resumed(message);
      if (registration !== undefined) this.#resumed(registration);
      return;
    }
    this.#do((now) => {
      if (message.type === "blocked") this.blocked += this.#search.blocked(message) === undefined ? 0 : 1;
      else if (this.#search.cookie(now, this.#place, message) === "joined")
        this.#former = this.#search.joined(message.fingerprint);
    });
  }

  #do(action: (now: number) => void): void {
    action(systemClock.now());
    this.#alarm.set(this.#search.nextDeadline());
  }
}
