import assert from "node:assert/strict";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { sha256 } from "../../src/base/hash.ts";
import type { AdminCommand, AdminResult } from "../../src/registry/admin.ts";
import type { DialId, RegistryOutput } from "../../src/registry/output.ts";
import type { Registry } from "../../src/registry/registry.ts";
import type { Farewell } from "../../src/registry/settings.ts";
import type { Mirror } from "../../src/roster/mirror.ts";
import type { AssociationId, LostReason, SctpEvent } from "../../src/sctp/api.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { MemoryRosterStore } from "../../src/store/roster-memory.ts";
import { type Announcement, decodeAnnouncement } from "../../src/wire/mp2-announcement.ts";
import { TestClient } from "./mp2-client.ts";
import { type Given, newRegistry } from "./new-registry.ts";

export type OutputOf<Type extends RegistryOutput["type"]> = Extract<RegistryOutput, { type: Type }>;

/** A registry core and mp2 clients in memory, on a virtual clock. What the registry asks for is done at once. */
export class Scene {
  now = 1_000;
  registry: Registry;
  readonly outputs: RegistryOutput[] = [];
  readonly clients: TestClient[] = [];
  /** Clients read what TLS brings them. */
  reads = true;
  /** Refuses a message as a full queue would. */
  refuses: (output: OutputOf<"send">) => boolean = () => false;
  /** The registry is killed when so many more of its outputs have left it: the rest never does. */
  dies = Infinity;
  #byDial = new Map<DialId, TestClient>();
  #byAssociation = new Map<AssociationId, TestClient>();
  #nextAssociation = 1;
  readonly #given: Given;

  constructor(given: Given = {}) {
    this.#given = { store: new MemoryStore(), rosterStore: new MemoryRosterStore(), ...given };
    this.registry = newRegistry(this.now, this.#given);
    this.collect();
  }

  /** A registry that knows what the stores know, in place of the one there was; `stores` in place of those of before. */
  restart(stores: Given = {}): void {
    Object.assign(this.#given, stores);
    this.dies = Infinity;
    this.#byDial.clear();
    this.#byAssociation.clear();
    this.registry = newRegistry(this.now, this.#given);
  }

  client(nickname: string, address: string, port = 51_000, identity = nickname): TestClient {
    const fingerprint = Buffer.from(sha256(Buffer.from(identity))).toString("hex") as Fingerprint;
    const client = new TestClient(this, { nickname, address, port, fingerprint });
    this.clients.push(client);
    return client;
  }

  /** A client with all that it takes to be online. */
  join(nickname: string, address: string, port?: number, identity?: string): TestClient {
    const client = this.client(nickname, address, port, identity);
    client.comeOnline();
    return client;
  }

  /** An input to the registry, and what it then asks for. */
  do(input: (registry: Registry) => void): void {
    input(this.registry);
    this.collect();
  }

  event(event: SctpEvent): void {
    this.do((registry) => registry.sctpEvent(this.now, event));
  }

  lost(id: AssociationId, reason: LostReason = "timeout"): void {
    this.event({ type: "lost", id, reason, detail: "no answer" });
  }

  up(address: string, port: number, client?: TestClient): AssociationId {
    const id = this.#nextAssociation++;
    if (client !== undefined) this.#byAssociation.set(id, client);
    const path = { via: "udp", address, outerPort: 40_000, local: "" } as const;
    this.event({ type: "up", id, path, remotePort: port, initiatedBy: "peer" });
    return id;
  }

  /** Does what an admin asks for and waits until it is durable. */
  command(command: AdminCommand): AdminResult {
    let result: AdminResult | undefined;
    this.do((registry) =>
      registry.command(this.now, command, (told) => {
        assert.equal(result, undefined, "told twice");
        result = told;
      }),
    );
    if (result === undefined) this.pass(20);
    assert.ok(result !== undefined, "never told");
    return result;
  }

  stop(farewell: Farewell): void {
    this.do((registry) => registry.stop(this.now, farewell));
  }

  /** Lets time pass, stopping at every deadline. */
  pass(millis: number): void {
    const end = this.now + millis;
    for (
      let at = this.registry.nextDeadline();
      at !== undefined && at <= end;
      at = this.registry.nextDeadline()
    ) {
      this.now = Math.max(this.now, at);
      this.do((registry) => registry.advance(this.now));
    }
    this.now = end;
  }

  collect(): void {
    for (let out = this.registry.takeOutputs(); out.length > 0; out = this.registry.takeOutputs()) {
      this.outputs.push(...out);
      for (const output of out) {
        this.dies -= 1;
        if (this.dies >= 0) this.#perform(output);
      }
    }
  }

  /** What was asked for since, then forgotten. */
  take(): readonly RegistryOutput[] {
    return this.outputs.splice(0);
  }

  all<Type extends RegistryOutput["type"]>(type: Type): readonly OutputOf<Type>[] {
    return this.outputs.filter((output): output is OutputOf<Type> => output.type === type);
  }

  last<Type extends RegistryOutput["type"]>(type: Type): OutputOf<Type> | undefined {
    return this.all(type).at(-1);
  }

  logs(): readonly string[] {
    return this.all("log").map(({ entry }) => `${entry.level} ${entry.text}`);
  }

  announcements(): readonly Announcement[] {
    return this.all("announce").map(({ bytes }) => {
      const decoded = decodeAnnouncement(bytes);
      assert.ok(decoded.ok);
      return decoded.value.announcement;
    });
  }

  #perform(output: RegistryOutput): void {
    if (output.type === "datagram") {
      const { address, port } = output.to;
      const to = this.clients.findLast((client) => client.address === address && client.port === port);
      to?.datagram(output.bytes);
    } else if (output.type === "dial-tls") {
      const { address, port, dial } = output;
      const to = this.clients.findLast((client) => client.address === address && client.port === port);
      if (to === undefined) return;
      this.#byDial.set(dial, to);
      to.dialled(dial);
    } else if (output.type === "tls-send") {
      this.#byDial.get(output.dial)?.received(output.bytes);
      if (output.awaited && this.reads) this.registry.tlsTaken(this.now, output.dial);
    } else if (output.type === "tls-end" || output.type === "hang-up") this.#byDial.get(output.dial)?.ended();
    else if (output.type === "send") {
      if (this.refuses(output)) this.registry.sendRefused(this.now, output.association);
      else this.#byAssociation.get(output.association)?.told(output);
    } else if (output.type === "shutdown" || output.type === "abort") {
      const { association } = output;
      this.#byAssociation.get(association)?.disconnected(association, output.type);
    }
  }
}

/** Nicknames of a mirror in order, those that are absent in brackets with their reason, away and suspect marked. */
export function shown(mirror: Mirror): string {
  return [...mirror.entries()]
    .map((entry) => {
      if (entry.state === "offline") return `[${entry.nick} ${entry.reason}]`;
      return entry.state === "online" ? entry.nick : `${entry.nick}:${entry.state}`;
    })
    .sort()
    .join(" ");
}
