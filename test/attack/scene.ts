import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type ControlClient, connectControl } from "../../src/control/client.ts";
import type { ClientReport } from "../../src/control/reports.ts";
import { must, type Running } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { type Owner, Watched } from "../support/until.ts";
import type { ActorPlace, Commands } from "./commands.ts";
import type { Crowds } from "./crowd.ts";
import type { Impostors } from "./impostor.ts";
import type { Relays } from "./relay.ts";
import { Capture, Forger } from "./wire.ts";

const NODE = join(import.meta.dirname, "../../node_modules/.bin/node");
const PROGRAM = join(import.meta.dirname, "actor.ts");

type Everything = Commands & Crowds & Impostors & Relays;

/** Clients on a host, good or bad; see commands.ts, crowd.ts, impostor.ts and relay.ts. */
export class Actor {
  readonly host: LanHost;
  readonly #running: Running;
  readonly #watched = new Watched();
  readonly #answers = new Map<number, { readonly result?: unknown; readonly error?: string }>();
  #ids = 0;
  #over = false;

  private constructor(host: LanHost, place: ActorPlace) {
    this.host = host;
    this.#running = host.spawn([NODE, PROGRAM, JSON.stringify(place)], { interactive: true });
    const { stdout } = this.#running.child;
    if (stdout === null) throw new Error("no pipe");
    createInterface(stdout).on("line", (line) => {
      const parsed = JSON.parse(line);
      if (typeof parsed === "object") this.#answers.set(parsed.id, parsed);
      this.#watched.changed();
    });
    void this.#running.finished.then(() => {
      this.#over = true;
      this.#watched.changed();
    });
  }

  static async start(host: LanHost, place: ActorPlace): Promise<Actor> {
    const actor = new Actor(host, place);
    await actor.#running.output((text) => text.includes("ready"), `the actor on ${host.name}`);
    return actor;
  }

  /** Runs a command there; its errors are errors here. */
  async do<Name extends keyof Everything>(
    name: Name,
    ...args: Parameters<Everything[Name]>
  ): Promise<Awaited<ReturnType<Everything[Name]>>> {
    this.#ids += 1;
    const id = this.#ids;
    this.#running.type(JSON.stringify({ id, do: name, with: args }));
    const find = () => this.#answers.get(id) ?? (this.#over ? { error: this.#running.stderr } : undefined);
    const { result, error } = await this.#watched.until(`${name} on ${this.host.name}`, find, 30_000);
    if (error !== undefined) throw new Error(`${name}(${args.join(", ")}) on ${this.host.name}: ${error}`);
    return result as Awaited<ReturnType<Everything[Name]>>;
  }
}

/** A real registry on a host of its own, and hosts beside it. Everything ends with `owner`. */
export class Scene {
  readonly daemon: Multiprotod;
  readonly registry: LanHost;
  readonly #owner: Owner;
  readonly #lan: Lan;
  readonly #control: ControlClient;

  private constructor(parts: {
    owner: Owner;
    lan: Lan;
    registry: LanHost;
    daemon: Multiprotod;
    control: ControlClient;
  }) {
    this.daemon = parts.daemon;
    this.registry = parts.registry;
    this.#owner = parts.owner;
    this.#lan = parts.lan;
    this.#control = parts.control;
  }

  /** `network`: more lines of that section of its configuration. */
  static async open(owner: Owner, network = ""): Promise<Scene> {
    const lan = await Lan.create();
    owner.after(() => lan.dispose());
    const registry = await lan.host("registry");
    const place = await makePlace(owner, network);
    const daemon = await Multiprotod.start(owner, place, { prefix: registry.on([]) });
    const control = await connectControl(daemon.socketPath);
    owner.after(() => control.close());
    return new Scene({ owner, lan, registry, daemon, control });
  }

  get port(): number {
    return this.daemon.place.port;
  }

  get encapsulationPort(): number {
    return this.daemon.place.encapsulationPort;
  }

  /** A host with no program on it: who connects there is reset. */
  async host(name: string): Promise<LanHost> {
    return this.#lan.host(name);
  }

  /** Gives a host more addresses: what is sent to one that nobody has never leaves, for want of ARP's answer. */
  async alsoAt(host: LanHost, addresses: readonly string[]): Promise<void> {
    for (const address of addresses)
      await must(host.on(["ip", "addr", "add", `${address}/24`, "dev", "eth0"]));
  }

  async actor(name: string): Promise<Actor> {
    return this.actorOn(await this.host(name));
  }

  async actorOn(host: LanHost): Promise<Actor> {
    const { port, encapsulationPort, registry } = this;
    const place = { address: host.address, registry: { host: registry.address, port, encapsulationPort } };
    return Actor.start(host, place);
  }

  async capture(host = this.registry): Promise<Capture> {
    const capture = await Capture.start(host);
    this.#owner.after(() => capture.stop());
    return capture;
  }

  async forger(host: LanHost): Promise<Forger> {
    const forger = await Forger.start(host);
    this.#owner.after(() => forger.stop());
    return forger;
  }

  /** A running total of the registry's, as `multiprotoctl status` shows it. */
  async counter(name: string): Promise<number> {
    const { counters } = await this.#control.request("status", undefined);
    const value = counters[name];
    if (value === undefined) throw new Error(`no counter ${name} among ${Object.keys(counters)}`);
    return value;
  }

  async clients(): Promise<readonly ClientReport[]> {
    return this.#control.request("clients", undefined);
  }

  async client(nickname: string): Promise<ClientReport | undefined> {
    return (await this.clients()).find((client) => client.nickname === nickname);
  }

  async fingerprint(): Promise<string> {
    const { fingerprint } = await this.#control.request("status", undefined);
    if (fingerprint === null) throw new Error("the registry has no key");
    return fingerprint;
  }

  /** Where the roster's numbers stand. */
  async lineage(): Promise<{ readonly epoch: string; readonly seq: number }> {
    const { epoch, seq } = await this.#control.request("status", undefined);
    if (epoch === null || seq === null) throw new Error("the registry has no roster");
    return { epoch, seq };
  }

  /** Frees a nickname, as its admin can. */
  async forget(nickname: string): Promise<void> {
    await this.#control.request("forget", { nickname });
  }

  /** Nothing of discovery comes to the registry, as when somebody jams it; what runs goes on. */
  async silenceRegistry(): Promise<void> {
    await this.registry.lose(100, `udp dport ${this.port}`);
  }

  async hearRegistry(): Promise<void> {
    await this.registry.receiveAll();
  }

  /** Registrations that have begun and not ended. */
  async pending(): Promise<number> {
    return (await this.#control.request("status", undefined)).pendingRegistrations;
  }

  /** Open files of the daemon: sockets, mostly. */
  get openFiles(): number {
    return readdirSync(`/proc/${this.daemon.pid}/fd`).length;
  }
}
