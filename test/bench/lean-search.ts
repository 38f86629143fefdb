import { pauseAfter, RETURN_SPREAD_MILLIS } from "../../src/chat/pauses.ts";
import { systemRandom } from "../../src/io/random.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { NONCE_BYTES, type Nonce } from "../../src/wire/mp2-values.ts";

/** A lean client's way to its dial-back: hello until a cookie comes, join once for each hello, with the pauses of `src/chat`. */
export class LeanSearch {
  /** Since it was made. */
  hellos = 0;
  blocked = 0;
  readonly #say: (bytes: Uint8Array) => void;
  #nonce: Nonce | undefined;
  /** Hellos of the present search. */
  #attempt = 0;
  #isJoined = false;
  #isReturn = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(say: (bytes: Uint8Array) => void) {
    this.#say = say;
  }

  get isOn(): boolean {
    return this.#nonce !== undefined;
  }

  start(after: number, isReturn: boolean): void {
    this.#nonce = systemRandom.bytes(NONCE_BYTES) as Nonce;
    this.#isJoined = false;
    this.#isReturn = isReturn;
    this.#attempt = 0;
    this.#askAfter(after);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#nonce = undefined;
  }

  /** A registry has started. */
  hurry(): void {
    if (this.isOn && !this.#isJoined) this.#askAfter(systemRandom.below(RETURN_SPREAD_MILLIS));
  }

  received(bytes: Uint8Array): void {
    const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
    const nonce = this.#nonce;
    if (!decoded.ok || nonce === undefined) return;
    if (decoded.value.type === "blocked") this.blocked += 1;
    else if (!this.#isJoined) {
      this.#isJoined = true;
      this.#say(DISCOVERY_TO_REGISTRY.encode({ ...decoded.value, type: "join", nonce }));
    }
  }

  #askAfter(millis: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hello(), millis);
  }

  #hello(): void {
    if (this.#nonce === undefined) return;
    this.#isJoined = false;
    this.#say(DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: this.#nonce }));
    this.#askAfter(pauseAfter(systemRandom, this.#isReturn ? "return" : "first", this.#attempt));
    this.#attempt += 1;
    this.hellos += 1;
  }
}
