import { Running } from "../../lab/command.ts";

/** What a busy machine may take for what is over in milliseconds on an idle one. */
const DEADLINE_MILLIS = 30_000;

/** What was waited for did not come. */
export class Silence extends Error {
  readonly program: Program;

  constructor(program: Program, cause: unknown) {
    super(`${cause}`, { cause });
    this.program = program;
  }
}

/** A program that takes commands and tells events, line by line: speaker.ts or one of the peers. */
export class Program {
  readonly name: string;
  readonly #running: Running;
  /** Lines already waited for. */
  #seen = 0;

  constructor(name: string, argv: readonly string[]) {
    this.name = name;
    this.#running = new Running(argv, { stdio: ["pipe", "pipe", "pipe"] });
  }

  say(...commands: readonly string[]): void {
    // In one piece, so that the program takes the second before anything that the first leads to.
    this.#running.child.stdin?.write(`${commands.join("\n")}\n`);
  }

  /** The next line that matches, among those after the last one waited for; those between are passed over. */
  async hears(wanted: RegExp, millis = DEADLINE_MILLIS): Promise<string> {
    let found = "";
    const look = (output: string): boolean => {
      const lines = output.split("\n").slice(0, -1);
      const index = lines.findIndex((line, at) => at >= this.#seen && wanted.test(line));
      if (index < 0) return false;
      this.#seen = index + 1;
      found = lines[index] ?? "";
      return true;
    };
    await this.#running.output(look, `${this.name} hears ${wanted}`, millis).catch((error: unknown) => {
      throw new Silence(this, error);
    });
    return found;
  }

  /** Whether a line that matches came since the last one waited for. */
  heardSince(wanted: RegExp): boolean {
    return this.#running.stdout
      .split("\n")
      .slice(this.#seen)
      .some((line) => wanted.test(line));
  }

  /** Ends it as a crash would: it gets no chance to tell anybody. */
  async kill(): Promise<void> {
    await this.#running.stop("SIGKILL");
  }

  async end(): Promise<void> {
    await this.#running.stop("SIGTERM");
  }
}
