import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { generateIdentity } from "../../src/io/certificate.ts";
import { type Identity, identityPem, parseIdentityPem } from "../../src/io/identity.ts";
import type { ChannelEvents, TlsChannel } from "../../src/io/tls-channel.ts";
import { TlsDialler } from "../../src/io/tls-dialler.ts";
import { DEFAULT_TLS_TIMES } from "../../src/io/tls-settings.ts";
import { CHAT, CHAT_FRAME_BYTES, type Close, type Greeting, type Msg } from "../../src/wire/mp2-chat.ts";
import { type Cookie, DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import {
  type Challenge,
  REGISTRATION_TO_CLIENT,
  REGISTRATION_TO_REGISTRY,
  REGISTRY_FRAME_BYTES,
} from "../../src/wire/mp2-registration.ts";
import { ALPN_CHAT, ALPN_REGISTRY, MP2_GROUP_IPV4 } from "../../src/wire/mp2-values.ts";
import { Scope, Watched, within } from "../support/until.ts";
import type { ActorPlace } from "./commands.ts";

/** Who pretends: to be a registry, or a peer. All by the product's own codecs, with a key of its own. */

/** An overheard hello. */
export interface Overheard {
  readonly address: string;
  readonly port: number;
  /** Hex. */
  readonly nonce: string;
}

/** What came of a TLS connection to a victim. */
export interface Dialogue {
  /** TLS came up on our side. */
  readonly opened: boolean;
  /** Types of the messages that the victim sent. */
  readonly heard: readonly string[];
  readonly nick?: string;
  readonly reason?: Close["reason"];
}

/** What is sent on a connection, and when. */
interface Script {
  readonly first?: readonly Uint8Array[];
  readonly afterGreeting?: readonly Uint8Array[];
  readonly afterRegister?: Poured;
  readonly raw?: Uint8Array;
}

interface Poured {
  readonly bytes: Uint8Array;
  readonly dripMillis: number | undefined;
}

/** The longest that a client gives a registry is 15 s. */
const DIALOGUE_MILLIS = 25_000;

interface Family {
  readonly protocol: string;
  readonly limit: number;
  readonly decode: (frame: Uint8Array) => { readonly ok: boolean; readonly value?: object };
}

const REGISTRATION: Family = {
  protocol: ALPN_REGISTRY,
  limit: REGISTRY_FRAME_BYTES,
  decode: REGISTRATION_TO_REGISTRY.decode,
};
const PEER: Family = { protocol: ALPN_CHAT, limit: CHAT_FRAME_BYTES, decode: CHAT.decode };

export class Impostors {
  readonly #scope = new Scope();
  readonly #place: ActorPlace;
  readonly #watched = new Watched();
  readonly #hellos: Overheard[] = [];
  readonly #joins: string[] = [];
  #ear: UdpSocket | undefined;
  #identity: Promise<Identity> | undefined;

  constructor(place: ActorPlace) {
    this.#place = place;
  }

  /** Takes another key and certificate, as an identity file has them. */
  async become(pem: string): Promise<string> {
    const parsed = parseIdentityPem(pem);
    if ("fault" in parsed) throw new Error(parsed.fault);
    this.#identity = Promise.resolve(parsed);
    return parsed.fingerprint;
  }

  /** Its own key, as an identity file has it. */
  async impostorKey(): Promise<{ readonly pem: string; readonly fingerprint: string }> {
    const { privateKey, certificate, fingerprint } = await this.#own();
    return { pem: identityPem(privateKey, certificate), fingerprint };
  }

  /** Listens to the group as a registry does, and to what comes to the port by unicast. */
  async eavesdrop(): Promise<void> {
    const { address, registry } = this.#place;
    const ear = createSocket({ type: "udp4", reuseAddr: true });
    ear.on("message", (bytes: Buffer, from: RemoteInfo) => this.#hears(bytes, from));
    ear.bind(registry.port);
    await once(ear, "listening");
    ear.addMembership(MP2_GROUP_IPV4, address);
    this.#ear = ear;
    this.#scope.after(() => void ear.close());
  }

  /** The next hello from `address`, from now on: former searches are over. */
  async overhear(address: string): Promise<Overheard> {
    this.#hellos.length = 0;
    return this.#watched.until(`a hello of ${address}`, () =>
      this.#hellos.find((hello) => hello.address === address),
    );
  }

  /** Answers a hello with a cookie that promises this fingerprint; resolves when the victim joins. */
  async pretend(hello: Overheard, fingerprint: string): Promise<void> {
    const cookie = Buffer.alloc(24, this.#joins.length + 1);
    const nonce = Buffer.from(hello.nonce, "hex");
    const bytes = DISCOVERY_TO_CLIENT.encode({
      type: "cookie",
      nonce,
      fingerprint,
      cookie,
    } as unknown as Cookie);
    this.#ear?.send(bytes, hello.port, hello.address);
    const name = cookie.toString("hex");
    await this.#watched.until("a join", () => this.#joins.includes(name));
  }

  /** Calls the victim back and challenges it; resolves when the victim registers, or when it is over. */
  async callBack(hello: Overheard, nonce: string, realm: string): Promise<Dialogue> {
    return this.#dial(hello, REGISTRATION, { first: [challenge(nonce, realm)] });
  }

  /** … and answers `register` with any bytes, one after the other where `dripMillis` says; resolves when the victim ends it. */
  async misregister(hello: Overheard, realm: string, bytes: string, dripMillis?: number): Promise<Dialogue> {
    const afterRegister = { bytes: Buffer.from(bytes, "hex"), dripMillis };
    return this.#dial(hello, REGISTRATION, { first: [challenge(hello.nonce, realm)], afterRegister });
  }

  /** Connects to a peer as `nick`, and says something to it. */
  async chatAs(
    victim: { readonly address: string; readonly port: number },
    nick: string,
    text: string,
  ): Promise<Dialogue> {
    const greeting = { type: "greeting", nick, capabilities: new Set() } as unknown as Greeting;
    const msg = { type: "msg", id: "ab".repeat(16), time: Date.now(), text } as unknown as Msg;
    return this.#dial(victim, PEER, { first: [CHAT.encode(greeting)], afterGreeting: [CHAT.encode(msg)] });
  }

  /** Connects as a registry or as a peer, and sends any bytes; resolves when the victim has ended it. */
  async dialRaw(
    victim: { readonly address: string; readonly port: number },
    as: "registry" | "peer",
    bytes: string,
  ): Promise<Dialogue> {
    const raw = Buffer.from(bytes, "hex");
    return this.#dial(victim, as === "registry" ? REGISTRATION : PEER, { raw });
  }

  async #dial(
    { address, port }: { readonly address: string; readonly port: number },
    { protocol, limit, decode }: Family,
    { first = [], afterGreeting = [], afterRegister, raw }: Script,
  ): Promise<Dialogue> {
    const over = Promise.withResolvers<Dialogue>();
    const heard: string[] = [];
    let found: Partial<Dialogue> = {};
    const frames = new FrameReader(limit);
    const dialler = new TlsDialler({ identity: await this.#own(), times: DEFAULT_TLS_TIMES });
    dialler.dial({
      address,
      port,
      protocol,
      onFailed: () => over.resolve({ opened: false, heard }),
      onOpen: (channel): ChannelEvents => {
        const say = (messages: readonly Uint8Array[]): void => {
          for (const message of messages) channel.send(encodeFrame(message));
        };
        say(first);
        if (raw !== undefined) channel.send(raw);
        return {
          received: (bytes) => {
            const { frames: whole } = frames.push(bytes);
            for (const frame of whole) {
              const { type = "?", ...fields } = (decode(frame).value ?? {}) as { type?: string };
              heard.push(type);
              found = { ...found, ...facts(fields) };
              if (type === "greeting") say(afterGreeting);
              if (type === "register" && afterRegister !== undefined) pour(channel, afterRegister);
              else if (type === "register" || type === "ack") over.resolve({ opened: true, heard, ...found });
            }
            return { messages: whole.length, pending: frames.pending };
          },
          ended: () => channel.end(),
          closed: () => over.resolve({ opened: true, heard, ...found }),
        };
      },
    });
    return within("the end of the dialogue", over.promise, DIALOGUE_MILLIS).finally(() => dialler.close());
  }

  #own(): Promise<Identity> {
    this.#identity ??= generateIdentity();
    return this.#identity;
  }

  #hears(bytes: Buffer, { address, port }: RemoteInfo): void {
    const decoded = DISCOVERY_TO_REGISTRY.decode(bytes);
    if (!decoded.ok) return;
    const message = decoded.value;
    const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");
    if (message.type === "hello") this.#hellos.push({ address, port, nonce: hex(message.nonce) });
    else this.#joins.push(hex(message.cookie));
    this.#watched.changed();
  }
}

function challenge(nonce: string, realm: string): Uint8Array {
  return REGISTRATION_TO_CLIENT.encode({
    ...{ type: "challenge", realm, epoch: "11".repeat(8), capabilities: new Set() },
    nonce: Buffer.from(nonce, "hex"),
  } as unknown as Challenge);
}

function pour(channel: TlsChannel, { bytes, dripMillis }: Poured): void {
  if (dripMillis === undefined) channel.send(bytes);
  else {
    let sent = 0;
    const drip = setInterval(() => {
      if (sent === bytes.length) clearInterval(drip);
      else channel.send(bytes.subarray(sent, sent + 1));
      sent += 1;
    }, dripMillis).unref();
  }
}

function facts({
  nick,
  reason,
}: {
  readonly nick?: string;
  readonly reason?: Close["reason"];
}): Partial<Dialogue> {
  return { ...(nick === undefined ? {} : { nick }), ...(reason === undefined ? {} : { reason }) };
}
