import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import { type Owner, Scope, Watched, within } from "../support/until.ts";
import type { ActorPlace } from "./commands.ts";

/** Many bad ones at once, on one host. */

const NONCE = Buffer.alloc(16, 0x33) as unknown as Nonce;
const HELLO = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: NONCE });

const REPEAT_MILLIS = 500;

type RegistryAt = ActorPlace["registry"];

/** TCP connections that say nothing, and that never end from this side. */
class Connections {
  readonly #all: Socket[] = [];
  readonly #open = new Set<Socket>();
  readonly #watched = new Watched();

  constructor(owner: Owner) {
    owner.after(() => {
      for (const socket of this.#all) socket.destroy();
    });
  }

  /** Resolves when each is open or refused; with how many are open now. */
  async open(count: number, host: string, port: number): Promise<number> {
    const settled = Array.from({ length: count }, async () => {
      const socket = connect({ host, port, allowHalfOpen: true });
      this.#all.push(socket);
      this.#open.add(socket);
      socket.on("error", () => {});
      const ended = (): void => {
        this.#open.delete(socket);
        this.#watched.changed();
      };
      socket.on("end", ended).on("close", ended);
      socket.resume();
      await new Promise<void>((resolve) => {
        socket.once("connect", resolve);
        socket.once("close", () => resolve());
      });
    });
    await Promise.all(settled);
    return this.#open.size;
  }

  /** Resolves when the other side has ended them all. */
  async allEnded(millis: number): Promise<void> {
    await this.#watched.until(
      `the end of ${this.#open.size} connections`,
      () => this.#open.size === 0,
      millis,
    );
  }
}

/** Says hello until it gets a cookie, brings that back, and has a listener that accepts and says nothing. */
async function silentClient(
  owner: Owner,
  address: string,
  port: number,
  registry: RegistryAt,
): Promise<void> {
  const listener = createServer((socket) => void socket.on("error", () => {}).resume());
  listener.listen({ port, host: address });
  await once(listener, "listening");
  const joined = Promise.withResolvers<void>();
  const udp = await bindUdp({
    address,
    port,
    purpose: "a silent client",
    onDatagram: (bytes) => {
      const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
      if (!decoded.ok || decoded.value.type !== "cookie") return;
      const join = DISCOVERY_TO_REGISTRY.encode({ ...decoded.value, type: "join", nonce: NONCE });
      udp.send(join, registry.port, registry.host, () => joined.resolve());
    },
  });
  owner.after(async () => {
    listener.close();
    await closeUdp(udp);
  });
  const ask = (): void => udp.send(HELLO, registry.port, registry.host, () => {});
  const repeat = setInterval(ask, REPEAT_MILLIS);
  ask();
  try {
    await within(`a cookie for ${address} port ${port}`, joined.promise);
  } finally {
    clearInterval(repeat);
  }
}

/** What else an actor can be told to do: what takes many. */
export class Crowds {
  readonly #scope = new Scope();
  readonly #place: ActorPlace;
  readonly #connections = new Connections(this.#scope);

  constructor(place: ActorPlace) {
    this.#place = place;
  }

  /** Opens so many connections at once, to the registry's host by default; resolves with how many are open then. */
  async connections(count: number, port: number, host = this.#place.registry.host): Promise<number> {
    return this.#connections.open(count, host, port);
  }

  /** How long it takes from now until the other side has ended them all. */
  async connectionsEnd(limitMillis: number): Promise<number> {
    const begin = performance.now();
    await this.#connections.allEnded(limitMillis);
    return performance.now() - begin;
  }

  /** What the registry says to whoever connects; undefined when it ends the connection without a word. */
  async visit(port: number): Promise<string> {
    const socket = connect({ host: this.#place.registry.host, port });
    let text = "";
    socket.on("data", (bytes: Buffer) => (text += bytes.toString("utf8")));
    socket.on("error", () => {});
    await within("the end of the visit", once(socket, "close"));
    return text;
  }

  /** So many clients at `address` that never speak, all dialled back or waiting for it. */
  async silentClients(count: number, firstPort: number, address = this.#place.address): Promise<void> {
    const { registry } = this.#place;
    const clients = Array.from({ length: count }, (_, index) =>
      silentClient(this.#scope, address, firstPort + index, registry),
    );
    await Promise.all(clients);
  }
}
