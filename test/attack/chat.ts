import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Running } from "../lab/command.ts";
import type { LanHost } from "../lab/netns.ts";
import { programOf } from "../support/programs.ts";
import type { Owner } from "../support/until.ts";

const NODE = join(import.meta.dirname, "../../node_modules/.bin/node");
const PROGRAM = programOf("multiproto-chat");

const LIST_MILLIS = 500;

export interface ChatOptions {
  readonly nick: string;
  /** The registry's UDP and TCP port. */
  readonly port: number;
  /** Its address; by default it is searched by multicast. */
  readonly registry?: string;
  /** Another one by default; the keys are there. */
  readonly dataDirectory?: string;
}

/** The real client on a host, typed to a line at a time. */
export class Chat {
  readonly nick: string;
  readonly host: LanHost;
  readonly dataDirectory: string;
  readonly #running: Running;

  constructor(owner: Owner, host: LanHost, options: ChatOptions) {
    this.nick = options.nick;
    this.host = host;
    this.dataDirectory = options.dataDirectory ?? newDirectory(owner);
    const flags = ["--nick", options.nick, "--port", `${options.port}`, "--data-dir", this.dataDirectory];
    if (options.registry !== undefined) flags.push("--registry", options.registry);
    const environment = { LC_ALL: "C.UTF-8", XDG_STATE_HOME: this.dataDirectory };
    this.#running = host.spawn([NODE, PROGRAM, ...flags], { interactive: true, environment });
    owner.after(async () => void (await this.#running.stop("SIGKILL")));
  }

  static async online(owner: Owner, host: LanHost, options: ChatOptions): Promise<Chat> {
    const chat = new Chat(owner, host, options);
    await chat.shows(/online as/);
    return chat;
  }

  get text(): string {
    return this.#running.stdout + this.#running.stderr;
  }

  type(line: string): void {
    this.#running.type(line);
  }

  /** Resolves with all that it has printed as soon as that matches. */
  async shows(pattern: RegExp, timeoutMillis?: number): Promise<string> {
    return this.#running.output((text) => pattern.test(text), `${pattern} at ${this.nick}`, timeoutMillis);
  }

  /** Types `list` now and then, until what it prints matches. */
  async lists(pattern: RegExp): Promise<void> {
    const ask = setInterval(() => this.type("list"), LIST_MILLIS);
    this.type("list");
    await this.shows(pattern).finally(() => clearInterval(ask));
  }

  async stop(): Promise<void> {
    await this.#running.stop("SIGTERM");
  }
}

function newDirectory(owner: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-chat-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
