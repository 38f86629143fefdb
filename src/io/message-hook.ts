import { type ChildProcess, spawn } from "node:child_process";
import { errorText } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";

export interface MessageHookOptions {
  /** Program and arguments; no shell sees them. */
  readonly command: readonly string[];
  /** What a person has to know: that it fails. */
  readonly onTrouble: (text: string) => void;
  /** Overrides of {@link HOOK_LIMITS}. */
  readonly limits?: Partial<typeof HOOK_LIMITS>;
}

export const HOOK_LIMITS = {
  /** At once: messages come in floods, processes are dear. */
  running: 4,
  /** Messages that wait for one to end; more are not given to it, which is said. */
  waiting: 256,
  /** A hook that takes longer is stuck: it is killed, or four of them would hold up all others. */
  millis: 30_000,
};

/**
 * Runs the user's own program for each message, which it gets as one line of JSON on standard input. Whatever that
 * program does, chat goes on: it is bounded in number and time, and its failure is told once until it works again.
 */
export class MessageHook {
  readonly #options: MessageHookOptions;
  readonly #limits: typeof HOOK_LIMITS;
  readonly #running = new Set<ChildProcess>();
  readonly #waiting: string[] = [];
  #trouble = "";

  constructor(options: MessageHookOptions) {
    this.#options = options;
    this.#limits = { ...HOOK_LIMITS, ...options.limits };
  }

  run(line: string): void {
    if (this.#running.size < this.#limits.running) this.#start(line);
    else if (this.#waiting.length < this.#limits.waiting) this.#waiting.push(line);
    else this.#tell("messages come faster than it ends; some were not given to it");
  }

  #start(line: string): void {
    const [program = "", ...words] = this.#options.command;
    const child = spawn(program, words, {
      stdio: ["pipe", "ignore", "ignore"],
      timeout: this.#limits.millis,
      killSignal: "SIGKILL",
    });
    this.#running.add(child);
    // It need not read what it gets.
    child.stdin?.on("error", () => {});
    child.stdin?.end(line);
    child.once("error", (error) => this.#ended(child, errorText(error)));
    child.once("exit", (code, signal) => {
      if (code === 0) this.#ended(child, "");
      else if (signal === null) this.#ended(child, `it ended with ${code}`);
      else this.#ended(child, `it was ended by ${signal} (it has ${this.#limits.millis / 1000} s)`);
    });
  }

  #ended(child: ChildProcess, trouble: string): void {
    if (!this.#running.delete(child)) return;
    if (trouble === "") this.#trouble = "";
    else this.#tell(trouble);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#start(next);
  }

  /** Once, however often it happens. */
  #tell(why: string): void {
    if (this.#trouble === why) return;
    this.#trouble = why;
    this.#options.onTrouble(`on-message: ${escapeText(this.#options.command[0] ?? "", 200)}: ${why}`);
  }
}
