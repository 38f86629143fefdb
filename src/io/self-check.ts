import type { Random } from "../base/clock.ts";

const PREFIX = new TextEncoder().encode("multiproto self-check ");
const TOKEN_BYTES = 16;
/** Our own datagram comes back at once, or the socket is not served. */
const ANSWER_MILLIS = 2_000;

/** Sends bytes to the socket that is to be checked; false when this host has no way to do that. */
export type SendToSelf = (bytes: Uint8Array) => Promise<boolean>;

/**
 * Whether a socket still answers: sends it a datagram with a fresh random token and sees whether it comes in. Proves
 * socket, event loop and handler together.
 */
export class SelfCheck {
  readonly #random: Random;
  readonly #waiting = new Map<string, () => void>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Takes a datagram that is one of our tokens; to be asked first by every socket that is checked. */
  readonly intercept = (bytes: Uint8Array): boolean => {
    if (this.#waiting.size === 0 || bytes.length !== PREFIX.length + TOKEN_BYTES) return false;
    const token = hex(bytes);
    const answered = this.#waiting.get(token);
    if (answered === undefined) return false;
    this.#waiting.delete(token);
    answered();
    return true;
  };

  /** True when the socket answered, or cannot be checked on this host. */
  async answers(send: SendToSelf): Promise<boolean> {
    const bytes = new Uint8Array([...PREFIX, ...this.#random.bytes(TOKEN_BYTES)]);
    const token = hex(bytes);
    return new Promise<boolean>((resolve) => {
      const done = (result: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(token);
        resolve(result);
      };
      const timer = setTimeout(() => done(false), ANSWER_MILLIS);
      this.#waiting.set(token, () => done(true));
      send(bytes).then(
        (sent) => {
          if (!sent) done(true);
        },
        () => done(true),
      );
    });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
