import assert from "node:assert/strict";
import { Running, until } from "../../lab/command.ts";

/** A program that takes commands line by line and tells events line by line (speaker.ts or one of the peers). */
export class Speaker {
  readonly name: string;
  readonly #running: Running;
  /** Lines already waited for. */
  #seen = 0;

  constructor(name: string, argv: readonly string[]) {
    this.name = name;
    this.#running = new Running(argv, { stdio: ["pipe", "pipe", "pipe"] });
  }

  say(command: string): void {
    this.#running.child.stdin?.write(`${command}\n`);
  }

  /** The next line that matches, among those after the last one waited for; those between are passed over. */
  async hears(wanted: RegExp, millis = 10_000): Promise<string> {
    let found = "";
    const look = (output: string): boolean => {
      const lines = output.split("\n").slice(0, -1);
      const index = lines.findIndex((line, at) => at >= this.#seen && wanted.test(line));
      if (index < 0) return false;
      this.#seen = index + 1;
      found = lines[index] ?? "";
      return true;
    };
    await this.#running.output(look, `${this.name} hears ${wanted}`, millis);
    return found;
  }

  heardSince(wanted: RegExp): boolean {
    return this.#running.stdout
      .split("\n")
      .slice(this.#seen)
      .some((line) => wanted.test(line));
  }

  async end(): Promise<void> {
    await this.#running.stop("SIGTERM");
  }
}

/** Two programs on two hosts, and the cable between them. */
export interface Pair {
  readonly ours: Speaker;
  readonly peer: Speaker;
  readonly ourAddress: string;
  readonly peerAddress: string;
  unplug(): Promise<void>;
}

export const OUR_PORT = 10_001;
export const PEER_PORT = 50_000;

async function connect(pair: Pair, who: "ours" | "peer"): Promise<void> {
  if (who === "ours") pair.ours.say(`connect ${pair.peerAddress} ${PEER_PORT}`);
  else pair.peer.say(`connect ${pair.ourAddress} ${OUR_PORT}`);
  await pair.ours.hears(/^up$/);
  await pair.peer.hears(/^up$/);
}

/** Small and fragmented messages on several streams, both ways. */
async function exchange(pair: Pair): Promise<void> {
  for (const [from, to] of [
    [pair.ours, pair.peer],
    [pair.peer, pair.ours],
  ] as const) {
    for (const [stream, length] of [
      [0, 1],
      [1, 1_000],
      [2, 5_000],
      [0, 65_536],
    ] as const) {
      from.say(`send ${stream} ${length}`);
      await to.hears(new RegExp(`^message ${stream} 7 ${length} right$`));
    }
  }
}

/** All that a peer must be able to do with us, as one conversation; the peer vanishes in the end. */
export async function converse(pair: Pair): Promise<void> {
  const { ours, peer } = pair;
  await connect(pair, "peer");
  await exchange(pair);
  peer.say("close");
  await ours.hears(/^closed$/);
  await peer.hears(/^closed$/);

  await connect(pair, "ours");
  await exchange(pair);
  // Data that nobody has acknowledged yet, and SHUTDOWN right behind.
  ours.say("send 0 65536");
  ours.say("close");
  await peer.hears(/^message 0 7 65536 right$/);
  await ours.hears(/^closed$/);
  await peer.hears(/^closed$/);

  await connect(pair, "peer");
  peer.say("abort");
  await ours.hears(/^lost aborted$/);

  await connect(pair, "ours");
  ours.say("abort");
  await peer.hears(/^lost$/);

  await connect(pair, "peer");
  await heartbeats(pair);
  await pair.unplug();
  const unplugged = performance.now();
  await ours.hears(/^suspect$/);
  await ours.hears(/^lost timeout$/);
  const took = performance.now() - unplugged;
  assert.ok(took < 5_000, `a vanished peer was missed after ${Math.round(took)} ms`);
}

/** The idle peer answers: packets go on arriving and nobody becomes suspect. */
async function heartbeats(pair: Pair): Promise<void> {
  const count = async (): Promise<number> => {
    pair.ours.say("packets");
    return Number((await pair.ours.hears(/^packets /)).split(" ")[1]);
  };
  const before = await count();
  await until("three heartbeats are answered", async () =>
    (await count()) >= before + 3 ? true : undefined,
  );
  assert.equal(pair.ours.heardSince(/^suspect$/), false);
}
