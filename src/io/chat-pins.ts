import { errorText } from "../base/errors.ts";
import type { PinChange } from "../chat/events.ts";
import type { Pins } from "../chat/pins.ts";
import { pinsText } from "../chat/pins-text.ts";
import { applyPinChange } from "../chat/trust.ts";
import type { PinFile } from "./pin-file.ts";

export interface KeptPinsOptions {
  readonly file: PinFile;
  /** The set is another one, by us or by another program. */
  readonly onPins: (pins: Pins) => void;
  /** What a person has to know: keys that cannot be read or remembered. */
  readonly onTrouble: (text: string) => void;
}

/**
 * The pins of a running client: those on disk, and what could not be written there. A full disk makes nobody trusted
 * who was not, and forgets no key that was met in this session.
 */
export class KeptPins {
  readonly #options: KeptPinsOptions;
  readonly #unwatch: () => void;
  /** Changes that are not on disk. */
  #unwritten: PinChange[] = [];
  #pins: Pins;
  #trouble = "";

  /** Errors: {@link SystemError} when the file cannot be read. */
  constructor(options: KeptPinsOptions) {
    this.#options = options;
    this.#pins = options.file.read();
    this.#unwatch = options.file.watch(() => this.refresh());
  }

  get pins(): Pins {
    return this.#pins;
  }

  /** Applies the change to what is on disk. */
  change(change: PinChange): void {
    const all = [...this.#unwritten, change];
    try {
      this.#take(this.#options.file.update((pins) => all.reduce(applyPinChange, pins)));
      this.#unwritten = [];
      this.#trouble = "";
    } catch (error) {
      this.#unwritten = all;
      this.#take(applyPinChange(this.#pins, change));
      this.#tell(`${errorText(error)}; until that is repaired, keys are remembered by this program only`);
    }
  }

  /** Looks at the file. */
  refresh(): void {
    try {
      this.#take(this.#unwritten.reduce(applyPinChange, this.#options.file.read()));
    } catch (error) {
      this.#tell(errorText(error));
    }
  }

  close(): void {
    this.#unwatch();
  }

  #take(pins: Pins): void {
    if (pinsText(pins) === pinsText(this.#pins)) return;
    this.#pins = pins;
    this.#options.onPins(pins);
  }

  /** Once, however often it happens. */
  #tell(text: string): void {
    if (text === this.#trouble) return;
    this.#trouble = text;
    this.#options.onTrouble(text);
  }
}
