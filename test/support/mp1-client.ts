import type { Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { errorCode } from "../../src/base/errors.ts";
import { systemClock } from "../../src/io/clock.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import { type SctpEvent, WATCHED_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { encodeHello } from "../../src/wire/mp1-discovery.ts";
import { parseRosterAnswer, type RosterAnswer, type RosterItem } from "../../src/wire/mp1-roster.ts";
import { type Owner, Watched } from "./until.ts";

/** Where the registry is. */
export interface RegistryPlace {
  readonly port: number;
  readonly encapsulationPort: number;
}

export interface Mp1ClientOptions {
  readonly registry: RegistryPlace;
  readonly nickname: string;
  /** Whose hello it says. An original one sends its name without new line and begins its association with "0". */
  readonly flavour?: "original" | "own";
  /** An address of this machine: all of 127.0.0.0/8 are. */
  readonly address?: string;
  /** The registry's, "127.0.0.1" by default. */
  readonly host?: string;
  /** P, where it must be this one. */
  readonly port?: number;
}

const LOWEST_PORT = 50_000;
const HIGHEST_PORT = 64_998;
/** A hello that met a registry with too much to do at once is repeated after this. */
const REPEAT_MILLIS = 500;

/**
 * An mp1 client in steps that a test may take in any order, or leave out: say hello, be dialled back, name itself,
 * associate. Discovery by unicast on loopback; SCTP over UDP for both flavours.
 */
export class Mp1Client {
  readonly nickname: string;
  readonly flavour: "original" | "own";
  readonly address: string;
  /** P. */
  readonly port: number;
  /** The answer to the registration, as it came. */
  answer: Uint8Array | undefined;
  /** Every push, as it came. */
  readonly pushes: Uint8Array[] = [];
  /** How the association ended. */
  ended: "closed" | "lost" | undefined;
  readonly watched = new Watched();
  readonly #registry: RegistryPlace;
  readonly #host: string;
  readonly #udp: UdpSocket;
  readonly #listener: Server;
  readonly #sctp: SctpDriver;
  readonly #dialBacks: Socket[] = [];
  #association: number | undefined;
  #up = false;

  private constructor(options: Required<Mp1ClientOptions>, udp: UdpSocket, listener: Server) {
    this.nickname = options.nickname;
    this.flavour = options.flavour;
    this.address = options.address;
    this.port = options.port;
    this.#registry = options.registry;
    this.#host = options.host;
    this.#udp = udp;
    this.#listener = listener;
    listener.on("connection", (socket) => {
      this.#dialBacks.push(socket.on("error", () => {}));
      this.watched.changed();
    });
    const now = systemClock.now();
    const settings = WATCHED_SCTP_SETTINGS;
    this.#sctp = new SctpDriver({
      endpoint: createSctpEndpoint({ localPort: options.port, settings, random: systemRandom, now }),
      clock: systemClock,
      onEvent: (event) => this.#sctpEvent(event),
    });
  }

  /** Draws P and binds UDP P, TCP P, and a UDP port for SCTP. */
  static async open(owner: Owner, options: Mp1ClientOptions): Promise<Mp1Client> {
    const { flavour = "own", address = "127.0.0.1", host = "127.0.0.1" } = options;
    const { port, udp, listener } = await bindPorts(address, options.port);
    const client = new Mp1Client({ ...options, flavour, address, host, port }, udp, listener);
    owner.after(() => client.vanish());
    client.#sctp.attach(await UdpEncapsulation.open({ address, port: 0, sink: client.#sctp.receive }));
    return client;
  }

  /** Opens one and joins. */
  static async join(owner: Owner, options: Mp1ClientOptions): Promise<Mp1Client> {
    const client = await Mp1Client.open(owner, options);
    await client.join();
    return client;
  }

  hello(bytes: Uint8Array = encodeHello({ client: this.flavour })): void {
    this.#udp.send(bytes, this.#registry.port, this.#host, () => {});
  }

  /** The registry's next connection. */
  dialBack(millis?: number): Promise<Socket> {
    return this.watched.until("a dial-back", () => this.#dialBacks.shift(), millis);
  }

  /** Says hello, as often as it takes, and gives `name`; resolves with the registry's answer. */
  async register(name: string | Uint8Array = this.#spokenName, millis?: number): Promise<RosterAnswer> {
    this.hello();
    const repeat = setInterval(() => this.hello(), REPEAT_MILLIS);
    try {
      const dialBack = await this.dialBack(millis);
      clearInterval(repeat);
      dialBack.write(name);
      this.answer = await this.#wholeAnswer(dialBack, millis);
    } finally {
      clearInterval(repeat);
    }
    const answer = parseRosterAnswer(this.answer);
    if (answer === undefined)
      throw new Error(`no roster: ${Buffer.from(this.answer).toString("utf8", 0, 200)}`);
    return answer;
  }

  /** Brings the association up. */
  async associate(millis?: number): Promise<void> {
    this.ended = undefined;
    this.#up = false;
    const { port, encapsulationPort } = this.#registry;
    const path = { via: "udp", address: this.#host, outerPort: encapsulationPort, local: "" } as const;
    this.#association = this.#sctp.connect(path, port);
    if (this.flavour === "original") this.#sctp.send(this.#association, 0, 0, new Uint8Array([0x30]));
    await this.watched.until("an association", () => this.#up, millis);
  }

  async join(millis?: number): Promise<void> {
    const answer = await this.register(this.#spokenName, millis);
    if (answer.type === "refused") throw new Error(`${this.nickname} refused: ${answer.refusal.text}`);
    await this.associate(millis);
  }

  /** The latest roster that came, by push or at registration. */
  get roster(): readonly RosterItem[] {
    const latest = this.pushes.at(-1) ?? this.answer;
    const parsed = latest === undefined ? undefined : parseRosterAnswer(latest);
    return parsed?.type === "roster" ? parsed.items : [];
  }

  /** Resolves as soon as the latest roster shows `nickname` so. */
  async sees(nickname: string, online = true, millis?: number): Promise<RosterItem> {
    const find = () => this.roster.find((item) => item.nickname === nickname && item.online === online);
    return this.watched.until(
      `${nickname} ${online ? "online" : "offline"} at ${this.nickname}`,
      find,
      millis,
    );
  }

  /** SHUTDOWN, and the registry's assent. */
  async leave(): Promise<void> {
    if (this.#association !== undefined) this.#sctp.shutdown(this.#association);
    await this.watched.until("the end of the association", () => this.ended);
  }

  /** Everything closed without a word, as a killed process does; its TCP connections are reset. */
  async vanish(): Promise<void> {
    if (!this.#listener.listening) return;
    this.#listener.close();
    for (const socket of this.#dialBacks) socket.destroy();
    await Promise.all([closeUdp(this.#udp), this.#sctp.close()]);
  }

  get #spokenName(): string {
    return this.flavour === "own" ? `${this.nickname}\n` : this.nickname;
  }

  async #wholeAnswer(socket: Socket, millis?: number): Promise<Uint8Array> {
    const chunks: Buffer[] = [];
    let over = false;
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("close", () => {
      over = true;
      this.watched.changed();
    });
    await this.watched.until("the registry's answer", () => over, millis);
    return Buffer.concat(chunks);
  }

  #sctpEvent(event: SctpEvent): void {
    if (event.id !== this.#association) return;
    if (event.type === "up") this.#up = true;
    else if (event.type === "message") this.pushes.push(event.bytes);
    else if (event.type === "closed" || event.type === "lost") this.ended = event.type;
    this.watched.changed();
  }
}

async function bindPorts(
  address: string,
  fixed: number | undefined,
): Promise<{ port: number; udp: UdpSocket; listener: Server }> {
  for (;;) {
    const port = fixed ?? LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    let udp: UdpSocket | undefined;
    try {
      udp = await bindUdp({ address, port, purpose: "a test client", onDatagram: () => {} });
      return { port, udp, listener: await listen(address, port) };
    } catch (error) {
      if (udp !== undefined) await closeUdp(udp);
      if (errorCode(error) !== "EADDRINUSE" || fixed !== undefined) throw error;
    }
  }
}

function listen(address: string, port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: address, exclusive: true }, () => resolve(server));
  });
}
