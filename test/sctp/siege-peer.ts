import type { Chunk } from "../../src/sctp/decode/chunks.ts";
import type { Path } from "../../src/sctp/index.ts";
import { SeededRandom } from "./random.ts";
import { PORT } from "./wire.ts";
import { type PacketWriter, spoil, type WrittenData } from "./writer.ts";

const EMPTY = new Uint8Array(0);
/** Supported extensions: I-DATA. */
const EXTENSIONS = Uint8Array.of(0x80, 8, 0, 5, 64, 0, 0, 0);
/** Unknown parameters of each kind, other extensions, a host name, an address. */
const PARAMETERS: readonly [Uint8Array, ...Uint8Array[]] = [
  EMPTY,
  Uint8Array.of(0x80, 8, 0, 6, 0xc0, 0x82, 0, 0),
  Uint8Array.of(0xc0, 1, 0, 4, 0x40, 2, 0, 4, 0, 3, 0, 4),
  Uint8Array.of(0, 11, 0, 8, 97, 46, 98, 0),
  Uint8Array.of(0, 5, 0, 8, 10, 0, 0, 66),
];

/**
 * One who talks to the endpoint: knows all that an attacker with a full view of its own traffic knows, and answers as
 * an honest peer would, breaks rules, or does both.
 */
export class SiegePeer {
  /** Where it speaks from; see `moveTo`. */
  path: Path;
  readonly random: SeededRandom;
  theirTag = 1;
  ourTag = 2;
  /** How often, in percent, it breaks a rule: a polite one gets deeper. */
  readonly #malice: number;
  /** It offers and takes up interleaving (RFC 8260). */
  readonly #interleaves: boolean;
  #theirTsn = 1;
  /** What it has acknowledged. */
  #acknowledged = 0;
  #ourTsn = 100;
  /** Honest DATA made and not yet sent: taken out in any order. */
  #honest: (WrittenData & { readonly fsn: number })[] = [];
  #ssn: number[] = [];
  #cookie: Uint8Array = new Uint8Array(51);
  #oldCookie: Uint8Array = EMPTY;
  #info: Uint8Array = new Uint8Array(12);
  #heartbeat: Uint8Array = EMPTY;
  /** What an honest peer would answer to what it saw last. */
  readonly #due: Chunk["type"][] = [];

  constructor(path: Path, malice: number, seed: number) {
    this.path = path;
    this.#malice = malice;
    this.random = new SeededRandom(seed);
    this.#interleaves = this.random.oneIn(2);
  }

  /** Its address changes; what it was asked from there before is forgotten. */
  moveTo(path: Path): void {
    this.path = path;
    this.#due.length = 0;
  }

  /** Forgets its association and begins another: writes INIT. */
  writeInit(writer: PacketWriter): Uint8Array {
    this.ourTag = 1 + this.random.below(2 ** 32 - 1);
    // Often just before the number wraps.
    this.#ourTsn = this.random.oneIn(2) ? 2 ** 32 - this.random.below(50) : this.random.below(2 ** 32);
    this.#honest = [];
    this.#ssn = [];
    writer.begin(PORT, PORT, 0);
    this.#init(writer, 1, EMPTY);
    return writer.finish();
  }

  writeCookieEcho(writer: PacketWriter): Uint8Array {
    writer.begin(PORT, PORT, this.theirTag).body(10, 0, this.#cookie);
    return writer.finish();
  }

  /** A packet of one or several chunks under the tag. */
  writeChunks(writer: PacketWriter, tag: number): Uint8Array {
    const { random } = this;
    const count = 1 + random.below(random.oneIn(8) ? 12 : 2);
    writer.begin(PORT, PORT, tag);
    for (let index = 0; index < count && !writer.isFull; index += 1) {
      this.#chunk(writer);
      if (this.#isEvil() && random.below(10) < 3) spoil(writer.last(), random);
    }
    return writer.finish();
  }

  /** What the endpoint says to it. */
  learn(chunk: Chunk): void {
    if (this.#due.length < 8) this.#due.push(chunk.type);
    if (chunk.type === "init" || chunk.type === "init-ack") {
      this.theirTag = chunk.tag;
      this.#theirTsn = (chunk.initialTsn - 1) >>> 0;
      this.#acknowledged = this.#theirTsn;
      if (chunk.cookie !== undefined) {
        this.#oldCookie = this.#cookie;
        this.#cookie = Uint8Array.from(chunk.cookie);
      }
    } else if (chunk.type === "data") {
      if (((chunk.tsn - this.#theirTsn) | 0) > 0) this.#theirTsn = chunk.tsn;
    } else if (chunk.type === "heartbeat") this.#heartbeat = Uint8Array.from(chunk.info);
    else if (chunk.type === "heartbeat-ack") this.#info = Uint8Array.from(chunk.info);
  }

  #isEvil(): boolean {
    return this.random.below(100) < this.#malice;
  }

  #near(tsn: number): number {
    const span = this.random.pick([1, 4, 100, 10_000, 2 ** 31, 2 ** 32]);
    return (tsn + this.random.below(span) - Math.floor(span / 4)) >>> 0;
  }

  #chunk(writer: PacketWriter): void {
    const { random } = this;
    const due = this.#due.shift();
    if (due !== undefined && !random.oneIn(3)) this.#answer(writer, due);
    else if (!this.#isEvil()) {
      if (random.oneIn(2)) this.#honestData(writer);
      else this.#honestSack(writer);
    } else this.#evil(writer);
  }

  #answer(writer: PacketWriter, due: Chunk["type"]): void {
    if (due === "init") this.#init(writer, 2, Uint8Array.of(0, 7, 0, 8, 1, 2, 3, 4));
    else if (due === "cookie-echo") writer.bare(11);
    else if (due === "heartbeat") writer.heartbeat(5, this.#heartbeat);
    else if (due === "shutdown") writer.bare(8);
    else if (due === "shutdown-ack") writer.bare(14);
    else this.#honestSack(writer);
  }

  #init(writer: PacketWriter, type: 1 | 2, parameters: Uint8Array): void {
    const { random } = this;
    const window = random.oneIn(4) ? 0 : 100_000;
    const more = random.oneIn(4) ? random.pick(PARAMETERS) : EMPTY;
    const all = Buffer.concat([parameters, this.#interleaves ? EXTENSIONS : EMPTY, more]);
    writer.init(type, this.ourTag, window, 1 + random.below(20), this.#ourTsn, all);
  }

  #evil(writer: PacketWriter): void {
    const { random } = this;
    const dice = random.below(22);
    if (dice < 5) this.#anyUserData(writer, this.#interleaves);
    else if (dice < 8) this.#anySack(writer);
    else if (dice === 8) writer.heartbeat(4, random.bytes(random.below(64)));
    else if (dice === 9) writer.heartbeat(5, random.oneIn(2) ? this.#heartbeat : this.#info);
    else if (dice === 10) writer.shutdown(random.oneIn(2) ? this.#acknowledged : this.#near(this.#theirTsn));
    else if (dice === 11) writer.bare(8);
    else if (dice === 12) writer.bare(14, random.below(2));
    else if (dice === 13 && random.oneIn(4)) writer.cause(6, random.below(2), random.below(14), EMPTY);
    else if (dice === 14) writer.cause(9, 0, random.below(14), random.bytes(random.below(12)));
    else if (dice === 15) writer.body(10, 0, random.oneIn(2) ? this.#oldCookie : this.#cookie);
    else if (dice === 16) writer.bare(11);
    else if (dice === 17) this.#init(writer, 1, EMPTY);
    else if (dice === 18) this.#init(writer, 2, random.pick([EMPTY, Uint8Array.of(0, 7, 0, 5, 1, 0, 0, 0)]));
    else if (dice === 19) writer.bare(random.below(256), random.below(256));
    else if (dice === 20 && random.oneIn(4)) this.#anyUserData(writer, !this.#interleaves);
    else writer.body(random.below(256), random.below(256), random.bytes(random.below(40)));
  }

  /** Whole and fragmented messages in several streams, some lost, all out of order. */
  #honestData(writer: PacketWriter): void {
    const { random } = this;
    while (this.#honest.length < 12) {
      const stream = random.below(16);
      const ssn = this.#ssn[stream] ?? 0;
      const parts = random.oneIn(4) ? 1 + random.below(8) : 1;
      for (let part = 0; part < parts; part += 1) {
        const [begins, ends] = [part === 0, part === parts - 1];
        this.#honest.push({ tsn: this.#ourTsn, stream, ssn, fsn: part, begins, ends, size: this.#size() });
        this.#ourTsn = (this.#ourTsn + 1) >>> 0;
      }
      this.#ssn[stream] = (ssn + 1) & 0xffff;
    }
    const index = random.below(6);
    const [chunk] = random.oneIn(10) ? this.#honest.slice(index) : this.#honest.splice(index, 1);
    if (chunk === undefined) return;
    if (this.#interleaves) writer.iData(chunk);
    else writer.data(chunk);
  }

  /** Mostly small: what a packet costs is to be the endpoint's work and not ours with its bytes. */
  #size(): number {
    return 1 + this.random.below(this.random.oneIn(10) ? 1_100 : 40);
  }

  #honestSack(writer: PacketWriter): void {
    const { random } = this;
    const outstanding = (this.#theirTsn - this.#acknowledged) | 0;
    if (outstanding > 0 && !random.oneIn(3)) {
      this.#acknowledged = (this.#acknowledged + random.below(outstanding + 1)) >>> 0;
    }
    const left = (this.#theirTsn - this.#acknowledged) | 0;
    const gaps: number[] = [];
    for (let start = 2 + random.below(3); start <= Math.min(left, 500); start += 2 + random.below(5)) {
      gaps.push(start, start);
    }
    writer.sack(this.#acknowledged, 60_000, gaps);
  }

  #anyUserData(writer: PacketWriter, interleaved: boolean): void {
    const fields = this.#anything(18, 3);
    const flags = this.random.oneIn(4) ? this.random.below(256) : 0;
    if (interleaved) writer.iData({ ...fields, fsn: fields.begins ? 0 : this.random.below(4) }, flags);
    else writer.data(fields, flags);
  }

  #anything(streams: number, ssns: number): WrittenData {
    const { random } = this;
    if (random.below(3) > 0) this.#ourTsn = (this.#ourTsn + 1) >>> 0;
    return {
      tsn: random.oneIn(2) ? this.#ourTsn : this.#near(this.#ourTsn),
      stream: random.below(streams),
      ssn: random.below(ssns),
      begins: random.below(5) > 0,
      ends: random.below(5) > 0,
      size: random.oneIn(20) ? 0 : this.#size(),
    };
  }

  #anySack(writer: PacketWriter): void {
    const { random } = this;
    const gaps: number[] = [];
    const blocks = random.below(random.oneIn(9) ? 300 : 3);
    let start = 0;
    for (let block = 0; block < blocks; block += 1) {
      // Ascending, or anywhere.
      start = random.oneIn(8) ? random.below(65_536) : start + 2 + random.below(9);
      gaps.push(start, start + random.below(random.oneIn(9) ? 60_000 : 4));
    }
    writer.sack(this.#near(this.#theirTsn), random.below(2 ** 17), gaps, random.below(3));
  }
}
