import type { Millis } from "../../src/base/clock.ts";
import type { ChatOutput } from "../../src/chat/events.ts";
import type { RegistryOutput } from "../../src/registry/output.ts";
import type { Registry } from "../../src/registry/registry.ts";
import type { AssociationId } from "../../src/sctp/api.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { IDENTITY, newRegistry } from "../registry/new-registry.ts";
import { seededRandom } from "../support/stores.ts";
import { Mp2Client, type Person, REGISTRY, seeded } from "./mp2-client.ts";

const KEYS = { toClient: new Uint8Array(32).fill(3), toRegistry: new Uint8Array(32).fill(4) };

/** A connection or an association: the client's number of it, and the registry's. */
interface Joined {
  readonly client: Mp2Client;
  readonly own: number;
  readonly theirs: number;
}

/** The registry's core and clients' cores on one virtual clock; everything takes a millisecond and arrives. */
export class JointLan {
  now: Millis = 0;
  registry: Registry;
  readonly clients: readonly Mp2Client[];
  readonly #store = new MemoryStore();
  readonly #tasks: { readonly at: Millis; readonly run: () => void }[] = [];
  readonly #dials: Joined[] = [];
  readonly #associations: Joined[] = [];
  #numbers = 0;
  #lives = 1;

  constructor(people: readonly Person[]) {
    this.registry = this.#newRegistry();
    this.clients = people.map((person, index) => new Mp2Client({ person, random: seeded(100 + index) }));
  }

  /** It is killed, and another one has the same disk; after `pause` clients hear that nobody knows their associations. */
  crash(pause: Millis): void {
    const dials = this.#dials.splice(0);
    const associations = this.#associations.splice(0);
    this.#tasks.length = 0;
    this.registry = this.#newRegistry();
    this.#after(pause, () => {
      for (const { client, own } of dials) client.handle({ type: "tls-closed", connection: own });
      for (const { client, own } of associations)
        client.handle({ type: "association-ended", association: own, how: "aborted" });
    });
  }

  pass(time: Millis): void {
    const end = this.now + time;
    for (;;) {
      this.#pump();
      const parts = [this.registry, ...this.clients.map(({ client }) => client)];
      const all = parts.map((part) => part.nextDeadline() ?? Infinity);
      const next = Math.min(...all, ...this.#tasks.map(({ at }) => at));
      if (next > end) break;
      this.#moveTo(Math.max(this.now, next));
      const due = this.#tasks.filter(({ at }) => at <= this.now);
      for (const task of due) this.#tasks.splice(this.#tasks.indexOf(task), 1);
      for (const task of due) task.run();
      this.registry.advance(this.now);
      for (const { client } of this.clients) client.advance(this.now);
    }
    this.#moveTo(end);
  }

  #newRegistry(): Registry {
    this.#lives += 1;
    return newRegistry(this.now, { store: this.#store, random: seededRandom(this.#lives) });
  }

  #moveTo(now: Millis): void {
    this.now = now;
    for (const client of this.clients) client.now = now;
  }

  #after(time: Millis, run: () => void): void {
    this.#tasks.push({ at: this.now + time, run });
  }

  #pump(): void {
    for (const client of this.clients) {
      const outputs = client.drain().filter(({ type }) => type !== "notice");
      client.keepOnly(({ type }) => type === "notice");
      for (const out of outputs) this.#clientWants(client, out);
    }
    for (const out of this.registry.takeOutputs()) this.#registryWants(out);
  }

  #clientWants(client: Mp2Client, out: ChatOutput): void {
    const { registry } = this;
    if (out.type === "hello" || out.type === "datagram") {
      const source = { address: client.person.address, port: 50_000 };
      this.#after(1, () => registry.datagram(this.now, source, out.bytes));
    } else if (out.type === "tls-send" || out.type === "tls-end" || out.type === "tls-destroy") {
      const dial = this.#dials.find((other) => other.client === client && other.own === out.connection);
      if (dial === undefined) return;
      this.#after(1, () => {
        if (out.type === "tls-send") registry.tlsReceived(this.now, dial.theirs, out.bytes);
        else registry.tlsClosed(this.now, dial.theirs);
      });
    } else if (out.type === "associate") this.#associate(client, out.association);
    else if (out.type === "association-send") {
      const { stream, ppid, bytes } = out;
      const id = this.#joinedOf(client, out.association)?.theirs as AssociationId | undefined;
      if (id === undefined) return;
      this.#after(1, () => registry.sctpEvent(this.now, { type: "message", id, stream, ppid, bytes }));
    } else if (out.type === "dissociate" || out.type === "abandon") this.#end(client, out);
  }

  #end(client: Mp2Client, out: Extract<ChatOutput, { type: "dissociate" | "abandon" }>): void {
    const { registry } = this;
    const joined = this.#joinedOf(client, out.association);
    if (joined === undefined) return;
    this.#associations.splice(this.#associations.indexOf(joined), 1);
    this.#after(1, () => {
      registry.sctpEvent(this.now, { type: "closed", id: joined.theirs as AssociationId });
      if (out.type === "dissociate")
        client.handle({ type: "association-ended", association: joined.own, how: "closed" });
    });
  }

  #joinedOf(client: Mp2Client, own: number): Joined | undefined {
    return this.#associations.find((other) => other.client === client && other.own === own);
  }

  #associate(client: Mp2Client, own: number): void {
    this.#numbers += 1;
    const joined = { client, own, theirs: this.#numbers };
    const { registry } = this;
    this.#after(1, () => {
      this.#associations.push(joined);
      const path = { via: "udp", address: client.person.address, outerPort: 40_000, local: "" } as const;
      const id = joined.theirs as AssociationId;
      registry.sctpEvent(this.now, { type: "up", id, path, remotePort: 50_000, initiatedBy: "peer" });
      client.handle({ type: "association-up", association: own });
    });
  }

  #registryWants(out: RegistryOutput): void {
    if (out.type === "datagram" || out.type === "announce") {
      const isFor = ({ person }: Mp2Client): boolean =>
        out.type === "announce" || person.address === out.to.address;
      for (const client of this.clients.filter(isFor))
        this.#after(1, () => client.handle({ type: "datagram", from: REGISTRY, bytes: out.bytes }));
    } else if (out.type === "dial-tls") this.#dial(out.dial, out.address);
    else if (out.type === "tls-send" || out.type === "tls-end" || out.type === "hang-up") {
      const dial = this.#dials.find((other) => other.theirs === out.dial);
      if (dial === undefined) return;
      const { client, own } = dial;
      this.#after(1, () => {
        if (out.type === "tls-send") {
          client.client.received(this.now, own, out.bytes);
          if (out.awaited) this.registry.tlsTaken(this.now, out.dial);
        } else client.handle({ type: "tls-ended", connection: own });
      });
    } else if (out.type === "send" || out.type === "shutdown" || out.type === "abort") this.#tell(out);
  }

  #tell(out: Extract<RegistryOutput, { type: "send" | "shutdown" | "abort" }>): void {
    const joined = this.#associations.find((other) => other.theirs === out.association);
    if (joined === undefined) return;
    const { client, own: association } = joined;
    if (out.type === "send") {
      const { stream, ppid, bytes } = out;
      this.#after(1, () => client.handle({ type: "association-message", association, stream, ppid, bytes }));
      return;
    }
    this.#associations.splice(this.#associations.indexOf(joined), 1);
    const { registry } = this;
    const how = out.type === "abort" ? "aborted" : "closed";
    this.#after(1, () => {
      client.handle({ type: "association-ended", association, how });
      if (out.type === "shutdown") registry.sctpEvent(this.now, { type: "closed", id: out.association });
    });
  }

  #dial(theirs: number, address: string): void {
    const client = this.clients.find(({ person }) => person.address === address);
    const { registry } = this;
    this.#after(1, () => {
      if (client === undefined) {
        registry.tlsFailed(this.now, theirs, "timeout");
        return;
      }
      this.#dials.push({ client, own: client.accepted + 1, theirs });
      client.connects("mp2-registry", IDENTITY.fingerprint, REGISTRY.address, KEYS);
      registry.tlsOpened(this.now, theirs, { fingerprint: client.person.key, keys: KEYS });
    });
  }
}
