import type { Clock, Millis } from "../base/clock.ts";
import type { Attention } from "../chat/alerts.ts";

/** That keys are pressed is told the holder no more often. */
const ATTENTION_MILLIS: Millis = 10_000;

export interface OwnAttentionOptions {
  readonly clock: Clock;
  /** Whether the user counts as away from the keyboard. */
  readonly isIdle: () => boolean;
  /** To whoever holds the presence. */
  readonly tell: (attention: Attention) => void;
}

/**
 * What is on this program's screen, as the holder was told last. Each face says it at each key, and most of that is no
 * news: so it is held back here, before the holder's socket.
 */
export class OwnAttention {
  readonly #options: OwnAttentionOptions;
  /** `at`: of the last key that was told. */
  #told: (Attention & { readonly at: Millis }) | undefined;

  constructor(options: OwnAttentionOptions) {
    this.#options = options;
  }

  /** To be called at each key. */
  attend(attention: Attention): void {
    const { clock, isIdle, tell } = this.#options;
    const now = clock.now();
    const before = this.#told;
    const isSame =
      before?.conversation === attention.conversation && before?.isFocused === attention.isFocused;
    const isRecent = before !== undefined && now - before.at < ATTENTION_MILLIS;
    // At each key it is said; that somebody is at the keyboard need not be.
    if (isSame && (!attention.isActive || (isRecent && !isIdle()))) return;
    this.#told = { ...attention, at: attention.isActive ? now : (before?.at ?? now) };
    tell(attention);
  }

  /** A new holder does not know what is on our screen. */
  again(): void {
    const told = this.#told;
    this.#told = undefined;
    if (told !== undefined) this.attend({ ...told, isActive: false });
  }
}
