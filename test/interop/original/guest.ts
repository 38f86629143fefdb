import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Running } from "../../lab/command.ts";
import type { Lan, LanTap } from "../../lab/netns.ts";
import { type Owner, Watched, within } from "../../support/until.ts";

const HOST = resolve(import.meta.dirname, "../../lab/uml-host.sh");
const SUPERVISOR = resolve(import.meta.dirname, "../../fixtures/original/supervisor.py");
const BOOT_MILLIS = 60_000;
const HALT_MILLIS = 3_000;

/** A line of an original client, or of the supervisor under the name "-". */
export interface Line {
  /** On the guest's clock. */
  readonly millis: number;
  /** When it was heard here, on `performance.now`. */
  readonly heard: number;
  readonly tag: string;
  readonly text: string;
}

export interface Listed {
  readonly ip: string;
  readonly port: number;
  readonly nickname: string;
  readonly online: boolean;
}

/** What a client read of the registry at once. */
export interface ReadRoster {
  readonly bytes: number;
  readonly clients: readonly Listed[];
}

/** P of a guest's first client; each takes P and P + 1, and none takes what another had. */
const FIRST_PORT = 51_000;

/** A machine with a real Linux kernel that speaks SCTP, on which original clients run. */
export class Guest {
  readonly tap: LanTap;
  readonly #program: Running;
  readonly #clients = new Map<string, OriginalClient>();
  readonly #watched = new Watched();
  readonly #own: Line[] = [];
  #noise = "";

  private constructor(tap: LanTap, program: Running) {
    this.tap = tap;
    this.#program = program;
    const { stdout } = program.child;
    if (stdout === null) throw new Error("no pipe");
    createInterface(stdout).on("line", (line) => this.#take(line));
  }

  /** Boots one and waits until it takes commands. It ends with `owner`. */
  static async boot(owner: Owner, lan: Lan, address: string): Promise<Guest> {
    const tap = await lan.tap(address);
    const command = tap.on([HOST, tap.device, `${address}/24`, "python3", "-B", SUPERVISOR]);
    const program = new Running(command, { stdio: ["pipe", "pipe", "pipe"] });
    const guest = new Guest(tap, program);
    owner.after(() => guest.#halt());
    try {
      await guest.#watched.until(
        "the guest is up",
        () => guest.#own.some(({ tag }) => tag === "READY"),
        BOOT_MILLIS,
      );
    } catch (error) {
      throw new Error(`${error}\n${guest.#noise}${program.stderr}`);
    }
    return guest;
  }

  get address(): string {
    return this.tap.address;
  }

  /** Starts an original client under a name of ours, with arguments of client.py. */
  start(name: string, ...options: readonly string[]): OriginalClient {
    if (this.#clients.has(name)) throw new Error(`there was a client ${name} already`);
    const client = new OriginalClient(name, this);
    this.#clients.set(name, client);
    // Drawn at random, two of thirty would now and then meet, as they would on one machine of an original's user.
    const port = options.includes("--port") ? [] : ["--port", String(FIRST_PORT + 2 * this.#clients.size)];
    this.command("start", name, [...options, ...port]);
    return client;
  }

  command(...words: readonly unknown[]): void {
    // JSON in ASCII, as the serial line of the guest is of eight bits but nobody knows of which.
    const ascii = JSON.stringify(words).replace(
      /[^ -~]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    this.#program.child.stdin?.write(`${ascii}\n`);
  }

  /** How many associations its kernel has, whatever their state. */
  async associations(): Promise<number> {
    const from = this.#own.length;
    this.command("associations");
    const find = () => this.#own.slice(from).find(({ tag }) => tag === "ASSOCIATIONS");
    return Number((await this.until("the count of associations", find)).text);
  }

  /** Stops its whole kernel, or lets it go on. */
  freeze(frozen: boolean): void {
    process.kill(this.#kernel(), frozen ? "SIGSTOP" : "SIGCONT");
  }

  until<Value>(what: string, find: () => Value | undefined | false, millis?: number): Promise<Value> {
    return this.#watched.until(what, find, millis).catch((error: unknown) => {
      throw new Error(`${error}\n${this.#noise}`);
    });
  }

  /** Ends it in order, or else by force. */
  async #halt(): Promise<void> {
    this.command("halt");
    await within("the guest halts", this.#program.finished, HALT_MILLIS).catch(() => this.#program.stop());
  }

  /** user-mode-linux is one process, its guest's processes are children of it. */
  #kernel(): number {
    for (const pid of descendants(this.#program.child.pid ?? 0)) {
      if (existsSync(`/proc/${pid}/exe`) && readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("linux"))
        return pid;
    }
    throw new Error("no linux.uml runs");
  }

  #take(line: string): void {
    const [, name = "", millis, tag = "", text = ""] = /^(\S+) (\d+) ([A-Z]+) ?(.*)$/.exec(line) ?? [];
    const taken: Line = { millis: Number(millis), heard: performance.now(), tag, text };
    if (name === "-") this.#own.push(taken);
    else if (this.#clients.has(name)) this.#clients.get(name)?.take(taken);
    else this.#noise += `${line}\n`;
    this.#watched.changed();
  }
}

function* descendants(pid: number): Generator<number> {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(join(`/proc/${pid}/task`, task, "children"), "utf8")
      .trim()
      .split(" ");
    for (const child of children.filter((word) => word !== "").map(Number)) {
      yield child;
      yield* descendants(child);
    }
  }
}

/** One run of the stand-in for the original client. */
export class OriginalClient {
  readonly name: string;
  readonly guest: Guest;
  readonly lines: Line[] = [];
  /** All rosters, the first one by TCP. */
  readonly rosters: ReadRoster[] = [];

  constructor(name: string, guest: Guest) {
    this.name = name;
    this.guest = guest;
  }

  take(line: Line): void {
    this.lines.push(line);
    if (line.tag === "REGISTERED" || line.tag === "ROSTER") this.rosters.push(JSON.parse(line.text));
  }

  type(text: string): void {
    this.guest.command("type", this.name, text);
  }

  signal(which: "KILL" | "STOP" | "CONT"): void {
    this.guest.command("signal", this.name, which);
  }

  has(tag: string): boolean {
    return this.lines.some((line) => line.tag === tag);
  }

  /** The first line with this tag that `fits`. */
  line(tag: string, fits: (text: string) => boolean = () => true, millis?: number): Promise<Line> {
    const find = () => this.lines.find((line) => line.tag === tag && fits(line.text));
    return this.#until(`${this.name} says ${tag}`, find, millis);
  }

  /** Waits until the latest roster has these clients, by nickname: online or not. */
  async sees(clients: Readonly<Record<string, boolean>>, millis?: number): Promise<void> {
    const fits = () => {
      const listed = this.rosters.at(-1)?.clients ?? [];
      const isThere = ([nickname, online]: [string, boolean]) =>
        listed.some((entry) => entry.nickname === nickname && entry.online === online);
      return Object.entries(clients).every(isThere);
    };
    await this.#until(`${this.name} sees ${JSON.stringify(clients)}`, fits, millis);
  }

  /** The messages that it has been told: sender and text. */
  get heard(): readonly { readonly bytes: number; readonly from: string; readonly text: string }[] {
    return this.lines.filter(({ tag }) => tag === "SAYS").map(({ text }) => JSON.parse(text));
  }

  #until<Value>(what: string, find: () => Value | undefined | false, millis?: number): Promise<Value> {
    return this.guest.until(what, find, millis).catch((error: unknown) => {
      const said = this.lines
        .slice(-5)
        .map(({ millis, tag, text }) => `${millis} ${tag} ${text.slice(0, 200)}`);
      throw new Error(`${error}\n${this.name} said last:\n${said.join("\n")}`);
    });
  }
}
