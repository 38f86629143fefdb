import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { bareEnvironment } from "../support/bare-environment.ts";
import type { Place } from "../support/multiprotod.ts";
import { programOf } from "../support/programs.ts";
import { type Owner, Watched, within } from "../support/until.ts";

const PROGRAM = programOf("multiproto-chat");
/** A start makes a key and a registration. */
const MILLIS = 30_000;

export interface PlainChatOptions {
  readonly place: Place;
  readonly name: string;
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
}

/** A real multiproto-chat without a terminal, and every line that it wrote. */
export class PlainChat {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #watched = new Watched();

  constructor(owner: Owner, options: PlainChatOptions) {
    const { place, name, directory, environment } = options;
    const registry = ["--registry", `127.0.0.1:${place.port}`, "--no-legacy"];
    this.#child = spawn(process.execPath, [PROGRAM, "--nick", name, "--data-dir", directory, ...registry], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...bareEnvironment(), ...environment },
    });
    this.#ended = once(this.#child, "close");
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on("line", (line) => {
        this.lines.push(line);
        options.onLine?.(line);
        this.#watched.changed();
      });
    }
    owner.after(() => void this.#child.kill("SIGKILL"));
  }

  says(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  shows(pattern: RegExp): Promise<string> {
    const find = (): string | undefined => this.lines.find((line) => pattern.test(line));
    return this.#watched.until(`${pattern} in\n${this.lines.join("\n")}`, find, MILLIS);
  }

  /** By SIGKILL; resolves when it is gone. */
  async dies(): Promise<void> {
    this.#child.kill("SIGKILL");
    await within("the end of the program", this.#ended);
  }

  async leaves(): Promise<void> {
    this.#child.stdin?.end();
    await within("the end of the program", this.#ended);
  }
}
