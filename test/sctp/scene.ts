import assert from "node:assert/strict";
import type { Random } from "../../src/base/clock.ts";
import type { Chunk } from "../../src/sctp/decode/chunks.ts";
import type { Path, SctpEvent, SctpSettings } from "../../src/sctp/index.ts";
import { CountingRandom, SeededRandom } from "./random.ts";
import { OUR_TAG, OUR_TSN, Target } from "./target.ts";
import { PORT, packet } from "./wire.ts";
import { PacketWriter } from "./writer.ts";

/** What the endpoint has to do with the peer that a hostile packet comes from, or seems to (RFC 9260 §4). */
export const SITUATIONS = [
  /** It has never heard of it. */
  "stranger",
  "cookie-wait",
  "cookie-echoed",
  "established",
  "shutdown-pending",
  "shutdown-sent",
  "shutdown-received",
  "shutdown-ack-sent",
] as const;
export type Situation = (typeof SITUATIONS)[number];

/** No timer comes between: heartbeats are far apart. */
const QUIET = { heartbeatMillis: 1e6, lostAfterMillis: 1e7 };
const BACK = 3;
const COOKIE = Uint8Array.of(0, 7, 0, 8, 1, 2, 3, 4);
const NONE = new Uint8Array(0);
/** Supported extensions (RFC 5061 §4.2.7): I-DATA. */
const INTERLEAVES = Uint8Array.of(0x80, 8, 0, 5, 64, 0, 0, 0);

/** Writes one packet's chunks; `peer` tells what must be known of the association. */
export type Write = (to: PacketWriter, scene: Scene) => void;

export interface SceneOptions {
  /** Our first TSN. */
  readonly ourTsn?: number;
  /** The endpoint's first TSN, about. */
  readonly theirTsn?: number;
  readonly settings?: Partial<SctpSettings>;
  /** What the endpoint draws; a seeded one unless told. */
  readonly random?: Random;
  /** We offer, or take up, interleaving (RFC 8260 §2.2.1). */
  readonly interleaves?: boolean;
}

/** An endpoint brought into a situation, and us as its peer and as others. */
export class Scene {
  readonly target: Target;
  readonly situation: Situation;
  readonly ourTsn: number;
  readonly #extensions: Uint8Array;
  /** The endpoint's tag, 77 where there is none. */
  tag = 77;
  /** Its first TSN, and how many DATA it has sent. */
  tsn = 0;
  #sent = 0;
  id = 0;
  /** What the last packet given was answered with. */
  answers: ReturnType<Target["drain"]> = [];
  readonly #writer = new PacketWriter();
  #counters: Readonly<Record<string, number>> = {};

  constructor(situation: Situation, options: SceneOptions = {}) {
    const { ourTsn = OUR_TSN, theirTsn, settings = {} } = options;
    this.#extensions = options.interleaves === true ? INTERLEAVES : NONE;
    this.situation = situation;
    this.ourTsn = ourTsn;
    const { random = theirTsn === undefined ? new SeededRandom(1) : new CountingRandom(theirTsn) } = options;
    this.target = new Target({ ...QUIET, ...settings }, random);
    if (situation === "cookie-wait" || situation === "cookie-echoed") this.#connect();
    else if (situation !== "stranger") this.#associate();
    if (situation === "cookie-echoed") this.give((to) => this.initAck(to));
    if (situation === "shutdown-pending" || situation === "shutdown-received") this.say();
    if (situation === "shutdown-pending" || situation === "shutdown-sent") this.#close();
    if (situation === "shutdown-received" || situation === "shutdown-ack-sent") {
      this.give((to) => to.shutdown(this.tsn - 1));
    }
    this.#look();
  }

  #connect(): void {
    const { target } = this;
    this.id = target.endpoint.connect(target.now, target.path, PORT);
    const init = target.drain()[0]?.packet.chunks[0];
    assert.ok(init?.type === "init");
    this.tag = init.tag;
    this.tsn = init.initialTsn;
  }

  #associate(): void {
    const { target } = this;
    const { tag, tsn, cookie } = this.askCookie();
    this.tag = tag;
    this.tsn = tsn;
    this.give((to) => to.body(10, 0, cookie));
    const { id } = target.endpoint.status(1) ?? {};
    assert.ok(id !== undefined);
    this.id = id;
  }

  /** INIT under our tag, or another, and what INIT ACK said. */
  askCookie(ourTag = OUR_TAG, path = this.target.path): { tag: number; tsn: number; cookie: Uint8Array } {
    const init = this.write((to) => to.init(1, ourTag, 100_000, 10, this.ourTsn, this.#extensions), 0);
    this.giveBytes(init, path);
    const initAck = this.answers[0]?.packet.chunks[0];
    assert.ok(initAck?.type === "init-ack" && initAck.cookie !== undefined);
    return { tag: initAck.tag, tsn: initAck.initialTsn, cookie: initAck.cookie };
  }

  /** The endpoint sends a message of one DATA. */
  say(): void {
    const { target } = this;
    assert.equal(target.endpoint.send(target.now, this.id, 0, 0, Uint8Array.of(1)), "queued");
    this.#sent += 1;
    target.drain();
  }

  #close(): void {
    this.target.endpoint.close(this.target.now, this.id);
    this.target.drain();
  }

  initAck(to: PacketWriter): void {
    to.init(2, OUR_TAG, 100_000, 10, this.ourTsn, Buffer.concat([COOKIE, this.#extensions]));
  }

  /** The last TSN that the endpoint has sent. */
  get lastTsn(): number {
    return (this.tsn + this.#sent - 1) >>> 0;
  }

  /** A packet of ours under the endpoint's tag, or another; tells what came of it in one line. */
  give(write: Write, tag = this.tag, path = this.target.path): string {
    return this.giveBytes(this.write(write, tag), path);
  }

  write(write: Write, tag = this.tag): Uint8Array {
    write(this.#writer.begin(PORT, PORT, tag), this);
    return Uint8Array.from(this.#writer.finish());
  }

  giveBytes(bytes: Uint8Array, path: Path = this.target.path): string {
    const { target } = this;
    target.endpoint.receive(target.now, path, bytes);
    const answers = target.drain();
    this.answers = answers;
    for (const answer of answers) assert.deepEqual(answer.path, path, "sent to where nobody asked");
    const size = answers.reduce((sum, answer) => sum + answer.bytes.length, 0);
    // Whoever has not proved that it is where it seems to be must not make us send much there.
    if (this.situation === "stranger" || bytes[12] === 1 || path !== target.path) {
      assert.ok(size <= BACK * bytes.length, `${size} bytes for ${bytes.length}`);
    }
    const told = answers.map(({ packet: sent }) => sent.chunks.map(nameOf).join(" + "));
    return this.#describe(told.length > 0 ? [`-> ${told.join(", ")}`] : []);
  }

  #describe(parts: string[]): string {
    const { events, counted } = this.#look();
    parts.push(...events.map(eventName), ...counted.map((name) => `#${name}`));
    return parts.join("; ") || "nothing";
  }

  /** What has happened since the last look. */
  #look(): { events: SctpEvent[]; counted: string[] } {
    const before = this.#counters;
    this.#counters = this.target.endpoint.counters();
    const counted = Object.entries(this.#counters)
      .filter(([name, count]) => count > (before[name] ?? 0))
      .map(([name]) => name);
    return { events: this.target.events.splice(0), counted };
  }

  /** An honest peer goes on from `situation`, and all goes as if nothing had been. */
  assertGoesOnAs(situation: Situation | "over"): void {
    if (situation === "over") {
      assert.equal(this.target.endpoint.status(this.id), undefined, "it should be over");
      assert.equal(this.target.endpoint.nextDeadline(), undefined, "a timer is left");
      return;
    }
    const [write, expected] = GOING_ON[situation];
    assert.equal(this.give(write), expected, `going on from ${situation}`);
  }
}

const HEARTBEAT: Write = (to) => to.heartbeat(4, Uint8Array.of(1));
const ALL_TAKEN: Write = (to, scene) => to.sack(scene.lastTsn, 100_000, []);

const GOING_ON: Readonly<Record<Situation, readonly [Write, string]>> = {
  stranger: [HEARTBEAT, "-> abort T; #out-of-the-blue"],
  "cookie-wait": [(to, scene) => scene.initAck(to), "-> cookie-echo"],
  "cookie-echoed": [(to) => to.bare(11), "up"],
  established: [HEARTBEAT, "-> heartbeat-ack"],
  "shutdown-pending": [ALL_TAKEN, "-> shutdown"],
  "shutdown-sent": [(to) => to.bare(8), "-> shutdown-complete; closed"],
  "shutdown-received": [ALL_TAKEN, "-> shutdown-ack"],
  "shutdown-ack-sent": [(to) => to.bare(14), "closed"],
};

function nameOf(chunk: Chunk): string {
  return "reflected" in chunk && chunk.reflected ? `${chunk.type} T` : chunk.type;
}

function eventName(event: SctpEvent): string {
  return event.type === "lost" ? `lost ${event.reason}` : event.type;
}

/** A packet around bytes that may be anything. */
export function raw(scene: Scene, chunks: Uint8Array, tag = scene.tag): Uint8Array {
  return packet(tag, chunks);
}
