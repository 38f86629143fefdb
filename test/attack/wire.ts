import { join } from "node:path";
import type { Running } from "../lab/command.ts";
import type { LanHost } from "../lab/netns.ts";

/** What crosses a host's wire, and packets that lie about where they come from; both by small programs in Python. */

/** A packet as capture.py saw it. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  /** IP's number of the protocol. */
  readonly protocol: number;
  /** Bytes of the IP packet. */
  readonly length: number;
  /** Of source and destination, where there are any. */
  readonly ports: readonly [number, number] | null;
  /** TCP's. */
  readonly flags: number;
  /** What UDP or TCP carries, hex. */
  readonly data: string;
}

export const TCP = 6;
export const UDP = 17;
const SYN = 0x02;
const ACK = 0x10;

export function isSyn({ protocol, flags }: Packet): boolean {
  return protocol === TCP && (flags & SYN) !== 0 && (flags & ACK) === 0;
}

export class Capture {
  readonly #running: Running;
  #marks = 0;

  private constructor(running: Running) {
    this.#running = running;
  }

  static async start(host: LanHost): Promise<Capture> {
    const program = join(import.meta.dirname, "capture.py");
    const running = host.spawn(["python3", program], { interactive: true });
    await running.output((text) => text.includes('{"mark": "ready"}\n'), "the capture runs");
    return new Capture(running);
  }

  /** All that has crossed until now, in order. */
  async packets(): Promise<readonly Packet[]> {
    this.#marks += 1;
    const mark = `m${this.#marks}`;
    this.#running.type(mark);
    const stdout = await this.#running.output((text) => text.includes(`{"mark": "${mark}"}\n`), "the mark");
    const lines = stdout.split("\n").slice(0, -1);
    const isPacket = (parsed: Packet | { readonly mark: string }): parsed is Packet => !("mark" in parsed);
    return lines.map((line) => JSON.parse(line) as Packet | { readonly mark: string }).filter(isPacket);
  }

  async stop(): Promise<void> {
    await this.#running.stop("SIGKILL");
  }
}

/** An address and a port. */
export type End = readonly [address: string, port: number];

export interface Forgery {
  readonly from: End;
  readonly to: End;
  readonly data: readonly Uint8Array[];
  readonly times?: number;
  /** So many addresses, or ports, in turn, counted up from `from`. */
  readonly sources?: number;
  readonly ports?: number;
  readonly perSecond?: number;
}

/** Sends what it is told with the source that it is told. */
export class Forger {
  readonly #running: Running;
  #jobs = 0;

  private constructor(running: Running) {
    this.#running = running;
  }

  static async start(host: LanHost): Promise<Forger> {
    const program = join(import.meta.dirname, "forge.py");
    const running = host.spawn(["python3", program], { interactive: true });
    await running.output((text) => text.includes("ready"), "the forger runs");
    return new Forger(running);
  }

  /** Resolves with how many packets have been sent. */
  async send({ data, ...job }: Forgery, timeoutMillis = 20_000): Promise<number> {
    this.#jobs += 1;
    const jobs = this.#jobs;
    const hex = data.map((bytes) => Buffer.from(bytes).toString("hex"));
    this.#running.type(JSON.stringify({ ...job, data: hex }));
    const answers = (text: string): string[] => text.split("\n").slice(1, -1);
    const stdout = await this.#running.output(
      (text) => answers(text).length >= jobs,
      "the forger is done",
      timeoutMillis,
    );
    return (JSON.parse(answers(stdout)[jobs - 1] ?? "null") as { readonly sent: number }).sent;
  }

  async stop(): Promise<void> {
    await this.#running.stop("SIGKILL");
  }
}
