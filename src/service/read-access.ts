import { errorText } from "../base/errors.ts";
import { ReadServer, type ReadServerOptions } from "../control/read-server.ts";

/** The read-only socket, while the configuration wants one. */
export class ReadAccess {
  readonly #options: ReadServerOptions;
  #server: ReadServer | undefined;
  /** One change after the other: reloads may come quickly. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: ReadServerOptions) {
    this.#options = options;
  }

  /** Never rejects: a registry without it is still one, so that it cannot be had is said. */
  want(wanted: boolean): Promise<void> {
    this.#last = this.#last.then(() => (wanted ? this.#open() : this.#close()));
    return this.#last;
  }

  async #open(): Promise<void> {
    try {
      this.#server ??= await ReadServer.open(this.#options);
    } catch (error) {
      const text = `Nobody can read without being an admin: ${errorText(error)}`;
      this.#options.log.write({ level: "error", text });
    }
  }

  async #close(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }
}
