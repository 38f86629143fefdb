import type { Delta, Page } from "./listed.ts";

/**
 * The bytes of deltas and pages, made once for all receivers. They are kept just as long as the publication (its log, its
 * snapshots) or somebody's queue keeps the message, so that is their bound too.
 */
export class EncodedOnce {
  readonly #encode: (message: Delta | Page) => Uint8Array;
  readonly #bytes = new WeakMap<Delta | Page, Uint8Array>();

  constructor(encode: (message: Delta | Page) => Uint8Array) {
    this.#encode = encode;
  }

  /** Shared: not to be written to. */
  of(message: Delta | Page): Uint8Array {
    let bytes = this.#bytes.get(message);
    if (bytes === undefined) {
      bytes = this.#encode(message);
      this.#bytes.set(message, bytes);
    }
    return bytes;
  }
}
