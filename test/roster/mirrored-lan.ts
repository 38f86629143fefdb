/** One registry and many mirrors over a network that loses, repeats and reorders, on a virtual clock, from one seed. */
import assert from "node:assert/strict";
import type { Ask, Delta, Listed, Page } from "../../src/roster/listed.ts";
import { Mirror } from "../../src/roster/mirror.ts";
import { Publication } from "../../src/roster/publication.ts";
import { foldNickname } from "../../src/wire/nickname.ts";
import { SeededRandom } from "../sctp/random.ts";
import { anyListed, byName, difference, epoch, nick, type Truth } from "./entries.ts";

/** How long things go wrong, ms. */
const FAULTY_MILLIS = 40_000;
/** What the faulty network still had on its way has come by then. */
const LATEST_MILLIS = 3_500;
/** The longest wait for an answer, and then some for the answer. */
const SETTLING_MILLIS = 31_000;
const BEACON_MILLIS = 1_000;

interface Client {
  mirror: Mirror;
  session: number;
  /** Whom the session is with. */
  registry: Publication | undefined;
  /** What its user has been told, from changes alone. */
  shown: Map<string, Listed>;
  asks: number;
  messages: number;
}

interface Network {
  readonly loss: number;
  readonly repetition: number;
  readonly delayMillis: number;
}

export class MirroredLan {
  readonly #random: SeededRandom;
  readonly #events: { readonly at: number; readonly happen: () => void }[] = [];
  readonly #clients: Client[] = [];
  readonly #limits;
  readonly #names: number;
  readonly #busyMillis: number;
  #network: Network;
  #now = 0;
  #isFaulty = true;
  #registry: Publication | undefined;
  #epochs = 1;
  #sessions = 0;
  /** How the clients really stand. */
  readonly #live = new Map<string, Listed>();
  /** As published, kept on disk; and each state that ever was, by epoch and number. */
  readonly #stored = new Map<string, Listed>();
  #storedSeq = 0;
  readonly #history = new Map<string, Truth>();
  readonly told = { deltas: 0, pages: 0, asks: 0, restarts: 0, receipts: new Map<string, number>() };

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const random = this.#random;
    this.#network = {
      loss: random.pick([0, 0.05, 0.3, 0.6]),
      repetition: random.pick([0, 0.1, 0.5]),
      delayMillis: random.pick([0, 20, 300, 3_000]),
    };
    this.#names = random.pick([1, 5, 30, 120]);
    this.#busyMillis = random.pick([15, 80, 700, 5_000]);
    const logChanges = random.pick([10, 60, 400]);
    this.#limits = { logChanges, fewChanges: random.pick([5, 64]), deltaBytes: 800, pageBytes: 1_000 };
    for (let index = 0; index < this.#names; index += 1) if (random.oneIn(2)) this.#stands(`client${index}`);
    for (const [key, entry] of this.#live) this.#stored.set(key, entry);
    this.#startRegistry();
    const count = random.pick([1, 3, 10]);
    for (let index = 0; index < count; index += 1) {
      const client = this.#newClient();
      this.#clients.push(client);
      this.#begin(client);
    }
  }

  /** Throws when a mirror shows what never was, or does not show the truth in the end. */
  run(): void {
    this.#every(this.#busyMillis, () => this.#somebodyChanges());
    this.#every(BEACON_MILLIS, () => this.#beacon());
    this.#every(2_500, () => this.#mishap());
    this.#until(FAULTY_MILLIS);
    this.#isFaulty = false;
    this.#network = { loss: 0, repetition: 0, delayMillis: 30 };
    if (this.#registry === undefined) this.#startRegistry();
    this.#until(this.#now + LATEST_MILLIS);
    for (const client of this.#clients) Object.assign(client, { asks: 0, messages: 0 });
    this.#beacon();
    this.#until(this.#now + SETTLING_MILLIS);
    this.#checkTheEnd();
  }

  // What happens

  #mishap(): void {
    const random = this.#random;
    const client = this.#clients[random.below(this.#clients.length)];
    if (random.oneIn(3)) this.#restartRegistry();
    else if (client !== undefined) {
      if (random.oneIn(3)) Object.assign(client, this.#newClient());
      this.#begin(client);
    }
  }

  #somebodyChanges(): void {
    const name = `client${this.#random.below(this.#names)}`;
    if (this.#random.oneIn(6)) this.#gone(name);
    else this.#stands(name);
    if (this.#random.oneIn(10)) this.#renamed(name);
  }

  #stands(name: string): void {
    const entry = anyListed(this.#random, name, this.#now);
    this.#live.set(foldNickname(name), entry);
    this.#registry?.note(this.#now, entry.nick, entry);
  }

  #gone(name: string): void {
    this.#live.delete(foldNickname(name));
    this.#registry?.note(this.#now, nick(name), undefined);
  }

  #renamed(name: string): void {
    this.#stands(name.toUpperCase());
    this.#stands(`${name}~2`);
    this.#gone(name);
  }

  #restartRegistry(): void {
    this.told.restarts += 1;
    this.#registry = undefined;
    // What was not published is forgotten; so it was never told.
    this.#live.clear();
    for (const [key, entry] of this.#stored) this.#live.set(key, entry);
    if (this.#random.oneIn(3)) {
      this.#epochs += 1;
      if (this.#random.oneIn(2)) this.#storedSeq = 0;
    }
    this.#after(this.#random.below(2_000), () => this.#startRegistry());
  }

  #startRegistry(): void {
    if (this.#registry !== undefined) return;
    // A store gives entries back in an order of its own, so the pages are cut otherwise.
    const entries = [...this.#stored.values()].sort(() => this.#random.below(3) - 1);
    const drawn = epoch(this.#epochs.toString(16).padStart(16, "0"));
    this.#registry = new Publication({ epoch: drawn, seq: this.#storedSeq, entries, limits: this.#limits });
    this.#remember();
    // What has happened meanwhile.
    for (const { nick } of this.#stored.values()) this.#registry.note(this.#now, nick, undefined);
    for (const entry of this.#live.values()) this.#registry.note(this.#now, entry.nick, entry);
    for (const client of this.#clients) this.#after(this.#random.below(300), () => this.#begin(client));
  }

  #beacon(): void {
    const { epoch, seq } = this.#registry ?? {};
    if (epoch === undefined || seq === undefined) return;
    for (const client of this.#clients) this.#send(() => client.mirror.heard(this.#now, epoch, seq));
  }

  // Client and registry

  #newClient(): Client {
    const shown = new Map<string, Listed>();
    const mirror = new Mirror({
      limits: { earlyChanges: 2 * this.#limits.logChanges + 20 },
      changed: (before, after) => {
        if (before !== undefined) shown.delete(foldNickname(before.nick));
        if (after !== undefined) shown.set(foldNickname(after.nick), after);
      },
    });
    return { mirror, session: 0, registry: undefined, shown, asks: 0, messages: 0 };
  }

  #begin(client: Client): void {
    if (this.#registry === undefined) return;
    this.#sessions += 1;
    client.session = this.#sessions;
    client.registry = this.#registry;
    const promised = this.#random.oneIn(2);
    client.mirror.begin(this.#now, this.#registry.epoch, this.#registry.seq, promised);
    if (promised) this.#answer(client, { type: "roster" });
  }

  #answer(client: Client, ask: Ask): void {
    for (const message of this.#registry?.answer(ask) ?? []) this.#tell(client, message);
  }

  #tell(client: Client, message: Delta | Page): void {
    const { mirror, session } = client;
    if (message.type === "delta") this.told.deltas += 1;
    else this.told.pages += 1;
    this.#send(() => {
      // Deltas of any session are facts of their epoch; pages are parts of a cut that another session may not share.
      if (client.mirror !== mirror || (message.type === "page" && client.session !== session)) return;
      client.messages += 1;
      const receipt = mirror.receive(this.#now, message);
      this.told.receipts.set(receipt, (this.told.receipts.get(receipt) ?? 0) + 1);
      assert.notEqual(receipt, "refused");
      if (receipt === "applied") this.#checkThatItWas(mirror);
    });
  }

  #publish(): void {
    for (const delta of this.#registry?.advance(this.#now) ?? []) {
      for (const change of delta.changes) {
        if (change.type === "put") this.#stored.set(foldNickname(change.entry.nick), change.entry);
        else this.#stored.delete(foldNickname(change.nick));
      }
      this.#storedSeq = delta.seq;
      this.#remember();
      for (const client of this.#clients) this.#tell(client, delta);
    }
  }

  #remember(): void {
    const epoch = this.#registry?.epoch;
    this.#history.set(`${epoch} ${this.#storedSeq}`, new Map(this.#stored));
  }

  #ask(client: Client): void {
    const ask = client.mirror.nextAsk(this.#now);
    if (ask === undefined) return;
    client.asks += 1;
    this.told.asks += 1;
    const { registry } = client;
    // A registry that has started anew has no keys of sessions with the one before: it cannot read their questions.
    this.#send(() => {
      if (this.#registry === registry) this.#answer(client, ask);
    });
  }

  // What must be true

  #checkThatItWas(mirror: Mirror): void {
    const was = this.#history.get(`${mirror.epoch} ${mirror.seq}`);
    assert.ok(was !== undefined, `no roster at ${mirror.seq} of ${mirror.epoch}`);
    assert.equal(difference(byName(mirror.entries()), was), undefined);
    assert.ok(mirror.held <= 3 * this.#names * 3 + 2 * this.#limits.logChanges + 20);
  }

  #checkTheEnd(): void {
    const registry = this.#registry;
    assert.ok(registry !== undefined);
    assert.equal(difference(byName(registry.entries()), this.#live), undefined, "published is live");
    const run = registry.answer({ type: "roster" }).length;
    for (const { mirror, shown, asks, messages } of this.#clients) {
      assert.equal(mirror.epoch, registry.epoch);
      assert.equal(mirror.seq, registry.seq);
      assert.ok(mirror.isCurrent);
      assert.equal(mirror.nextDeadline(), undefined);
      assert.equal(difference(byName(mirror.entries()), this.#live), undefined, "the mirror is the truth");
      assert.equal(difference(shown, this.#live), undefined, "so is what the user was told");
      assert.equal(mirror.held, mirror.size);
      assert.ok(asks <= 1, `${asks} asks after the faults stopped`);
      assert.ok(messages <= 2 * (run + this.#limits.logChanges), `${messages} messages`);
    }
  }

  // Time and network

  #send(arrive: () => void): void {
    const { loss, repetition, delayMillis } = this.#network;
    if (this.#random.unit() < loss) return;
    const copies = this.#random.unit() < repetition ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) this.#after(this.#random.below(delayMillis + 1), arrive);
  }

  #every(millis: number, happen: () => void): void {
    this.#after(1 + this.#random.below(2 * millis), () => {
      if (!this.#isFaulty) return;
      happen();
      this.#every(millis, happen);
    });
  }

  #after(millis: number, happen: () => void): void {
    const at = this.#now + millis;
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.at ?? 0) < at) place -= 1;
    this.#events.splice(place, 0, { at, happen });
  }

  #until(end: number): void {
    for (;;) {
      const deadlines = this.#clients.map(({ mirror }) => mirror.nextDeadline());
      const times = [this.#events.at(-1)?.at, this.#registry?.nextDeadline(), ...deadlines];
      const next = Math.min(...times.filter((at) => at !== undefined));
      if (next > end) break;
      this.#now = Math.max(this.#now, next);
      while ((this.#events.at(-1)?.at ?? Infinity) <= this.#now) this.#events.pop()?.happen();
      this.#publish();
      for (const client of this.#clients) this.#ask(client);
    }
    this.#now = end;
  }
}
