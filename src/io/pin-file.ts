import { readdirSync, unlinkSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { MAX_PINS, Pins } from "../chat/pins.ts";
import { parsePinsText, pinsText } from "../chat/pins-text.ts";
import { MAX_RESTRICTIONS } from "../chat/restrictions.ts";
import { createPrivateFile, fileError, type PrivateFile, readPrivateFile } from "./private-file.ts";

/** The longest pins: name escaped to JSON's \uXXXX, two fingerprints, two times. */
const MAX_PIN_BYTES = 2_048;
/** A restriction has a name and one fingerprint. */
const MAX_BYTES = (MAX_PINS + MAX_RESTRICTIONS) * MAX_PIN_BYTES;

/** Each lost race is somebody else's success, so this many in a row mean that something is wrong. */
const MAX_ATTEMPTS = 1_000;

interface Generation {
  readonly number: number;
  readonly pins: Pins;
}

/**
 * Pins on disk, shared by all programs of one user. Each change is a file of its own, `NAME.1`, `NAME.2`, …, the
 * highest counts and older ones are removed. So creating one without overwriting (link(2)) is at once the atomic
 * replacement and the check that nobody was faster; there is no lock that a killed process could leave behind.
 */
export class PinFile {
  readonly #directory: string;
  readonly #name: string;

  constructor(path: string) {
    this.#directory = dirname(path);
    this.#name = basename(path);
  }

  /**
   * Errors: {@link SystemError}, EDAMAGED or one of {@link readPrivateFile}; then nothing is trusted, and the file is
   * left alone.
   */
  read(): Pins {
    return this.#latest().pins;
  }

  /** Applies `change` to what is on disk at that moment, and returns what it became. Errors: as above, or a full disk. */
  update(change: (pins: Pins) => Pins): Pins {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const before = this.#latest();
      const pins = change(before.pins);
      if (pins === before.pins) return pins;
      const next = this.#file(before.number + 1);
      if (!createPrivateFile(next, pinsText(pins))) continue;
      const newer = this.#numbers().some((number) => number > before.number + 1);
      if (!newer) {
        this.#removeOlder(before.number + 1);
        return pins;
      }
      // Two others were faster, and our number was free only because it had been removed: ours never counted.
      this.#remove(next.path);
    }
    throw new SystemError(
      `Cannot change ${this.#directory}/${this.#name}: others change it all the time`,
      "EAGAIN",
    );
  }

  /**
   * Calls `onChange` soon after somebody, or we, may have changed the pins; returns what ends that. Where the system
   * cannot watch (no inotify left), nothing is told: {@link read} now and then as well.
   */
  watch(onChange: () => void): () => void {
    try {
      let isTelling = false;
      const watcher = watch(this.#directory, { persistent: false }, (_, name) => {
        if (isTelling || name?.startsWith(`${this.#name}.`) !== true) return;
        // A change is several events: the temporary file, the link, what is removed.
        isTelling = true;
        setImmediate(() => {
          isTelling = false;
          onChange();
        });
      });
      watcher.on("error", () => watcher.close());
      return () => watcher.close();
    } catch {
      return () => {};
    }
  }

  #latest(): Generation {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const number = Math.max(0, ...this.#numbers());
      if (number === 0) return { number, pins: Pins.none };
      const file = this.#file(number);
      const text = readPrivateFile(file);
      // Removed between the two looks, since there is a newer one.
      if (text === undefined) continue;
      const pins = parsePinsText(text);
      if (pins instanceof Pins) return { number, pins };
      const fix = "nothing is trusted until you repair it or, to begin anew, move it away";
      throw fileError(file, "EDAMAGED", pins.fault, fix);
    }
    throw new SystemError(
      `Cannot read ${this.#directory}/${this.#name}: others change it all the time`,
      "EAGAIN",
    );
  }

  #numbers(): readonly number[] {
    let names: readonly string[];
    try {
      names = readdirSync(this.#directory);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw new SystemError(`Cannot read ${this.#directory}: ${errorText(error)}`, errorCode(error), {
        cause: error,
      });
    }
    const head = `${this.#name}.`;
    return names
      .filter((name) => name.startsWith(head) && /^[1-9][0-9]{0,14}$/.test(name.slice(head.length)))
      .map((name) => Number(name.slice(head.length)));
  }

  #file(number: number): PrivateFile {
    const path = join(this.#directory, `${this.#name}.${number}`);
    return { path, what: "the file of trusted keys", maxBytes: MAX_BYTES };
  }

  #removeOlder(number: number): void {
    for (const older of this.#numbers().filter((other) => other < number))
      this.#remove(this.#file(older).path);
  }

  /** What stays behind is removed next time; it does not count. */
  #remove(path: string): void {
    try {
      unlinkSync(path);
    } catch {
      // See above.
    }
  }
}
