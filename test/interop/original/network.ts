import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectControl } from "../../../src/control/client.ts";
import type { ClientReport } from "../../../src/control/reports.ts";
import { Running, until } from "../../lab/command.ts";
import { Lan, type LanHost } from "../../lab/netns.ts";
import { configure, Multiprotod, type Place } from "../../support/multiprotod.ts";
import { programOf } from "../../support/programs.ts";
import { Scope } from "../../support/until.ts";
import { Guest } from "./guest.ts";

const CHAT = programOf("multiproto-chat");

/** A LAN with a registry, a machine for our own clients and two guests for original ones. */
export class Network {
  readonly scope = new Scope();
  /** Of our own clients: a name belongs to the key that is kept there. */
  readonly #homes = new Map<string, string>();
  readonly lan: Lan;
  readonly registryHost: LanHost;
  readonly ourHost: LanHost;
  readonly #place: Place;
  #registry: Multiprotod | undefined;

  private constructor(lan: Lan, registryHost: LanHost, ourHost: LanHost) {
    this.lan = lan;
    this.registryHost = registryHost;
    this.ourHost = ourHost;
    this.scope.after(() => lan.dispose());
    const directory = this.directory();
    mkdirSync(join(directory, "run"));
    this.#place = {
      directory,
      configurationFile: join(directory, "multiproto.toml"),
      stateDirectory: join(directory, "state"),
      runtimeDirectory: join(directory, "run"),
      port: 10_001,
      encapsulationPort: 9_899,
    };
    configure(this.#place);
  }

  static async create(): Promise<Network> {
    const lan = await Lan.create();
    try {
      return new Network(lan, await lan.host("registry"), await lan.host("ours"));
    } catch (error) {
      await lan.dispose();
      throw error;
    }
  }

  guest(number: number): Promise<Guest> {
    return Guest.boot(this.scope, this.lan, `10.98.0.${100 + number}`);
  }

  /** Starts the registry and waits until it serves. */
  async startRegistry(): Promise<Multiprotod> {
    this.#registry = await Multiprotod.start(this.scope, this.#place, { prefix: this.registryHost.on([]) });
    return this.#registry;
  }

  get registry(): Multiprotod {
    if (this.#registry === undefined) throw new Error("the registry was not started");
    return this.#registry;
  }

  /** The clients as `multiprotoctl clients` shows them. */
  async clients(): Promise<readonly ClientReport[]> {
    const control = await connectControl(this.registry.socketPath);
    try {
      return await control.request("clients", undefined);
    } finally {
      control.close();
    }
  }

  /** Waits until the registry lists `nickname` in this state. */
  listed(nickname: string, state: ClientReport["state"], millis?: number): Promise<ClientReport> {
    const look = async () =>
      (await this.clients()).find((client) => client.nickname === nickname && client.state === state);
    return until(`${nickname} is ${state}`, look, millis);
  }

  /** Our own client, on a host of its own and with a home of its own. */
  chat(nickname: string, ...words: readonly string[]): Running {
    const home = this.#homes.get(nickname) ?? this.directory();
    this.#homes.set(nickname, home);
    const environment = {
      HOME: home,
      XDG_STATE_HOME: join(home, "state"),
      XDG_CONFIG_HOME: join(home, "config"),
      XDG_DATA_HOME: join(home, "data"),
      XDG_CACHE_HOME: join(home, "cache"),
      XDG_RUNTIME_DIR: home,
    };
    const argv = this.ourHost.on([process.execPath, CHAT, "--nick", nickname, ...words]);
    const running = new Running(argv, { environment });
    this.scope.after(async () => void (await running.stop("SIGKILL")));
    return running;
  }

  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), "multiproto-original-"));
    this.scope.after(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }
}
