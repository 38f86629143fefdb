import type { RemoteInfo } from "node:dgram";
import type { Socket } from "node:net";
import type { Millis, Random } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Answer, Asked, DialBack } from "../doctor/check-discovery.ts";
import { type Cookie, DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../wire/mp2-discovery.ts";
import { MP2_GROUP_IPV4, MP2_GROUP_IPV6, type Nonce } from "../wire/mp2-values.ts";
import { sendDatagram } from "./chat-hello.ts";
import { bindChatPorts, type ChatPorts, closeChatPorts } from "./chat-ports.ts";
import type { Link } from "./interfaces.ts";

/** When a hello goes out, from the beginning; two of three may be lost. */
const HELLOS_AT_MILLIS: readonly Millis[] = [0, 300, 700];
/** From the last hello on; a registry answers within milliseconds. */
const PATIENCE_MILLIS: Millis = 800;
/** A registry gives up a connection attempt after five seconds and says so. */
const DIAL_BACK_MILLIS: Millis = 7_000;
/** RFC 8446 §5.1: the record of a ClientHello is a handshake record. */
const TLS_HANDSHAKE = 0x16;
/** Of one way. */
const MAX_ANSWERS = 16;
/** To P, from whomever. */
const MAX_CONNECTIONS = 64;
/** Registries that are asked to dial back. */
const MAX_DIAL_BACKS = 4;

/** A way to ask by. */
export interface Way {
  readonly way: string;
  readonly by: "multicast" | "unicast";
  readonly device: string | undefined;
  readonly family: "ip" | "ip6";
  readonly to: { readonly address: string; readonly port: number };
  /** Of multicast by IPv4: our address on that interface. */
  readonly from: string | undefined;
}

interface Question extends Way {
  readonly nonce: Nonce;
  readonly answers: (Answer & { readonly cookie: Cookie; readonly port: number })[];
  failure: string | undefined;
  sentAt: Millis;
}

/** The groups on all these interfaces. */
export function multicastWays(links: readonly Link[], port: number): readonly Way[] {
  return links.flatMap(({ name, ipv4, ipv6 }): readonly Way[] => {
    const [local] = ipv4;
    const way = (family: Way["family"], address: string, from?: string): Way => ({
      way: `${name} by multicast (${family === "ip" ? "IPv4" : "IPv6"})`,
      ...{ by: "multicast", device: name, family, from, to: { address, port } },
    });
    return [
      ...(local === undefined ? [] : [way("ip", MP2_GROUP_IPV4, local.address)]),
      ...(ipv6.length === 0 ? [] : [way("ip6", `${MP2_GROUP_IPV6}%${name}`)]),
    ];
  });
}

/**
 * A client without a user: asks registries to show themselves, and to connect to its P, and hangs up before anything is
 * registered. Nothing is left behind at a registry but a count.
 */
export class DoctorClient {
  readonly #ports: ChatPorts;
  readonly #questions: Question[] = [];
  readonly #random: Random;
  #onDatagram: (bytes: Uint8Array, from: RemoteInfo) => void = () => {};
  #onConnection: (address: string) => void = () => {};

  private constructor(ports: ChatPorts, random: Random) {
    this.#ports = ports;
    this.#random = random;
    for (const server of ports.listeners) {
      server.maxConnections = MAX_CONNECTIONS;
      server.on("connection", (socket) => this.#connected(socket));
    }
  }

  /** Errors: {@link SystemError} when no port can be bound. */
  static async open(random: Random): Promise<DoctorClient> {
    const opened: { client?: DoctorClient } = {};
    const onDatagram = (bytes: Uint8Array, from: RemoteInfo): void => {
      if (opened.client !== undefined) opened.client.#onDatagram(bytes, from);
    };
    const ports = await bindChatPorts({ random, legacy: false, onDatagram });
    opened.client = new DoctorClient(ports, random);
    return opened.client;
  }

  /** P. */
  get port(): number {
    return this.#ports.port;
  }

  /** Who answers by which way. */
  async ask(ways: readonly Way[]): Promise<readonly Asked[]> {
    const asked = ways.map((way): Question => {
      const nonce = this.#random.bytes(16) as Nonce;
      return { ...way, nonce, answers: [], failure: undefined, sentAt: 0 };
    });
    this.#questions.push(...asked);
    const missing = (): boolean =>
      asked.some(({ answers, failure }) => answers.length === 0 && failure === undefined);
    await new Promise<void>((resolve) => {
      const timers: NodeJS.Timeout[] = [];
      const finish = (): void => {
        for (const timer of timers) clearTimeout(timer);
        resolve();
      };
      this.#onDatagram = (bytes, from) => this.#answered(bytes, from);
      for (const [index, at] of HELLOS_AT_MILLIS.entries()) {
        // After the first round all have had the time to answer; the others are for those who did not.
        timers.push(setTimeout(() => (index === 0 || missing() ? void this.#sayHello(asked) : finish()), at));
      }
      timers.push(setTimeout(finish, (HELLOS_AT_MILLIS.at(-1) ?? 0) + PATIENCE_MILLIS));
    });
    this.#onDatagram = () => {};
    return asked.map(({ way, by, device, family, failure, answers }) => ({
      ...{ way, by, device, family },
      failure: answers.length > 0 ? undefined : failure,
      answers: answers.map(({ address, fingerprint, millis }) => ({ address, fingerprint, millis })),
    }));
  }

  /** Lets each registry that has answered connect here, once. */
  async dialBacks(): Promise<readonly DialBack[]> {
    const chosen = new Map<string, Question["answers"][number]>();
    for (const answer of this.#questions.flatMap(({ answers }) => answers))
      if (!chosen.has(answer.fingerprint)) chosen.set(answer.fingerprint, answer);
    const all = [...chosen.values()].slice(0, MAX_DIAL_BACKS);
    const results: DialBack[] = [];
    // One after the other, so that it is clear whose connection comes.
    for (const answer of all) results.push(await this.#dialBack(answer));
    return results;
  }

  async close(): Promise<void> {
    await closeChatPorts(this.#ports);
  }

  /** The interface is a setting of the socket, read as the datagram leaves: one after the other. */
  async #sayHello(asked: readonly Question[]): Promise<void> {
    const { ipv4 } = this.#ports.discovery;
    for (const question of asked.filter(({ answers }) => answers.length === 0)) {
      try {
        if (question.from !== undefined) {
          ipv4.setMulticastTTL(1);
          ipv4.setMulticastInterface(question.from);
        }
        question.sentAt = performance.now();
        const hello = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: question.nonce });
        await sendDatagram(this.#ports.discovery, question.to, hello);
        question.failure = undefined;
      } catch (error) {
        question.failure = errorText(error);
      }
    }
  }

  #answered(bytes: Uint8Array, from: RemoteInfo): void {
    const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
    if (!decoded.ok || decoded.value.type !== "cookie") return;
    const cookie = decoded.value;
    const question = this.#questions.find(({ nonce }) => Buffer.compare(nonce, cookie.nonce) === 0);
    if (question === undefined || question.answers.length >= MAX_ANSWERS) return;
    const { fingerprint } = cookie;
    if (question.answers.some((each) => each.fingerprint === fingerprint && each.address === from.address))
      return;
    const millis = performance.now() - question.sentAt;
    question.answers.push({ address: from.address, port: from.port, fingerprint, millis, cookie });
  }

  async #dialBack({ address, port, fingerprint, cookie }: Question["answers"][number]): Promise<DialBack> {
    const join = DISCOVERY_TO_REGISTRY.encode({ ...cookie, type: "join" });
    const startedAt = performance.now();
    const outcome = await new Promise<DialBack["outcome"]>((resolve) => {
      const silence = setTimeout(
        () => resolve({ type: "silence", waitedMillis: DIAL_BACK_MILLIS }),
        DIAL_BACK_MILLIS,
      );
      const again = setInterval(() => void this.#send({ address, port }, join), 1_000);
      const settle = (result: DialBack["outcome"]): void => {
        clearTimeout(silence);
        clearInterval(again);
        resolve(result);
      };
      this.#onConnection = (caller) => {
        if (bare(caller) === bare(address)) settle({ type: "came", millis: performance.now() - startedAt });
      };
      this.#onDatagram = (bytes) => {
        const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
        if (!decoded.ok || decoded.value.type !== "blocked") return;
        const isOurs = Buffer.compare(decoded.value.cookie, cookie.cookie) === 0;
        if (isOurs) settle({ type: "blocked", reason: decoded.value.reason });
      };
      void this.#send({ address, port }, join);
    });
    this.#onConnection = () => {};
    this.#onDatagram = () => {};
    return { address, fingerprint, port: this.port, outcome };
  }

  /** Lost where it cannot be sent. */
  async #send(to: { readonly address: string; readonly port: number }, bytes: Uint8Array): Promise<void> {
    await sendDatagram(this.#ports.discovery, to, bytes).catch(() => {});
  }

  /** The beginning of TLS is enough: what follows would be a registration. */
  #connected(socket: Socket): void {
    socket.on("error", () => {});
    const give = setTimeout(() => socket.destroy(), DIAL_BACK_MILLIS);
    socket.on("close", () => clearTimeout(give));
    socket.once("data", (bytes: Buffer) => {
      if (bytes[0] === TLS_HANDSHAKE) this.#onConnection(socket.remoteAddress ?? "");
      socket.destroy();
    });
  }
}

/** Without a zone, and IPv4 as such. */
function bare(address: string): string {
  return address.replace(/%.*$/s, "").replace(/^::ffff:(?=\d+\.)/i, "");
}
