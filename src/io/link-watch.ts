import { errorCode, errorText } from "../base/errors.ts";
import { CANNOT_LIST, type Link, usableLinks } from "./interfaces.ts";

/** Node tells nobody when an interface comes or goes, so it is looked: Wi-Fi and cables are noticed within this. */
const LOOK_MILLIS = 5_000;

export interface LinkWatchOptions {
  /** Names of the interfaces to use; empty: all that look like a LAN. */
  readonly only: readonly string[];
  /** At each look; `changed`: they are others than before, or have other addresses. */
  readonly onLook: (links: readonly Link[], changed: boolean) => void;
  readonly onError: (error: Error) => void;
  /** Other than the system's in tests. */
  readonly look?: () => readonly Link[];
  readonly everyMillis?: number;
}

/** Watches the interfaces come and go. */
export class LinkWatch {
  readonly #options: LinkWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #links: readonly Link[];

  /** Errors: those of {@link usableLinks}, for interfaces that are not there now. Later they may go and come. */
  constructor(options: LinkWatchOptions) {
    this.#options = options;
    this.#links = this.#read();
    this.#timer = setInterval(() => this.look(), options.everyMillis ?? LOOK_MILLIS).unref();
  }

  /** As of the last look. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** Looks now. */
  look(): void {
    const before = this.#links;
    this.#links = this.#present();
    this.#options.onLook(this.#links, JSON.stringify(before) !== JSON.stringify(this.#links));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): readonly Link[] {
    return this.#options.look?.() ?? usableLinks(this.#options.only);
  }

  /** Of chosen interfaces those that are there. */
  #present(): readonly Link[] {
    try {
      return this.#read();
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(errorText(error)));
      // Not to know is no reason to leave an interface: with all descriptors in use the kernel cannot be asked.
      if (errorCode(error) === CANNOT_LIST) return this.#links;
      return this.#options.only.flatMap((name) => {
        try {
          return usableLinks([name]);
        } catch {
          return [];
        }
      });
    }
  }
}
