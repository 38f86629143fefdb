/** The registry under whatever happens, in any order: seeded, so that a failure names the seed that repeats it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "../../src/base/clock.ts";
import { StoreError } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { MemoryRosterStore } from "../../src/store/roster-memory.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import { foldNickname } from "../../src/wire/nickname.ts";
import { seededRandom } from "../support/stores.ts";
import type { TestClient } from "./mp2-client.ts";
import { Scene, shown } from "./mp2-scene.ts";

const SEEDS = Number(process.env.REGISTRY_SEEDS ?? 60);
const ONLY = process.env.REGISTRY_SEED;
const STEPS = 80;
const NAMES = ["ola", "Ola", "kari", "per", "eva", "liv", "jon", "ane", "tor", "una", "ida", "bo"] as const;

/** One registry, six keys that share names, addresses and ports, and disks that may fail. */
class World {
  readonly #random: Random;
  readonly #store = new MemoryStore();
  readonly #rosterStore = new MemoryRosterStore();
  /** What stood at an epoch and a seq when somebody showed it first. */
  readonly #history = new Map<string, string>();
  readonly scene: Scene;
  readonly clients: readonly TestClient[];
  readonly #full = new Set<number | undefined>();
  /** Who owns a folded name, as far as anybody was told. */
  readonly #owners = new Map<string, string>();

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const stores = { store: this.#store, rosterStore: this.#rosterStore };
    this.scene = new Scene({ ...stores, random: seededRandom(seed + 1_000_000) });
    this.scene.refuses = ({ association, stream }) => stream > 0 && this.#full.has(association);
    this.clients = Array.from({ length: 6 }, (_, index) =>
      this.scene.client("ola", `10.0.0.${index >> 1}`, 51_000 + (index & 1), `key ${index}`),
    );
  }

  step(): void {
    const client = this.#pick(this.clients);
    const roll = this.#random.below(100);
    if (roll < 30) this.#comeOnline(client);
    else if (roll < 40) this.#lose(client, this.#random.below(2) === 0);
    else if (roll < 48) this.#attached(client)?.tell({ type: "status", away: this.#random.below(2) === 0 });
    else if (roll < 52) this.#leave(client);
    else if (roll < 58) this.scene.command({ type: "kick", target: this.#pick(NAMES) });
    else if (roll < 61) this.scene.command({ type: "ban", target: client.fingerprint, reason: "" });
    else if (roll < 66) this.scene.command({ type: "unban", target: client.fingerprint });
    else if (roll < 69) this.#forget(this.#pick(NAMES));
    else if (roll < 74) this.#full.add(client.association);
    else if (roll < 80) this.#drain(client);
    else if (roll < 84) this.#attached(client)?.tell({ type: "roster" });
    else if (roll < 87) this.#store.failWith(new StoreError("Cannot write", "full"));
    else if (roll < 89) this.#store.failWith(undefined);
    else if (roll < 91) this.#failToKeep();
    else if (roll < 94) this.#restart();
    else this.#startAnew(client);
    this.scene.pass(this.#pick([0, 1, 20, 60, 700, 12_000]));
    this.check();
  }

  /** Faults end; after some seconds all who are here know the same, and what is so. */
  settle(): void {
    this.#store.failWith(undefined);
    this.#rosterStore.failWith(undefined);
    for (const client of this.clients) this.#drain(client);
    // Who is joining is shown as before, until it is there or its time is up.
    this.scene.pass(15_000);
    this.check();
    const { epoch, seq } = this.scene.registry.published;
    const here = this.clients.filter((client) => this.#attached(client) !== undefined);
    for (const { mirror, nickname } of here) {
      assert.deepEqual([mirror.epoch, mirror.seq], [epoch, seq], nickname);
      const truth = [...this.scene.registry.clients()]
        .filter(({ entry }) => entry.presence.state === "online")
        .map(({ entry }) => `${entry.nickname}${entry.profile?.away ? ":away" : ""}`);
      assert.equal(
        shown(mirror)
          .replace(/\[[^\]]*\] ?/g, "")
          .trim(),
        truth.sort().join(" "),
      );
    }
  }

  check(): void {
    this.#checkHistory();
    const online = [...this.scene.registry.clients()].filter(({ association }) => association !== undefined);
    assert.equal(online.length, this.scene.registry.counts.online);
    const names = new Set(online.map(({ entry }) => foldNickname(entry.nickname)));
    assert.equal(names.size, online.length, "a name twice");
    for (const { nickname, fingerprint } of this.#store.load().bindings) {
      const owner = this.#owners.get(foldNickname(nickname));
      assert.ok(owner === undefined || owner === fingerprint, `${nickname} has moved between keys`);
    }
    for (const { entry } of online) {
      const owner = this.#owners.get(foldNickname(entry.nickname));
      assert.ok(
        owner === undefined || owner === entry.profile?.fingerprint,
        `${entry.nickname} is shown of another key`,
      );
    }
  }

  /** The roster of an epoch is one sequence of states, over restarts and failures too. */
  #checkHistory(): void {
    for (const { mirror, nickname } of this.clients) {
      if (mirror.seq === undefined) continue;
      const at = `${mirror.epoch} ${mirror.seq}`;
      const shown = JSON.stringify([...mirror.entries()].toSorted((a, b) => (a.nick < b.nick ? -1 : 1)));
      const first = this.#history.get(at) ?? shown;
      assert.equal(shown, first, `${nickname} sees something else at ${at}`);
      this.#history.set(at, first);
    }
  }

  #failToKeep(): void {
    const failure = this.#random.below(3) === 0 ? undefined : new StoreError("Cannot write", "full");
    this.#rosterStore.failWith(failure, this.#random.below(2) === 0);
  }

  #comeOnline(client: TestClient): void {
    client.nickname = this.#pick(NAMES) as Nickname;
    client.hello();
    const before = client.dials.length;
    client.send(client.joinBytes());
    if (client.dials.length === before) return;
    client.openTls();
    client.register();
    this.scene.pass(20);
    this.scene.do((registry) => registry.tlsClosed(this.scene.now, client.dial));
    if (client.registered === undefined) return;
    this.#owners.set(foldNickname(client.nickname), client.fingerprint);
    if (this.#random.below(8) === 0) return;
    if (client.association !== undefined && this.#random.below(2) === 0) {
      this.scene.lost(client.association, "aborted");
    }
    client.attached = undefined;
    this.#full.delete(client.associate());
    if (this.#random.below(8) === 0) client.deliver(new Uint8Array(40));
    else client.attach();
  }

  #startAnew(client: TestClient): void {
    if (this.#attached(client) === undefined) return;
    this.scene.event({ type: "restarted", id: client.association ?? -1 });
    this.#full.delete(client.association);
    client.attach();
  }

  #lose(client: TestClient, byAgreement: boolean): void {
    if (client.association === undefined) return;
    if (byAgreement) this.scene.event({ type: "closed", id: client.association });
    else this.scene.lost(client.association);
    client.association = undefined;
  }

  #leave(client: TestClient): void {
    this.#attached(client)?.tell({ type: "leave" });
    this.#lose(client, true);
  }

  #forget(nickname: string): void {
    const done = this.scene.command({ type: "forget", nickname });
    if (done.ok) this.#owners.delete(foldNickname(nickname));
  }

  #drain(client: TestClient): void {
    this.#full.delete(client.association);
    if (client.association !== undefined) this.scene.event({ type: "writable", id: client.association });
  }

  /** In good order, by a kill, or by one in the middle of telling what was published. */
  #restart(): void {
    const how = this.#random.below(3);
    if (how === 0) this.scene.stop({ reason: "restart" });
    else if (how === 1) {
      this.scene.dies = this.#random.below(4);
      this.scene.pass(60);
    }
    this.scene.restart();
    this.#full.clear();
    for (const client of this.clients) client.association = undefined;
  }

  /** The client, if the registry has it attached on the association that it has. */
  #attached(client: TestClient): TestClient | undefined {
    for (const { entry, association } of this.scene.registry.clients()) {
      if (association === undefined || association !== client.association) continue;
      return entry.profile?.session === client.registered?.session ? client : undefined;
    }
    return undefined;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#random.below(items.length)] ?? assert.fail("nothing to pick from");
  }
}

test(`${ONLY === undefined ? SEEDS : 1} registries under whatever happens: names stay with their keys, rosters converge`, () => {
  const seeds = ONLY === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(ONLY)];
  for (const seed of seeds) {
    try {
      const world = new World(seed);
      for (let step = 0; step < STEPS; step += 1) world.step();
      world.settle();
    } catch (error) {
      throw new Error(`REGISTRY_SEED=${seed} repeats this`, { cause: error });
    }
  }
});
