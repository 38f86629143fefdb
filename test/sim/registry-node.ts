import type { RegistryOutput } from "../../src/registry/output.ts";
import { Registry } from "../../src/registry/registry.ts";
import type { Farewell, RegistrySettings } from "../../src/registry/settings.ts";
import { RosterKeeper } from "../../src/roster/keeper.ts";
import { Ledger } from "../../src/roster/ledger.ts";
import type { RosterStore } from "../../src/roster/roster-store.ts";
import type { RegistryStore } from "../../src/roster/store.ts";
import { DEFAULT_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import type { Realm } from "../../src/wire/mp2-values.ts";
import type { NodeKey } from "./keys.ts";
import { VirtualAlarm } from "./schedule.ts";
import { SctpNode } from "./sctp-node.ts";
import type { StreamEnd } from "./streams.ts";
import { ENCAPSULATION_PORT, MP2_GROUP, SCTP_PORT, type World } from "./world.ts";

const DISCOVERY_PORT = 10_001;
const SETTINGS: RegistrySettings = {
  legacy: true,
  realm: "sim" as Realm,
  heartbeatMillis: DEFAULT_SCTP_SETTINGS.heartbeatMillis,
  lostAfterMillis: DEFAULT_SCTP_SETTINGS.lostAfterMillis,
};

/** A registry on the virtual network: the real core, the real SCTP; its shell is this file. One object a process. */
export class RegistryNode {
  readonly core: Registry;
  readonly address: string;
  readonly #world: World;
  readonly #key: NodeKey;
  readonly #sctp: SctpNode;
  readonly #alarm: VirtualAlarm;
  readonly #dials = new Map<number, StreamEnd>();
  readonly #rosterStore: RosterStore;
  #isWorking = false;
  #isGone = false;
  /** Lines of warnings and errors. */
  readonly warnings: string[] = [];

  constructor(
    world: World,
    options: { address: string; key: NodeKey; store: RegistryStore; rosterStore: RosterStore },
  ) {
    const { address, key, store, rosterStore } = options;
    const { random, now, unixAt } = world;
    this.#world = world;
    this.address = address;
    this.#key = key;
    const { fingerprint, publicKey, sign } = key;
    this.#rosterStore = rosterStore;
    const left = rosterStore.load();
    const ledger = new Ledger(store, random, now, left);
    this.core = new Registry({
      now,
      random,
      settings: SETTINGS,
      unixAt,
      identity: { fingerprint, publicKey, sign },
      ledger,
      keeper: new RosterKeeper({ store: rosterStore, ledger, left }),
      reach: { sctpPort: SCTP_PORT, encapsulationPort: ENCAPSULATION_PORT, rawIp: false },
    });
    this.#alarm = new VirtualAlarm(world.schedule, () => this.do((core) => core.advance(world.now)));
    const place = { address, port: ENCAPSULATION_PORT };
    this.#sctp = new SctpNode(world, place, {
      localPort: SCTP_PORT,
      settings: DEFAULT_SCTP_SETTINGS,
      onEvent: (event) => this.do((core) => core.sctpEvent(world.now, event)),
    });
    const discovery = { address, port: DISCOVERY_PORT };
    world.network.bind(discovery, (from, bytes) => this.do((core) => core.datagram(world.now, from, bytes)));
    world.network.join(MP2_GROUP, discovery);
    this.do((core) => core.advance(now));
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** `kill -9`: the kernel closes its connections, and nobody is told by us. */
  crash(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#alarm.set(undefined);
    this.#sctp.vanish();
    this.#world.network.release({ address: this.address, port: DISCOVERY_PORT });
    this.#world.streams.release({ address: this.address, port: 0 });
  }

  /** Ends in good order. */
  stop(farewell: Farewell): void {
    this.do((core) => core.stop(this.#world.now, farewell));
    this.#world.schedule.after(1_000, () => {
      if (!this.#isGone) this.#rosterStore.end(this.#world.unixAt(this.#world.now));
      this.crash();
    });
  }

  do(input: (core: Registry) => void): void {
    if (this.#isGone) return;
    input(this.core);
    if (this.#isWorking) return;
    this.#isWorking = true;
    for (let outputs = this.core.takeOutputs(); outputs.length > 0; outputs = this.core.takeOutputs())
      for (const output of outputs) this.#perform(output);
    this.#isWorking = false;
    this.#alarm.set(this.core.nextDeadline());
  }

  #perform(output: RegistryOutput): void {
    const { network, now } = this.#world;
    const discovery = { address: this.address, port: DISCOVERY_PORT };
    const { endpoint } = this.#sctp;
    switch (output.type) {
      case "datagram":
        network.send(discovery, output.to, output.bytes);
        return;
      case "announce":
        network.send(discovery, MP2_GROUP, output.bytes);
        return;
      case "dial-tls":
        this.#dial(output.dial, { address: output.address, port: output.port });
        return;
      case "tls-send":
        this.#dials.get(output.dial)?.send(output.bytes);
        if (output.awaited) this.#world.schedule.after(1, () => this.#taken(output.dial));
        return;
      case "tls-end":
        this.#dials.get(output.dial)?.end();
        return;
      case "hang-up":
        this.#dials.get(output.dial)?.destroy();
        this.#dials.delete(output.dial);
        return;
      case "send": {
        const { association, stream, ppid, bytes } = output;
        const result = this.#sctp.do(() => endpoint.send(now, association, stream, ppid, bytes));
        if (result === "full") this.core.sendRefused(now, association);
        return;
      }
      case "probe":
        this.#sctp.do(() => endpoint.probe(now, output.association));
        return;
      case "shutdown":
        this.#sctp.do(() => endpoint.close(now, output.association));
        return;
      case "abort":
        this.#sctp.do(() => endpoint.abort(now, output.association, output.reason));
        return;
      case "log":
        if (output.entry.level === "warn" || output.entry.level === "error")
          this.warnings.push(output.entry.text);
        return;
      default:
    }
  }

  #dial(dial: number, to: { address: string; port: number }): void {
    const world = this.#world;
    world.streams.connect({
      from: { address: this.address, port: 0 },
      fingerprint: this.#key.fingerprint,
      to,
      protocol: "mp2-registry",
      failed: (failure) => this.do((core) => core.tlsFailed(world.now, dial, failure)),
      opened: ({ fingerprint, keys }, end) => {
        this.#dials.set(dial, end);
        const seals = { toClient: keys.fromClient, toRegistry: keys.fromServer };
        // The stream's maker returns first: a core may answer at once.
        world.schedule.after(0, () =>
          this.do((core) => core.tlsOpened(world.now, dial, { fingerprint, keys: seals })),
        );
        return {
          received: (bytes) => this.do((core) => core.tlsReceived(world.now, dial, bytes)),
          ended: () => this.do((core) => core.tlsEnded(world.now, dial)),
          closed: () => this.#closed(dial),
        };
      },
    });
  }

  #taken(dial: number): void {
    if (this.#dials.has(dial)) this.do((core) => core.tlsTaken(this.#world.now, dial));
  }

  #closed(dial: number): void {
    if (this.#dials.delete(dial)) this.do((core) => core.tlsClosed(this.#world.now, dial));
  }
}
