/**
 * One of the many mp2 clients of a benchmark: all that the registry sees of a client and as little as possible besides.
 * It finds the registry, is dialled back, registers, attaches, answers heartbeats, and comes back as `src/chat` does.
 * It keeps no roster: pages are taken off the wire, deltas are opened only while somebody waits for one, and the last one.
 */
import type { Socket as UdpSocket } from "node:dgram";
import type { Socket } from "node:net";
import { type SealKeys, Seals } from "../../src/base/seal.ts";
import { PRESENCE_TIMES } from "../../src/chat/mp2-presence.ts";
import type { Registration } from "../../src/chat/mp2-registration.ts";
import type { Resumable } from "../../src/chat/mp2-resumption.ts";
import { jittered, PATIENT_MILLIS, RETURN_SPREAD_MILLIS } from "../../src/chat/pauses.ts";
import { systemClock } from "../../src/io/clock.ts";
import type { Identity } from "../../src/io/identity.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import { TlsAcceptor } from "../../src/io/tls-acceptor.ts";
import type { ChannelEvents, TlsChannel } from "../../src/io/tls-channel.ts";
import { DEFAULT_TLS_TIMES } from "../../src/io/tls-settings.ts";
import { bindUdp } from "../../src/io/udp.ts";
import { type SctpEvent, WATCHED_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import { MP2_PPID, PRESENCE_TO_CLIENT, PRESENCE_TO_REGISTRY, STREAMS } from "../../src/wire/mp2-presence.ts";
import {
  REGISTRATION_TO_CLIENT,
  REGISTRATION_TO_REGISTRY,
  REGISTRY_FRAME_BYTES,
  type Registered,
} from "../../src/wire/mp2-registration.ts";
import { registrationSecret } from "../../src/wire/mp2-resumption.ts";
import { ALPN_REGISTRY, type Realm } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import type { RegistryPlace } from "../support/mp1-client.ts";
import type { Passport, Stranger } from "../support/prepared-crowd.ts";
import { LeanSearch } from "./lean-search.ts";

/** No bound of the client's own is to be felt: those of the registry are what is measured. */
const ACCEPT_LIMITS = {
  connections: 64,
  connectionsPerAddress: 64,
  handshakes: 64,
  rate: { perSecond: 1_000, burst: 1_000 },
  addresses: 16,
};
/** A datagram to P that begins with this comes back at once: bare UDP, to compare with. */
export const ECHO = 0x65;
/** How much longer than the registry's heartbeat a client waits before it asks by itself. */
const PATIENCE = WATCHED_SCTP_SETTINGS.heartbeatMillis / 1_000;

const NOTHING = new Uint8Array();
/** What the registry says anew to whoever goes on. */
const NOTHING_YET = { heartbeat: 1_000, lostAfter: 3_000, time: 0, sctpPort: 0, rawIp: false };

export interface LeanCounts {
  readonly hellos: number;
  readonly joins: number;
  readonly needless: number;
  /** Refusals, failed dial-backs and broken sessions. */
  readonly setbacks: number;
}

export interface LeanClientOptions {
  readonly registry: RegistryPlace;
  readonly nickname: string;
  readonly identity: Identity;
  /** An address of this machine that no other client has, and P, which others share. */
  readonly address: string;
  readonly port: number;
  readonly attached: (client: LeanClient) => void;
  /** What it was to wait for. */
  readonly heard: () => void;
}

export class LeanClient {
  isAttached = false;
  #needless = 0;
  #setbacks = 0;
  /** Until the roster says so of that nickname. */
  #awaited: { readonly nick: string; readonly status: string } | undefined;
  readonly #options: LeanClientOptions;
  readonly #udp: UdpSocket;
  readonly #search: LeanSearch;
  readonly #acceptor: TlsAcceptor;
  readonly #sctp: SctpDriver;
  /** A dial-back is under way. */
  #isAsked = false;
  #registration: Registration | undefined;
  #resumable: Resumable | undefined;
  /** The roster that it would have. */
  #at: Pick<Registered, "epoch" | "seq"> | undefined;
  #lastDelta: Uint8Array | undefined;
  #seals: Seals | undefined;
  #association: number | undefined;
  #patience: NodeJS.Timeout | undefined;

  private constructor(options: LeanClientOptions, udp: UdpSocket) {
    this.#options = options;
    this.#udp = udp;
    this.#search = new LeanSearch(options.registry, {
      say: (bytes) => udp.send(bytes, options.registry.port, "127.0.0.1"),
      resumable: () => this.#resumable,
      resumed: (registration) => this.#begin(registration),
    });
    const settings = { ...WATCHED_SCTP_SETTINGS };
    const now = systemClock.now();
    this.#sctp = new SctpDriver({
      endpoint: createSctpEndpoint({ localPort: options.port, settings, random: systemRandom, now }),
      clock: systemClock,
      onEvent: (event) => this.#sctpEvent(event),
    });
    // SCTP travels from UDP P as discovery does: one socket a client instead of two.
    this.#sctp.attach({
      via: "udp",
      send: (path, bytes) => udp.send(bytes, path.outerPort, path.address),
      close: async () => {},
    });
    this.#acceptor = new TlsAcceptor({
      identity: options.identity,
      protocols: [ALPN_REGISTRY],
      times: DEFAULT_TLS_TIMES,
      limits: ACCEPT_LIMITS,
      clock: systemClock,
      onOpen: (channel) => this.#dialledBack(channel),
      onRefused: () => {
        this.#setbacks += 1;
      },
    });
  }

  static async open(options: LeanClientOptions): Promise<LeanClient> {
    const { address, port } = options;
    let client: LeanClient | undefined;
    const udp = await bindUdp({
      ...{ address, port, purpose: "a client of a benchmark" },
      onDatagram: (bytes, from) => client?.received(bytes, from),
    });
    client = new LeanClient(options, udp);
    return client;
  }

  get stranger(): Stranger {
    const { nickname, identity, address, port } = this.#options;
    return { nickname, fingerprint: identity.fingerprint, address, port };
  }

  accept(socket: Socket): void {
    this.#acceptor.accept(socket);
  }

  received(bytes: Uint8Array, from: { readonly address: string; readonly port: number }): void {
    const { registry } = this.#options;
    if (from.port === registry.port) this.#search.received(bytes);
    else if (from.port === registry.encapsulationPort) {
      this.#sctp.receive({ via: "udp", address: from.address, outerPort: from.port, local: "" }, bytes);
    } else if (bytes[0] === ECHO) this.#udp.send(bytes, from.port, from.address);
  }

  /** Since it was made. `needless`: dial-backs beside another one, or when there was no search any more. */
  get counts(): LeanCounts {
    const { hellos, joins } = this.#search;
    return { hellos, joins, needless: this.#needless, setbacks: this.#setbacks + this.#search.blocked };
  }

  /** It has been registered in an earlier life of the registry, and goes on by that when it starts. */
  prepare({ session, ticket, secret, epoch, seq }: Passport): void {
    const registered = { type: "registered", session, epoch, seq, ...NOTHING_YET } as const;
    const [source, fingerprint] = [{ address: "127.0.0.1", port: 0 }, this.#options.identity.fingerprint];
    const joined = { fingerprint, source, host: undefined, cookie: NOTHING, attempt: 0 };
    const keys = { toClient: NOTHING, toRegistry: NOTHING };
    const registration = { ...this.#constant, joined, registered, keys, secret: Buffer.from(secret, "hex") };
    this.#resumable = { registration, ticket: Buffer.from(ticket, "hex"), until: Infinity };
    this.#at = { epoch, seq };
  }

  start(): void {
    this.#search.start(0, false);
  }

  leave(): void {
    this.#tell({ type: "leave" });
    const association = this.#association;
    this.#association = undefined;
    this.isAttached = false;
    if (association !== undefined) this.#sctp.shutdown(association);
  }

  /** A registry has started, so the session is of another run: who is attached comes back, who looks for it hurries. */
  heardBeacon(): void {
    if (this.#association === undefined) this.#search.hurry();
    else if (this.isAttached) this.#giveUp();
  }

  /** Opens deltas until one says so. */
  awaits(nick: string, status: string): void {
    this.#awaited = { nick, status };
  }

  /** What follows `registered` is the roster, which nobody reads here. */
  #dialledBack(channel: TlsChannel): ChannelEvents {
    // One answer to one search, as in `src/chat/mp2-dial-backs.ts`: another would end the session of the first.
    if (!this.#search.isOn || this.#isAsked) {
      this.#needless += 1;
      channel.destroy();
    } else {
      this.#isAsked = true;
      this.#search.called();
    }
    const frames = new FrameReader(REGISTRY_FRAME_BYTES);
    let isRegistered = false;
    return {
      received: (bytes) => {
        const read = frames.push(bytes);
        for (const frame of isRegistered ? [] : read.frames) {
          isRegistered ||= this.#answer(channel, frame);
          if (isRegistered) break;
        }
        return { messages: read.frames.length, pending: frames.pending };
      },
      ended: () => {
        channel.end();
        if (isRegistered && this.#registration !== undefined) this.#begin(this.#registration);
      },
      closed: () => {
        this.#isAsked = false;
        this.#search.failed();
      },
    };
  }

  /** Whether that was `registered`. */
  #answer(channel: TlsChannel, frame: Uint8Array): boolean {
    const decoded = REGISTRATION_TO_CLIENT.decode(frame);
    if (!decoded.ok) throw new Error(`the registry sent ${decoded.reason}`);
    const message = decoded.value;
    if (message.type === "challenge") {
      const nick = this.#options.nickname as Nickname;
      const register = { type: "register", nick, away: false, capabilities: new Set<never>() } as const;
      channel.send(encodeFrame(REGISTRATION_TO_REGISTRY.encode(register)));
    } else if (message.type === "registered") {
      const { sending, receiving } = channel.exportKeys("presence");
      this.#registration = this.#registrationOf(message, { toClient: receiving, toRegistry: sending });
      return true;
    } else if (message.type === "refused") this.#setbacks += 1;
    return false;
  }

  #registrationOf(registered: Registered, keys: SealKeys): Registration {
    const joined = this.#search.former;
    if (joined === undefined) throw new Error("dialled back without a join");
    return { ...this.#constant, joined, registered, keys, secret: registrationSecret(keys) };
  }

  /** Of any registration. */
  get #constant() {
    const nick = this.#options.nickname as Nickname;
    const [availability, address] = [{ away: false }, "127.0.0.1"];
    return { realm: "bench" as Realm, nick, availability, address, pages: "known" } as const;
  }

  /** The session begins, or goes on. */
  #begin(registration: Registration): void {
    this.#registration = registration;
    this.#resumable = undefined;
    this.#seals = new Seals("client", registration.keys);
    this.#search.stop();
    const { epoch, seq } = registration.registered;
    if (this.#at === undefined || seq > this.#at.seq) this.#at = { epoch, seq };
    this.#associate(registration.registered);
  }

  #associate({ heartbeat, lostAfter }: Registered): void {
    const { port, encapsulationPort } = this.#options.registry;
    const watched = { heartbeatMillis: heartbeat * PATIENCE, lostAfterMillis: lostAfter * PATIENCE };
    this.#sctp.configure({ ...WATCHED_SCTP_SETTINGS, ...watched });
    const path = { via: "udp", address: "127.0.0.1", outerPort: encapsulationPort, local: "" } as const;
    this.#association = this.#sctp.connect(path, port);
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#giveUp(), PRESENCE_TIMES.associate);
  }

  #tell(message: Parameters<typeof PRESENCE_TO_REGISTRY.encode>[0]): void {
    const sealed = this.#seals?.seal(STREAMS.control, PRESENCE_TO_REGISTRY.encode(message));
    if (sealed !== undefined && this.#association !== undefined)
      this.#sctp.send(this.#association, STREAMS.control, MP2_PPID, sealed);
  }

  #sctpEvent(event: SctpEvent): void {
    if (event.id !== this.#association) return;
    if (event.type === "up") {
      const { session } = this.#registration?.registered ?? {};
      if (session !== undefined && this.#at !== undefined)
        this.#tell({ type: "attach", session, ...this.#at });
    } else if (event.type === "message") this.#message(event.stream, event.bytes);
    else if (event.type === "lost" || event.type === "closed") this.#lost();
  }

  #giveUp(): void {
    if (this.#association !== undefined) this.#sctp.abort(this.#association, "of no use");
    this.#lost();
  }

  #lost(): void {
    clearTimeout(this.#patience);
    this.#association = undefined;
    this.#catchUp();
    const wasOnline = this.isAttached;
    this.isAttached = false;
    this.#search.start(
      wasOnline ? systemRandom.below(RETURN_SPREAD_MILLIS) : jittered(systemRandom, PATIENT_MILLIS),
      true,
    );
  }

  /** How far the roster has come that a client would have: told by the last delta, which alone is opened. */
  #catchUp(): void {
    const bytes = this.#lastDelta;
    this.#lastDelta = undefined;
    const opened = bytes && this.#seals?.open(STREAMS.deltas, bytes);
    const decoded = opened?.ok === true ? PRESENCE_TO_CLIENT.decode(opened.text) : undefined;
    if (decoded?.ok !== true || decoded.value.type !== "delta") return;
    const { epoch, seq } = decoded.value;
    this.#at = { epoch, seq };
  }

  #message(stream: number, bytes: Uint8Array): void {
    if (stream !== STREAMS.control && this.#awaited === undefined) {
      if (stream === STREAMS.deltas) this.#lastDelta = bytes;
      return;
    }
    const opened = this.#seals?.open(stream, bytes);
    const decoded = opened?.ok === true ? PRESENCE_TO_CLIENT.decode(opened.text) : undefined;
    // As a client does: the session is of no use then.
    if (decoded?.ok !== true) {
      this.#setbacks += 1;
      this.#giveUp();
      return;
    }
    const message = decoded.value;
    if (message.type === "attached") {
      clearTimeout(this.#patience);
      this.isAttached = true;
      const { ticket } = message;
      const registration = this.#registration;
      if (ticket !== undefined && registration !== undefined)
        this.#resumable = { registration, ticket: ticket.bytes, until: Infinity };
      this.#options.attached(this);
    } else if (message.type === "delta") {
      this.#lastDelta = undefined;
      this.#at = { epoch: message.epoch, seq: message.seq };
      const { nick, status } = this.#awaited ?? {};
      const isIt = message.changes.some(
        (change) => change.type === "put" && change.entry.nick === nick && change.entry.status === status,
      );
      if (!isIt) return;
      this.#awaited = undefined;
      this.#options.heard();
    }
  }
}
