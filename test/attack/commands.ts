import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { Seals } from "../../src/base/seal.ts";
import { systemClock } from "../../src/io/clock.ts";
import { type Identity, parseIdentityPem } from "../../src/io/identity.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import type { Listed } from "../../src/roster/listed.ts";
import { WATCHED_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import type { RosterAnswer } from "../../src/wire/mp1-roster.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import type { Refused, Registered } from "../../src/wire/mp2-registration.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import type { RegistryDialogue } from "../support/registry-dialogue.ts";
import { Scope, Watched, within } from "../support/until.ts";

/** What an actor can be told to do; bytes come and go as hex. Every client and socket of it has a name. */

export interface ActorPlace {
  /** The host's own. */
  readonly address: string;
  readonly registry: { readonly host: string; readonly port: number; readonly encapsulationPort: number };
}

/** Beyond what the client itself uses: these seals are made beside it, with its keys. */
const FIRST_COUNTER = 1_000_000;
const REPEAT_MILLIS = 500;
const NONCE = Buffer.alloc(16, 0x5a) as unknown as Nonce;

interface Socket {
  readonly udp: UdpSocket;
  readonly received: Buffer[];
  readonly watched: Watched;
}

interface Client {
  readonly client: Mp2Client;
  seals: Seals | undefined;
}

export class Commands {
  readonly #scope = new Scope();
  readonly #place: ActorPlace;
  readonly #clients = new Map<string, Client>();
  readonly #mp1 = new Map<string, Mp1Client>();
  readonly #sockets = new Map<string, Socket>();

  constructor(place: ActorPlace) {
    this.#place = place;
  }

  // ── a client of mp2, step by step ──

  /** `identity`: as an identity file has it; a new one by default. */
  async open(
    name: string,
    identity?: string,
  ): Promise<{ readonly port: number; readonly fingerprint: string }> {
    const { address, registry } = this.#place;
    const known = identity === undefined ? {} : { identity: identityOf(identity) };
    const options = { nickname: name, address, host: registry.host, registry, ...known };
    const client = await Mp2Client.open(this.#scope, options);
    this.#clients.set(name, { client, seals: undefined });
    return { port: client.port, fingerprint: client.identity.fingerprint };
  }

  async join(name: string): Promise<{ readonly port: number; readonly millis: number }> {
    const begin = performance.now();
    const { port } = await this.open(name);
    const answer = await this.register(name, name);
    if (answer.type === "refused") throw new Error(`refused: ${answer.text}`);
    await this.associate(name);
    await this.attach(name);
    return { port, millis: performance.now() - begin };
  }

  async register(name: string, nickname: string): Promise<Registered | Refused> {
    const own = this.#of(name);
    const { client } = own;
    const before = client.dialogues.length;
    // Its join is repeated, as real clients do: one that gets lost is no refusal.
    const repeat = setInterval(() => {
      if (client.cookie !== undefined && client.dialogues.length === before) client.sayJoin(client.cookie);
    }, REPEAT_MILLIS);
    const dialogue = client.watched.until("a dial-back", () => client.dialogues[before]);
    try {
      const [answer] = await Promise.all([
        client.register(nickname),
        dialogue.then((opened) => {
          own.seals = sealsOf(opened);
        }),
      ]);
      return answer;
    } finally {
      clearInterval(repeat);
    }
  }

  async associate(name: string): Promise<void> {
    await this.#of(name).client.associate();
  }

  async attach(name: string): Promise<void> {
    await this.#of(name).client.attach();
  }

  async status(name: string, status: string): Promise<void> {
    this.#of(name).client.tell({ type: "status", away: true, status } as Parameters<Mp2Client["tell"]>[0]);
  }

  async sees(name: string, nickname: string, state: Listed["state"], status?: string): Promise<Listed> {
    const { client } = this.#of(name);
    if (status === undefined) return client.sees(nickname, state);
    return client.watched.until(`${nickname}, "${status}", at ${name}`, () => {
      const entry = client.mirror.find(nickname);
      return entry?.state === state && entry.status === status ? entry : undefined;
    });
  }

  /** How and how late the association has ended, from now on. */
  async loses(name: string): Promise<{ readonly over: string; readonly millis: number }> {
    const begin = performance.now();
    return { over: await this.#of(name).client.loses(), millis: performance.now() - begin };
  }

  async isAttached(name: string): Promise<boolean> {
    const { client } = this.#of(name);
    return client.over === undefined && client.ended === undefined && client.attaches === 1;
  }

  async leave(name: string): Promise<void> {
    await this.#of(name).client.leave();
  }

  async vanish(name: string): Promise<void> {
    await this.#of(name).client.vanish();
    this.#clients.delete(name);
  }

  // ── what no good client sends ──

  /** Any bytes, sealed as this client would. */
  async seal(name: string, stream: number, text: string): Promise<string> {
    const sealed = this.#of(name).seals?.seal(stream, Buffer.from(text, "hex"));
    if (sealed === undefined) throw new Error("no seals");
    return Buffer.from(sealed).toString("hex");
  }

  async tellRaw(name: string, stream: number, ppid: number, bytes: string): Promise<void> {
    this.#of(name).client.tellRaw(Buffer.from(bytes, "hex"), stream, ppid);
  }

  /** Is dialled back and challenged, and says nothing itself. */
  async challenge(name: string): Promise<void> {
    const dialogue = await this.#of(name).client.dialogue();
    await dialogue.next("challenge");
  }

  /** Any bytes on the latest dial-back's TLS. */
  async write(name: string, bytes: string): Promise<void> {
    this.#of(name).client.dialogues.at(-1)?.channel.send(Buffer.from(bytes, "hex"));
  }

  /** The same a byte at a time. */
  async drip(name: string, bytes: string, everyMillis: number): Promise<void> {
    const rest = [...Buffer.from(bytes, "hex")];
    const drop = setInterval(() => {
      const next = rest.shift();
      if (next === undefined) clearInterval(drop);
      else this.#of(name).client.dialogues.at(-1)?.channel.send(Uint8Array.of(next));
    }, everyMillis);
    this.#scope.after(() => clearInterval(drop));
  }

  /** How and how late the latest dial-back has ended, from now on. */
  async hungUp(
    name: string,
    limitMillis: number,
  ): Promise<{ readonly cause: string; readonly millis: number }> {
    const begin = performance.now();
    const dialogue = this.#of(name).client.dialogues.at(-1);
    if (dialogue === undefined) throw new Error("no dial-back");
    const cause = await dialogue.closes(limitMillis);
    return { cause, millis: performance.now() - begin };
  }

  /** An association without registration, from any port of SCTP. Resolves when it is up. */
  async stranger(localPort: number): Promise<void> {
    const { address, registry } = this.#place;
    const up = Promise.withResolvers<void>();
    const sctp = new SctpDriver({
      endpoint: createSctpEndpoint({
        localPort,
        settings: WATCHED_SCTP_SETTINGS,
        random: systemRandom,
        now: systemClock.now(),
      }),
      clock: systemClock,
      onEvent: ({ type }) => {
        if (type === "up") up.resolve();
      },
    });
    this.#scope.after(() => sctp.close());
    sctp.attach(await UdpEncapsulation.open({ address, port: 0, sink: sctp.receive }));
    const outerPort = registry.encapsulationPort;
    sctp.connect({ via: "udp", address: registry.host, outerPort, local: "" }, registry.port);
    await within("an association", up.promise);
  }

  // ── bare UDP ──

  async bind(name: string, port: number): Promise<void> {
    const udp = createSocket("udp4");
    const socket: Socket = { udp, received: [], watched: new Watched() };
    udp.on("message", (bytes: Buffer) => {
      socket.received.push(bytes);
      socket.watched.changed();
    });
    udp.bind(port, this.#place.address);
    await once(udp, "listening");
    this.#scope.after(() => void udp.close());
    this.#sockets.set(name, socket);
  }

  async send(name: string, bytes: string): Promise<void> {
    const { host, port } = this.#place.registry;
    this.#socket(name).udp.send(Buffer.from(bytes, "hex"), port, host);
  }

  /** A hello, until it is answered; resolves with the join that its cookie allows. */
  async cookie(name: string): Promise<string> {
    const hello = hexOf(DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: NONCE }));
    await this.send(name, hello);
    const repeat = setInterval(() => void this.send(name, hello), REPEAT_MILLIS);
    const cookie = await this.#answer(name, "cookie").finally(() => clearInterval(repeat));
    return hexOf(DISCOVERY_TO_REGISTRY.encode({ ...cookie, type: "join", nonce: NONCE }));
  }

  /** The reason of the next `blocked`. */
  async blocked(name: string): Promise<string> {
    return (await this.#answer(name, "blocked")).reason;
  }

  // ── mp1 ──

  async mp1(name: string, nickname: string, flavour: "original" | "own"): Promise<RosterAnswer> {
    const { address, registry } = this.#place;
    const options = { nickname, flavour, address, host: registry.host, registry };
    const client = await Mp1Client.open(this.#scope, options);
    this.#mp1.set(name, client);
    const answer = await client.register();
    if (answer.type !== "refused") await client.associate();
    return answer;
  }

  async mp1Leave(name: string): Promise<void> {
    await this.#mp1.get(name)?.leave();
  }

  async #answer<Type extends "cookie" | "blocked">(name: string, type: Type) {
    const { received, watched } = this.#socket(name);
    return watched.until(type, () => {
      for (const bytes of received) {
        const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
        if (decoded.ok && isOf(decoded.value, type)) return decoded.value;
      }
      return undefined;
    });
  }

  #of(name: string): Client {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`no client ${name}`);
    return client;
  }

  #socket(name: string): Socket {
    const socket = this.#sockets.get(name);
    if (socket === undefined) throw new Error(`no socket ${name}`);
    return socket;
  }
}

function identityOf(pem: string): Identity {
  const parsed = parseIdentityPem(pem);
  if ("fault" in parsed) throw new Error(parsed.fault);
  return parsed;
}

function isOf<Message extends { readonly type: string }, Type extends Message["type"]>(
  message: Message,
  type: Type,
): message is Extract<Message, { readonly type: Type }> {
  return message.type === type;
}

function sealsOf({ channel }: RegistryDialogue): Seals {
  const { sending, receiving } = channel.exportKeys("presence");
  return new Seals("client", { toClient: receiving, toRegistry: sending }, FIRST_COUNTER);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
