import assert from "node:assert/strict";
import type { Millis, Random } from "../../src/base/clock.ts";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/base/text.ts";
import { ChatClient } from "../../src/chat/client.ts";
import type { ChatEvent, ChatOutput } from "../../src/chat/events.ts";
import { KEY_MILLIS } from "../../src/chat/mp1-membership.ts";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import { FALLBACK_MILLIS } from "../../src/chat/searching.ts";
import type { WhenTaken } from "../../src/chat/settings.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { type Nickname, parseNickname } from "../../src/wire/nickname.ts";
import { drainArchived } from "../support/archived.ts";

export const REGISTRY = "10.0.0.1";

export interface Item {
  readonly nickname: string;
  readonly ip: string;
  readonly port: number;
  readonly online: boolean;
}

export const OLA: Item = { nickname: "ola", ip: "10.0.0.2", port: 51_000, online: true };

export function nickname(text: string): Nickname {
  const parsed = parseNickname(text);
  assert.ok(parsed.ok);
  return parsed.nickname;
}

export function rosterBytes(...clients: readonly Item[]): Uint8Array {
  return encodeUtf8(JSON.stringify({ clients }));
}

/** In the middle of every range: no jitter. */
function even(): Random {
  let drawn = 0;
  return {
    // Numbers of messages: each another one.
    bytes: (length) => {
      drawn += 1;
      return Uint8Array.from({ length }, (_, index) => (drawn >> (8 * (index % 4))) & 0xff);
    },
    below: (limit) => Math.floor(limit / 2),
  };
}

/** A chat core on a virtual clock, with what it put out so far. */
export class VirtualClient {
  readonly client: ChatClient;
  readonly archive: MemoryArchive;
  now: Millis = 0;
  /** How often "roster" was told. */
  rosterTold = 0;
  readonly #outputs: ChatOutput[] = [];
  #connections = 0;
  #association = 0;

  constructor(options: { nick?: string; whenTaken?: WhenTaken; archive?: MemoryArchive } = {}) {
    this.archive =
      options.archive ?? new MemoryArchive({ wall: () => 1_764_000_000_000 + this.now, isLasting: true });
    const settings = {
      nickname: nickname(options.nick ?? "adam"),
      whenTaken: options.whenTaken ?? "ask",
      legacy: true,
      hosts: [],
    } as const;
    this.client = new ChatClient({
      settings,
      random: even(),
      kept: this.archive.load(),
      isLasting: true,
      unixAt: (at) => 1_764_000_000_000 + at,
      identity: { fingerprint: "aa".repeat(32) as Fingerprint },
      pins: Pins.none,
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

  /** Takes the outputs of one kind that came since the last look; the others stay. */
  take<Type extends ChatOutput["type"]>(type: Type): readonly Extract<ChatOutput, { type: Type }>[] {
    drainArchived(this.client, this.now, this.archive, (out) => this.#outputs.push(out));
    const found: Extract<ChatOutput, { type: Type }>[] = [];
    for (const out of this.#outputs.splice(0)) {
      if (out.type === type) found.push(out as Extract<ChatOutput, { type: Type }>);
      else this.#outputs.push(out);
    }
    return found;
  }

  /** Hellos of mp1. */
  hellos(): readonly { readonly bytes: Uint8Array }[] {
    return this.take("hello").filter(({ protocol }) => protocol === "mp1");
  }

  /** But "roster", which says no more than that the snapshot is another one. */
  notices(): readonly ChatNotice[] {
    const all = this.take("notice").map((out) => out.notice);
    const told = all.filter(({ type }) => type !== "roster");
    this.rosterTold += all.length - told.length;
    return told;
  }

  start(): void {
    this.client.start(this.now);
    // Nobody answers by mp2.
    this.pass(FALLBACK_MILLIS);
    this.handle({ type: "hello-sent", protocol: "mp1", to: "any" });
  }

  /** A registry calls back; what it was told is returned, undefined when it was turned away. */
  dialBack(address = REGISTRY): { connection: number; told: string } | undefined {
    this.#connections += 1;
    const connection = this.#connections;
    this.handle({ type: "dialed-back", connection, address });
    // It turns out to have no key.
    this.pass(KEY_MILLIS);
    const answer = this.take("answer-dial-back").find((out) => out.connection === connection);
    if (answer === undefined) {
      assert.ok(this.take("close-dial-back").some((out) => out.connection === connection));
      return undefined;
    }
    return { connection, told: decodeUtf8(answer.bytes) ?? "" };
  }

  answer(bytes: Uint8Array): void {
    const dial = this.dialBack();
    assert.ok(dial);
    this.handle({ type: "dial-back-answer", connection: dial.connection, bytes });
  }

  /** All the way to online, with this roster. */
  goOnline(...roster: readonly Item[]): void {
    this.answer(rosterBytes(...roster));
    const [associate] = this.take("associate");
    assert.equal(associate?.address, REGISTRY);
    this.#association = associate.association;
    this.handle({ type: "association-up", association: this.#association });
    this.take("association-send");
  }

  online(...roster: readonly Item[]): void {
    this.start();
    this.goOnline(...roster);
    this.notices();
    this.take("hello");
  }

  /** Who is listed, as mp1 writes it. */
  listed(): readonly Item[] {
    const { roster } = this.client.snapshot();
    return roster.map(({ nickname, address, port, online }) => ({ nickname, ip: address, port, online }));
  }

  push(...roster: readonly Item[]): void {
    this.handle({
      type: "association-message",
      association: this.#association,
      stream: 0,
      ppid: 0,
      bytes: rosterBytes(...roster),
    });
  }

  endAssociation(how: "closed" | "lost" | "aborted"): void {
    this.handle({ type: "association-ended", association: this.#association, how });
  }
}
