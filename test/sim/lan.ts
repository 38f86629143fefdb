/** A registry and many clients on one virtual network on which things go wrong, from one seed. */
import assert from "node:assert/strict";
import type { Millis } from "../../src/base/clock.ts";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { StoreError } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { MemoryRosterStore } from "../../src/store/roster-memory.ts";
import { foldNickname } from "../../src/wire/nickname.ts";
import { ClientNode, Profile } from "./client-node.ts";
import { Impostor } from "./impostor.ts";
import { NodeKey } from "./keys.ts";
import { FAIR } from "./network.ts";
import { Post } from "./post.ts";
import { RegistryNode } from "./registry-node.ts";
import { World } from "./world.ts";

export interface LanOptions {
  readonly seed: number;
  readonly clients?: number;
  /** How long things go wrong. */
  readonly faultyMillis?: Millis;
  /** Told of everything that is noticed and that goes wrong, to understand a seed. */
  readonly trace?: (line: string) => void;
}

const REGISTRY = "10.0.0.1";
/** After the last fault all rosters show the truth within this: the longest search pause, and the set-up after it. */
const CONVERGE_MILLIS: Millis = 40_000;
/** After the last fault a message is confirmed or given up within this. */
const POST_MILLIS: Millis = 60_000;

interface User {
  readonly name: string;
  readonly profile: Profile;
  readonly address: string;
  node: ClientNode | undefined;
  processes: number;
}

export class VirtualLan {
  readonly world: World;
  readonly post = new Post();
  readonly told = { restarts: 0, crashes: 0, partitions: 0, sent: 0, converged: 0 };
  readonly #options: LanOptions;
  readonly #store = new MemoryStore();
  readonly #rosterStore = new MemoryRosterStore();
  readonly #owners = new Map<string, string>();
  readonly #key: NodeKey;
  readonly #users: User[] = [];
  readonly #impostor: Impostor;
  #registry: RegistryNode | undefined;
  #former: RegistryNode | undefined;
  #ports = 50_000;
  #isFaulty = true;

  constructor(options: LanOptions) {
    this.#options = options;
    this.world = new World(options.seed);
    const { random } = this.world;
    this.#key = new NodeKey(random);
    const count = options.clients ?? random.pick([2, 3, 5, 12, 30]);
    for (let index = 0; index < count; index += 1) {
      const name = `user${index}`;
      const profile = new Profile(new NodeKey(random), name);
      const address = `10.0.${1 + (index >> 8)}.${index & 0xff}`;
      this.#users.push({ name, profile, address, node: undefined, processes: 0 });
    }
    this.#impostor = new Impostor(this.world, new NodeKey(random));
    this.#startRegistry();
    for (const user of this.#users) this.world.schedule.after(random.below(3_000), () => this.#start(user));
  }

  /** Throws when a rule is broken, or when the truth is not found in the end. */
  run(): void {
    const faulty = this.#options.faultyMillis ?? 60_000;
    const { random, schedule } = this.world;
    this.#every(random.pick([50, 300, 1_500]), () => this.#somebodyWrites());
    this.#every(random.pick([3_000, 8_000]), () => this.#mishap());
    this.#every(700, () => this.#intrude());
    schedule.runUntil(faulty);
    this.#endFaults();
    schedule.runUntil(faulty + CONVERGE_MILLIS);
    this.#checkRosters();
    schedule.runUntil(faulty + POST_MILLIS);
    this.post.checkNothingWaits(faulty);
    this.#checkBounds();
  }

  // What goes on

  #every(millis: Millis, happen: () => void): void {
    const again = (): void => {
      if (!this.#isFaulty) return;
      happen();
      this.world.schedule.after(millis * (0.5 + this.world.random.unit()), again);
    };
    this.world.schedule.after(millis, again);
  }

  #startRegistry(): void {
    if (this.#registry !== undefined) return;
    if (this.#former?.isGone === false) {
      // Its ports are not free yet.
      this.world.schedule.after(100, () => this.#startRegistry());
      return;
    }
    this.#trace("the registry starts");
    const [key, store, rosterStore] = [this.#key, this.#store, this.#rosterStore];
    this.#registry = new RegistryNode(this.world, { address: REGISTRY, key, store, rosterStore });
  }

  #start(user: User): void {
    if (user.node !== undefined) return;
    user.processes += 1;
    this.#ports += 1;
    const place = { address: user.address, port: this.#ports };
    const process = processOf(user);
    const onNotice = (notice: ChatNotice, node: ClientNode): void => this.#noticed(process, node, notice);
    user.node = new ClientNode(this.world, { place, profile: user.profile, onNotice });
  }

  #noticed(process: string, node: ClientNode, notice: ChatNotice): void {
    this.#trace(`${process}: ${JSON.stringify(notice)}`);
    if (notice.type === "received") this.post.shown(process, notice.message);
    else if (notice.type === "delivered") this.post.delivered(notice.text);
    else if (notice.type === "undelivered")
      this.post.undelivered(notice.message.text, notice.message.uncertain);
    else if (notice.type === "ended") this.#ended(process, node, notice.reason);
    this.#checkBindings();
  }

  #ended(process: string, node: ClientNode, reason: string): void {
    assert.equal(reason, "left", `${process} has ended: ${reason}`);
    node.crash();
  }

  #somebodyWrites(): void {
    const { random, now } = this.world;
    const user = this.#users[random.below(this.#users.length)];
    const other = this.#users[random.below(this.#users.length)];
    if (user?.node === undefined || other === undefined || user === other) return;
    const { node } = user;
    const text = this.post.write(processOf(user), user.profile.key.fingerprint, other.name, now);
    this.told.sent += 1;
    node.do((core) => core.send(now, other.name, text, { waitMillis: random.pick([0, 0, 5_000]) }));
  }

  #trace(line: string): void {
    this.#options.trace?.(`${this.world.now.toFixed(1)} ${line}`);
  }

  #mishap(): void {
    const { random, network } = this.world;
    const mishaps: (() => void)[] = [
      () => this.#restartRegistry(),
      () => this.#restartRegistry(),
      () => this.#restartUser(),
      () => this.#restartUser(),
      () => this.#partition(),
      () => this.#diskFails(),
      () => {
        const loss = random.pick([0, 0.05, 0.2, 0.4]);
        const delayMillis = random.pick([1, 20, 150]);
        network.weather = { loss, repetition: random.pick([0, 0.1]), delayMillis };
      },
    ];
    mishaps[random.below(mishaps.length)]?.();
  }

  #restartRegistry(): void {
    const { random, schedule } = this.world;
    this.told.restarts += 1;
    const registry = this.#registry;
    this.#former = registry ?? this.#former;
    this.#registry = undefined;
    this.#trace("the registry ends");
    if (random.oneIn(2)) {
      registry?.crash();
      // A power cut: what had not come to the disk is gone.
      if (random.oneIn(4)) this.#rosterStore.drop();
    } else registry?.stop(random.pick([{ reason: "restart", backIn: 2_000 }, { reason: "stop" }]));
    schedule.after(random.below(8_000), () => this.#startRegistry());
  }

  #restartUser(): void {
    const { random, schedule } = this.world;
    const user = this.#users[random.below(this.#users.length)];
    if (user?.node === undefined) return;
    this.told.crashes += 1;
    const { node } = user;
    user.node = undefined;
    this.#trace(`${processOf(user)} crashes or leaves`);
    if (random.oneIn(2)) {
      node.crash();
      this.post.orphan(processOf(user));
    } else node.do((core) => core.leave(this.world.now));
    schedule.after(1_500 + random.below(8_000), () => this.#start(user));
  }

  #partition(): void {
    const { random, network, schedule } = this.world;
    this.told.partitions += 1;
    const cut = this.#users.filter(() => random.oneIn(3)).map(({ address }) => address);
    this.#trace(`cut off: ${cut.join(" ")}`);
    network.island(1, random.oneIn(4) ? [...cut, REGISTRY] : cut);
    schedule.after(500 + random.below(12_000), () => {
      this.#trace("healed");
      network.heal();
    });
  }

  #diskFails(): void {
    const { random, schedule } = this.world;
    const full = new StoreError("the disk is full", "full");
    this.#store.failWith(full);
    this.#rosterStore.failWith(full, random.oneIn(2));
    schedule.after(random.below(10_000), () => this.#disksWork());
  }

  #disksWork(): void {
    this.#store.failWith(undefined);
    this.#rosterStore.failWith(undefined);
  }

  #intrude(): void {
    const { random } = this.world;
    const present = this.#users.filter(({ node }) => node !== undefined);
    const [victim, target] = [present[random.below(present.length)], present[random.below(present.length)]];
    if (victim === undefined || target?.node === undefined || victim === target) return;
    this.#impostor.intrude(victim.profile.nickname, target.node.place);
  }

  // How it ends

  #endFaults(): void {
    this.#isFaulty = false;
    const { network } = this.world;
    network.heal();
    network.weather = FAIR;
    this.#disksWork();
    this.#impostor.stop();
    this.#startRegistry();
    for (const user of this.#users) this.#start(user);
  }

  #checkRosters(): void {
    const truth = this.#users.map(({ profile, node }) =>
      lineOf(profile.nickname, profile.key.fingerprint, node?.place.port),
    );
    for (const user of this.#users) {
      const { registry, roster, nickname } = user.node?.core.snapshot() ?? {};
      assert.ok(registry !== undefined, `${user.name} is at no registry`);
      const own = lineOf(nickname ?? "", user.profile.key.fingerprint, user.node?.place.port);
      const seen = (roster ?? [])
        .filter(({ online }) => online)
        .map((peer) => lineOf(peer.nickname, peer.fingerprint, peer.port));
      assert.deepEqual([...new Set([...seen, own])].sort(), truth.toSorted(), `the roster of ${user.name}`);
      this.told.converged += 1;
    }
    assert.equal(this.#registry?.core.counts.online, this.#users.length);
  }

  /** No name ever moves from one key to another. */
  #checkBindings(): void {
    for (const { nickname, fingerprint } of this.#store.load().bindings) {
      const name = foldNickname(nickname);
      const owner = this.#owners.get(name) ?? fingerprint;
      assert.equal(fingerprint, owner, `${nickname} has moved to another key`);
      this.#owners.set(name, owner);
    }
  }

  #checkBounds(): void {
    const users = this.#users.length;
    // One connection a pair at most, two ends each.
    const { streams } = this.world;
    assert.ok(streams.size <= users * (users - 1), `connections: ${streams.describe().join("; ")}`);
    assert.ok((this.#registry?.core.counts.pending ?? 0) === 0, "registrations wait for ever");
    for (const { node, name } of this.#users) assert.equal(node?.core.pending, 0, `${name} holds messages`);
  }
}

function processOf({ name, processes }: User): string {
  return `${name}.${processes}`;
}

function lineOf(nickname: string, fingerprint: string | undefined, port: number | undefined): string {
  return `${nickname} ${fingerprint?.slice(0, 8)} ${port}`;
}
