import assert from "node:assert/strict";
import type { Millis, Random } from "../../src/base/clock.ts";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { Seals } from "../../src/base/seal.ts";
import { ChatClient } from "../../src/chat/client.ts";
import type { ChatEvent, ChatOutput } from "../../src/chat/events.ts";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import type { ChatSettings } from "../../src/chat/settings.ts";
import { applyPinChange } from "../../src/chat/trust.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import { MP2_PPID, PRESENCE_TO_CLIENT, PRESENCE_TO_REGISTRY } from "../../src/wire/mp2-presence.ts";
import { REGISTRATION_TO_CLIENT, REGISTRATION_TO_REGISTRY } from "../../src/wire/mp2-registration.ts";
import type { Change, RosterEntry } from "../../src/wire/mp2-roster.ts";
import type { Address, Epoch, Nonce, Notice, Realm, RunId, SessionId } from "../../src/wire/mp2-values.ts";
import { drainArchived } from "../support/archived.ts";
import { nickname } from "./virtual-client.ts";

export const UNIX = 1_764_000_000_000;
export const EPOCH = "00112233aabbccdd" as Epoch;
export const REALM = "office" as Realm;
export const REGISTRY = { address: "10.0.0.1", port: 10_001 };
export const REGISTRY_KEY = "ee".repeat(32) as Fingerprint;
const KEYS = { toClient: new Uint8Array(32).fill(1), toRegistry: new Uint8Array(32).fill(2) };

/** "aa" → a fingerprint. */
export function key(two: string): Fingerprint {
  return two.repeat(32) as Fingerprint;
}

/** A small generator, so that a failure is repeated by its seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    below: (limit) => Math.floor((next() / 2 ** 32) * limit),
  };
}

export interface Person {
  readonly nick: string;
  readonly key: Fingerprint;
  readonly address: string;
}

export const ADAM: Person = { nick: "adam", key: key("aa"), address: "10.0.0.10" };
export const OLA: Person = { nick: "ola", key: key("bb"), address: "10.0.0.11" };
export const EVE: Person = { nick: "eve", key: key("cc"), address: "10.0.0.12" };

export function entry(person: Person, fields: Partial<RosterEntry> = {}): RosterEntry {
  return {
    nick: nickname(person.nick),
    fingerprint: person.key,
    address: person.address as Address,
    port: 50_000,
    kind: "mp2",
    state: "online",
    lastSeen: UNIX,
    ...fields,
  } as RosterEntry;
}

type Challenge = { readonly nonce?: Uint8Array; readonly realm?: string };

/** A chat core on a virtual clock, and a registry that does what a test says. */
export class Mp2Client {
  readonly client: ChatClient;
  readonly person: Person;
  now: Millis = 0;
  /** How often "roster" was told. */
  rosterTold = 0;
  pins: Pins;
  readonly archive: MemoryArchive;
  /** What the shell does with a change of the pins. */
  keepsPins = true;
  seals = new Seals("registry", KEYS);
  association = 0;
  seq = 10;
  /** Connections that others have made. */
  accepted = 0;
  epoch = EPOCH;
  readonly #outputs: ChatOutput[] = [];

  constructor(
    options: Partial<ChatSettings> & {
      person?: Person;
      pins?: Pins;
      random?: Random;
      archive?: MemoryArchive;
    } = {},
  ) {
    const { person = ADAM, pins = Pins.none, random = seeded(1), archive, ...settings } = options;
    this.archive = archive ?? new MemoryArchive({ wall: () => UNIX + this.now, isLasting: true });
    this.person = person;
    this.pins = pins;
    this.client = new ChatClient({
      settings: { nickname: nickname(person.nick), whenTaken: "ask", legacy: true, hosts: [], ...settings },
      random,
      unixAt: (at) => UNIX + at,
      identity: { fingerprint: person.key },
      pins,
      kept: this.archive.load(),
      isLasting: true,
    });
  }

  handle(event: ChatEvent): void {
    this.client.handle(this.now, event);
  }

  /** Lets time pass, stopping at every deadline. */
  pass(time: Millis): void {
    const end = this.now + time;
    for (;;) {
      const next = this.client.nextDeadline();
      if (next === undefined || next > end) break;
      this.now = Math.max(this.now, next);
      this.client.advance(this.now);
    }
    this.now = end;
    this.client.advance(end);
  }

  /** Everything that it wants done since the last look; changes of pins are carried out. */
  drain(): readonly ChatOutput[] {
    drainArchived(this.client, this.now, this.archive, (out) => {
      this.#outputs.push(out);
      if (out.type !== "pin" || !this.keepsPins) return;
      this.pins = applyPinChange(this.pins, out.change);
      this.handle({ type: "pins", pins: this.pins });
    });
    return this.#outputs;
  }

  /** Takes the outputs of one kind; the others stay. */
  take<Type extends ChatOutput["type"]>(type: Type): readonly Extract<ChatOutput, { type: Type }>[] {
    this.drain();
    const all = this.#outputs.splice(0);
    this.#outputs.push(...all.filter((out) => out.type !== type));
    return all.filter((out) => out.type === type) as Extract<ChatOutput, { type: Type }>[];
  }

  /** Forgets the others. */
  keepOnly(isKept: (out: ChatOutput) => boolean): void {
    this.#outputs.push(...this.#outputs.splice(0).filter(isKept));
  }

  takeAll(): readonly ChatOutput[] {
    this.drain();
    return this.#outputs.splice(0);
  }

  /** But "roster", which says no more than that the snapshot is another one. */
  notices(): readonly ChatNotice[] {
    const all = this.take("notice").map((out) => out.notice);
    const told = all.filter(({ type }) => type !== "roster");
    this.rosterTold += all.length - told.length;
    return told;
  }

  noticeTypes(): readonly string[] {
    return this.notices().map(({ type }) => type);
  }

  // The registry

  /** The nonce of the last hello, to whomever. */
  nonce(): Nonce {
    const nonces = [...this.take("hello"), ...this.take("datagram")].flatMap(({ bytes }) => {
      const decoded = DISCOVERY_TO_REGISTRY.decode(bytes);
      return decoded.ok && decoded.value.type === "hello" ? [decoded.value.nonce] : [];
    });
    const nonce = nonces.at(-1);
    assert.ok(nonce, "a hello of mp2");
    return nonce;
  }

  cookie(nonce: Nonce, options: { from?: typeof REGISTRY; fingerprint?: Fingerprint } = {}): void {
    const { from = REGISTRY, fingerprint = REGISTRY_KEY } = options;
    const cookie = new Uint8Array(20).fill(from.address.length + this.now);
    const bytes = DISCOVERY_TO_CLIENT.encode({ type: "cookie", nonce, fingerprint, cookie });
    this.handle({ type: "datagram", from, bytes });
  }

  /** Somebody connects to our port with that key. */
  connects(
    protocol: "mp2-registry" | "mp2-chat",
    fingerprint: Fingerprint,
    address: string,
    presenceKeys = KEYS,
  ): number {
    this.accepted += 1;
    const connection = this.accepted;
    const keys = protocol === "mp2-registry" ? { keys: presenceKeys } : {};
    const common = { initiative: "theirs", address, port: 40_000, fingerprint, protocol } as const;
    this.handle({ type: "tls-opened", connection, ...common, ...keys });
    return connection;
  }

  registrySays(connection: number, value: Parameters<typeof REGISTRATION_TO_CLIENT.encode>[0]) {
    return this.client.received(this.now, connection, encodeFrame(REGISTRATION_TO_CLIENT.encode(value)));
  }

  challenge(connection: number, nonce: Nonce, { nonce: other, realm = REALM }: Challenge = {}): void {
    this.registrySays(connection, {
      type: "challenge",
      realm: realm as Realm,
      epoch: this.epoch,
      nonce: (other ?? nonce) as Nonce,
      capabilities: new Set(),
    });
  }

  /** The `register` that was sent on a connection. */
  register(connection: number) {
    const sent = this.take("tls-send").find((out) => out.connection === connection);
    if (sent === undefined) return undefined;
    const [frame] = new FrameReader(4_096).push(sent.bytes).frames;
    const decoded = REGISTRATION_TO_REGISTRY.decode(frame ?? new Uint8Array());
    return decoded.ok ? decoded.value : undefined;
  }

  /** The life of the registry. */
  run = "11".repeat(8) as RunId;

  registered(connection: number): void {
    this.registrySays(connection, {
      type: "registered",
      session: "50".repeat(16) as SessionId,
      epoch: this.epoch,
      seq: this.seq,
      time: UNIX + this.now,
      sctpPort: 10_001,
      encapsulationPort: 9_899,
      rawIp: false,
      heartbeat: 1_000,
      lostAfter: 2_800,
      run: this.run,
    });
  }

  page(connection: number, entries: readonly RosterEntry[], index = 0, count = 1, seq = this.seq): void {
    this.registrySays(connection, { type: "page", epoch: this.epoch, seq, index, count, entries });
  }

  /** From a hello to the dial-back. */
  dialBack(): { nonce: Nonce; connection: number } {
    const nonce = this.nonce();
    this.cookie(nonce);
    assert.equal(this.take("datagram").length > 0, true, "a join");
    return { nonce, connection: this.connects("mp2-registry", REGISTRY_KEY, REGISTRY.address) };
  }

  /** From a hello to the association. */
  joinRegistry(entries: readonly RosterEntry[]): void {
    const { nonce, connection } = this.dialBack();
    this.challenge(connection, nonce);
    assert.ok(this.register(connection), "a register");
    this.registered(connection);
    this.page(connection, entries);
    this.handle({ type: "tls-closed", connection });
    this.associate();
  }

  /** The association comes up, and we are attached. */
  associate(): void {
    const associate = this.take("associate").at(-1);
    assert.ok(associate, "an association");
    this.association = associate.association;
    this.seals = new Seals("registry", KEYS);
    this.handle({ type: "association-up", association: this.association });
    const [attach] = this.fromClient();
    assert.equal(attach?.type, "attach");
    this.tell({ type: "attached", epoch: this.epoch, seq: this.seq, time: UNIX + this.now });
  }

  /** What the client sent over the association, opened. */
  fromClient() {
    return this.take("association-send").map(({ stream, bytes }) => {
      const opened = this.seals.open(stream, bytes);
      assert.ok(opened.ok);
      const decoded = PRESENCE_TO_REGISTRY.decode(opened.text);
      assert.ok(decoded.ok);
      return decoded.value;
    });
  }

  sealed(value: Parameters<typeof PRESENCE_TO_CLIENT.encode>[0], stream = 0): Uint8Array {
    const bytes = this.seals.seal(stream, PRESENCE_TO_CLIENT.encode(value));
    assert.ok(bytes);
    return bytes;
  }

  deliver(bytes: Uint8Array, stream = 0, ppid = MP2_PPID): void {
    this.handle({ type: "association-message", association: this.association, stream, ppid, bytes });
  }

  tell(value: Parameters<typeof PRESENCE_TO_CLIENT.encode>[0], stream = 0): void {
    this.deliver(this.sealed(value, stream), stream);
  }

  change(...changes: Change[]): void {
    this.seq += changes.length;
    this.tell({ type: "delta", epoch: this.epoch, seq: this.seq, changes }, 1);
  }

  put(...entries: RosterEntry[]): void {
    this.change(...entries.map((item) => ({ type: "put", entry: item }) as const));
  }

  ends(reason: "kicked" | "banned" | "superseded" | "expired" | "restart" | "stop", text?: string): void {
    const said = text === undefined ? {} : { text: text as Notice };
    this.tell({ type: "ended", reason, ...said });
  }

  /** All the way, with this roster; what was put out on the way is forgotten. */
  online(...entries: readonly RosterEntry[]): this {
    this.client.start(this.now);
    this.pass(0);
    this.joinRegistry([entry(this.person), ...entries]);
    this.takeAll();
    return this;
  }
}
