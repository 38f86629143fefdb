import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { errorCode } from "../../src/base/errors.ts";
import { Seals } from "../../src/base/seal.ts";
import { generateIdentity } from "../../src/io/certificate.ts";
import { systemClock } from "../../src/io/clock.ts";
import type { Identity } from "../../src/io/identity.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { DEFAULT_ACCEPT_LIMITS, TlsAcceptor } from "../../src/io/tls-acceptor.ts";
import { DEFAULT_TLS_TIMES } from "../../src/io/tls-settings.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import type { Listed } from "../../src/roster/listed.ts";
import { Mirror } from "../../src/roster/mirror.ts";
import { type SctpEvent, WATCHED_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import {
  type Blocked,
  type Cookie,
  DISCOVERY_TO_CLIENT,
  DISCOVERY_TO_REGISTRY,
} from "../../src/wire/mp2-discovery.ts";
import {
  type Attach,
  type Ended,
  type Leave,
  MP2_PPID,
  PRESENCE_TO_CLIENT,
  PRESENCE_TO_REGISTRY,
  STREAMS,
  type Status,
} from "../../src/wire/mp2-presence.ts";
import type { Registered } from "../../src/wire/mp2-registration.ts";
import type { Ask } from "../../src/wire/mp2-roster.ts";
import { ALPN_REGISTRY, type Nonce } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import type { RegistryPlace } from "./mp1-client.ts";
import { RegistryDialogue } from "./registry-dialogue.ts";
import { type Owner, Watched } from "./until.ts";

export interface Mp2ClientOptions {
  readonly registry: RegistryPlace;
  readonly nickname: string;
  /** Another key by default. */
  readonly identity?: Identity;
  /** An address of this machine, "127.0.0.1" unless told otherwise. `host`: an address or a group to say hello to. */
  readonly address?: string;
  readonly host?: string;
  /** Takes the registry's dial-backs instead of us. */
  readonly takes?: (socket: Socket) => void;
}

const LOWEST_PORT = 50_000;
const HIGHEST_PORT = 64_998;
const REPEAT_MILLIS = 500;
const NONCE_BYTES = 16;

/**
 * A bare mp2 client in steps that a test may take in any order, or leave out: hello, join, be dialled back, register,
 * associate, attach. The bytes are the product's own codecs, the rest is as simple as can be.
 */
export class Mp2Client {
  readonly nickname: string;
  readonly identity: Identity;
  readonly port: number;
  readonly nonce: Nonce = systemRandom.bytes(NONCE_BYTES) as Nonce;
  readonly watched = new Watched();
  readonly mirror = new Mirror();
  readonly dialogues: RegistryDialogue[] = [];
  cookie: Cookie | undefined;
  blocked: Blocked | undefined;
  registered: Registered | undefined;
  /** Why the registry says that the session is over. */
  ended: Ended | undefined;
  /** How the association ended. */
  over: "closed" | "lost" | undefined;
  /** Numbers of the deltas that came, and whether pages came on the association. */
  readonly deltas: number[] = [];
  pages = 0;
  attaches = 0;
  readonly #options: Mp2ClientOptions;
  readonly #udp: UdpSocket;
  readonly #listener: Server;
  readonly #acceptor: TlsAcceptor;
  readonly #sctp: SctpDriver;
  #seals: Seals | undefined;
  #association: number | undefined;
  #answersFrom: string | undefined;
  #up = false;
  #gone = false;

  private constructor(options: Mp2ClientOptions, identity: Identity, ports: Ports) {
    this.#options = options;
    this.nickname = options.nickname;
    this.identity = identity;
    this.port = ports.port;
    this.#udp = ports.udp.on("message", (bytes: Buffer, from: RemoteInfo) => this.#datagram(bytes, from));
    this.#acceptor = new TlsAcceptor({
      identity,
      protocols: [ALPN_REGISTRY],
      times: DEFAULT_TLS_TIMES,
      limits: DEFAULT_ACCEPT_LIMITS,
      clock: systemClock,
      onOpen: (channel) => {
        const dialogue = new RegistryDialogue(channel, this.watched);
        this.dialogues.push(dialogue);
        return dialogue;
      },
      onRefused: () => {},
    });
    const accept = (socket: Socket): void => this.#acceptor.accept(socket);
    this.#listener = ports.listener.on("connection", options.takes ?? accept);
    const settings = WATCHED_SCTP_SETTINGS;
    const now = systemClock.now();
    this.#sctp = new SctpDriver({
      endpoint: createSctpEndpoint({ localPort: ports.port, settings, random: systemRandom, now }),
      clock: systemClock,
      onEvent: (event) => this.#sctpEvent(event),
    });
  }

  /** Draws P and binds UDP P, TCP P, and a UDP port for SCTP. */
  static async open(owner: Owner, options: Mp2ClientOptions): Promise<Mp2Client> {
    const identity = options.identity ?? (await generateIdentity());
    const address = options.address ?? "127.0.0.1";
    const client = new Mp2Client(options, identity, await bindPorts(address));
    owner.after(() => client.vanish());
    const sink = client.#sctp.receive;
    const local = address.includes(":") ? { address: "127.0.0.1", ipv6Address: address } : { address };
    client.#sctp.attach(await UdpEncapsulation.open({ ...local, port: 0, sink }));
    return client;
  }

  /** Opens one and takes all steps. */
  static async join(owner: Owner, options: Mp2ClientOptions): Promise<Mp2Client> {
    const client = await Mp2Client.open(owner, options);
    await client.join();
    return client;
  }

  /** Any bytes to the registry's discovery port, from P. */
  say(bytes: Uint8Array): void {
    this.#udp.send(bytes, this.#options.registry.port, this.#host, () => {});
  }

  /** hello, as often as it takes. */
  async meet(millis?: number): Promise<Cookie> {
    const hello = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: this.nonce });
    this.say(hello);
    const repeat = setInterval(() => this.say(hello), REPEAT_MILLIS);
    try {
      return await this.watched.until("a cookie", () => this.cookie, millis);
    } finally {
      clearInterval(repeat);
    }
  }

  /** Nobody listens at TCP P from now on. */
  async deafen(): Promise<void> {
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  /** Brings the cookie back. */
  sayJoin(cookie: Cookie): void {
    this.say(DISCOVERY_TO_REGISTRY.encode({ ...cookie, type: "join", nonce: this.nonce }));
  }

  /** hello, join, and the registry's next dial-back. */
  async dialogue(millis?: number): Promise<RegistryDialogue> {
    const before = this.dialogues.length;
    this.cookie = undefined;
    const cookie = await this.meet(millis);
    this.sayJoin(cookie);
    const repeat = setInterval(() => this.sayJoin(cookie), REPEAT_MILLIS);
    try {
      return await this.watched.until("a dial-back", () => this.dialogues[before], millis);
    } finally {
      clearInterval(repeat);
    }
  }

  /** All of registration. The roster that comes with it is in the mirror. */
  async register(nickname = this.nickname, status: Omit<Status, "type"> = { away: false }) {
    const dialogue = await this.dialogue();
    await dialogue.next("challenge");
    dialogue.register({ ...status, nick: nickname as Nickname });
    const answer = await dialogue.answer();
    if (answer.type === "registered") this.#begin(answer, dialogue);
    await dialogue.closes();
    for (const page of dialogue.pages) this.mirror.receive(systemClock.now(), page);
    return answer;
  }

  /** Brings the association up. */
  async associate(): Promise<void> {
    const { registry } = this.#options;
    this.over = undefined;
    this.#up = false;
    const path = {
      via: "udp",
      address: this.#host,
      outerPort: registry.encapsulationPort,
      local: "",
    } as const;
    this.#association = this.#sctp.connect(path, registry.port);
    await this.watched.until("an association", () => this.#up);
  }

  /** Says which session this is, and waits for the assent. */
  async attach(millis?: number): Promise<void> {
    const { registered } = this;
    if (registered === undefined) throw new Error("not registered");
    const before = this.attaches;
    const { session, epoch } = registered;
    this.tell({ type: "attach", session, epoch, seq: this.mirror.seq ?? 0 });
    await this.watched.until("attached", () => this.attaches > before, millis);
  }

  async join(): Promise<void> {
    const answer = await this.register();
    if (answer.type === "refused") throw new Error(`${this.nickname} refused: ${answer.text}`);
    await this.associate();
    await this.attach();
  }

  /** A sealed message to the registry. */
  tell(message: Attach | Status | Leave | Ask): void {
    const sealed = this.#seals?.seal(STREAMS.control, PRESENCE_TO_REGISTRY.encode(message));
    if (sealed === undefined) throw new Error("no seals");
    this.tellRaw(sealed);
  }

  /** Whatever bytes on the association. */
  tellRaw(bytes: Uint8Array, stream: number = STREAMS.control, ppid: number = MP2_PPID): void {
    if (this.#association === undefined) throw new Error("no association");
    this.#sctp.send(this.#association, stream, ppid, bytes);
  }

  /** Resolves as soon as the roster shows `nickname` in this state. */
  async sees(nickname: string, state: Listed["state"] = "online", millis?: number): Promise<Listed> {
    const find = () => {
      const entry = this.mirror.find(nickname);
      return entry?.state === state ? entry : undefined;
    };
    return this.watched.until(`${nickname} ${state} at ${this.nickname}`, find, millis);
  }

  async endsBy(reason: Ended["reason"]): Promise<Ended> {
    return this.watched.until(`the end by ${reason}`, () =>
      this.ended?.reason === reason ? this.ended : false,
    );
  }

  async loses(millis?: number): Promise<"closed" | "lost"> {
    return this.watched.until("the end of the association", () => this.over, millis);
  }

  /** SHUTDOWN, and the registry's assent. */
  async leave(): Promise<void> {
    this.tell({ type: "leave" });
    if (this.#association !== undefined) this.#sctp.shutdown(this.#association);
    await this.loses();
  }

  /** Everything closed without a word, as a killed process does. */
  async vanish(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    this.#listener.close();
    this.#acceptor.close();
    await Promise.all([closeUdp(this.#udp), this.#sctp.close()]);
  }

  /** Whom to ask; and once somebody has answered, that one alone. */
  get #host(): string {
    const { address = "127.0.0.1", host } = this.#options;
    return this.#answersFrom ?? host ?? (address.includes(":") ? address : "127.0.0.1");
  }

  #begin(registered: Registered, { channel }: RegistryDialogue): void {
    const { sending, receiving } = channel.exportKeys("presence");
    this.registered = registered;
    this.#seals = new Seals("client", { toClient: receiving, toRegistry: sending });
    this.mirror.begin(systemClock.now(), registered.epoch, registered.seq, true);
  }

  #datagram(bytes: Uint8Array, from: RemoteInfo): void {
    const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
    if (!decoded.ok) return;
    this.#answersFrom = from.address;
    if (decoded.value.type === "cookie") this.cookie = decoded.value;
    else if (decoded.value.type === "blocked") this.blocked = decoded.value;
    this.watched.changed();
  }

  #sctpEvent(event: SctpEvent): void {
    if (event.id !== this.#association) return;
    if (event.type === "up") this.#up = true;
    else if (event.type === "message") this.#message(event.stream, event.bytes);
    else if (event.type === "closed" || event.type === "lost") this.over = event.type;
    this.watched.changed();
  }

  #message(stream: number, bytes: Uint8Array): void {
    const opened = this.#seals?.open(stream, bytes);
    if (opened?.ok !== true) return;
    const decoded = PRESENCE_TO_CLIENT.decode(opened.text);
    if (!decoded.ok) throw new Error(`the registry sent ${decoded.reason}`);
    const message = decoded.value;
    const now = systemClock.now();
    if (message.type === "ended") this.ended = message;
    else if (message.type === "attached") {
      this.attaches += 1;
      this.mirror.begin(now, message.epoch, message.seq, true);
    } else {
      if (message.type === "delta") this.deltas.push(message.seq);
      else this.pages += 1;
      this.mirror.receive(now, message);
    }
  }
}

interface Ports {
  readonly port: number;
  readonly udp: UdpSocket;
  readonly listener: Server;
}

async function bindPorts(address: string): Promise<Ports> {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    let udp: UdpSocket | undefined;
    try {
      udp = await bindUdp({ address, port, purpose: "a test client", onDatagram: () => {} });
      const listener = createServer();
      await new Promise<void>((resolve, reject) => {
        listener.once("error", reject);
        listener.listen({ port, host: address, exclusive: true }, resolve);
      });
      return { port, udp, listener };
    } catch (error) {
      if (udp !== undefined) await closeUdp(udp);
      if (errorCode(error) !== "EADDRINUSE") throw error;
    }
  }
}
