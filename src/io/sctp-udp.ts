import type { RemoteInfo, Socket } from "node:dgram";
import { errorCode, SystemError } from "../base/errors.ts";
import type { Path } from "../sctp/api.ts";
import { isForStranger } from "../sctp/strangers.ts";
import { AnswerSockets } from "./answer-sockets.ts";
import { thinUdpInits } from "./init-filter.ts";
import type { PacketSink, SctpTransport } from "./sctp-driver.ts";
import { bindUdp, closeUdp, NO_IPV6, receiveBursts } from "./udp.ts";
import { type Datagram, MAX_BATCH, openSendMany, type SendMany } from "./udp-batch.ts";
import { Bursts, openReceiveMany, type ReceiveMany, type Take } from "./udp-bursts.ts";

/** Packets waiting for the kernel; beyond it they are dropped, as a full queue in a router would. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** A free IPv4 port may be taken under IPv6. So often another is tried. */
const MAX_PORT_TRIES = 8;

export interface UdpEncapsulationOptions {
  /** Local IPv4 address, "0.0.0.0" for all. */
  readonly address: string;
  /** Local IPv6 address ("::" for all), where IPv6 is to be served too, on the same port. */
  readonly ipv6Address?: string;
  /** 0 for any. */
  readonly port: number;
  readonly sink: PacketSink;
  /** May take a datagram first (a self-check). */
  readonly intercept?: (bytes: Uint8Array) => boolean;
  /** Whether anybody may come, so that answers to strangers must not be in the way of others. Needs a fixed port. */
  readonly isPublic?: boolean;
}

/** What serves one family. */
interface Served {
  readonly socket: Socket;
  /** By which strangers are answered, where that is not by the same. */
  readonly answers: AnswerSockets | undefined;
}

/**
 * SCTP in UDP (RFC 6951): one port for every peer of an endpoint, by IPv4, or by IPv4 and IPv6. Needs no privilege.
 *
 * Addresses of paths are the kernel's text of them, which is canonical: lower case, compressed (RFC 5952), never
 * IPv4-mapped, link-local ones with their scope ("fe80::1%eth0"), without which no answer would find its way.
 */
export class UdpEncapsulation implements SctpTransport {
  readonly via = "udp";
  /** Why IPv6 is not served although it was asked for. */
  readonly ipv6Refusal: SystemError | undefined;
  readonly #ipv4: Served;
  readonly #ipv6: Served | undefined;
  readonly #local: string;
  readonly #sendMany: SendMany | undefined;
  /** By IPv4, to leave together. */
  readonly #batch: Datagram[] = [];
  #closed = false;

  private constructor(
    local: string,
    ipv4: Served,
    ipv6: Served | SystemError | undefined,
    sendMany: SendMany | undefined,
  ) {
    this.#local = local;
    this.#sendMany = sendMany;
    this.#ipv4 = ipv4;
    this.#ipv6 = ipv6 instanceof SystemError ? undefined : ipv6;
    this.ipv6Refusal = ipv6 instanceof SystemError ? ipv6 : undefined;
  }

  /**
   * Binds and delivers packets to the sink. A host without IPv6 is no error: see {@link ipv6Refusal}.
   * Errors: {@link SystemError} when the port cannot be bound.
   */
  static async open(options: UdpEncapsulationOptions): Promise<UdpEncapsulation> {
    const { address, port, ipv6Address } = options;
    // Whoever serves few peers has nothing to send or to receive at once.
    const isPublic = options.isPublic === true;
    const [sendMany, receiveMany] = isPublic ? await Promise.all([openSendMany(), openReceiveMany()]) : [];
    for (let tries = 1; ; tries += 1) {
      const ipv4 = await bind(options, address, port, receiveMany);
      try {
        const ipv6 =
          ipv6Address === undefined
            ? undefined
            : await bindIpv6(options, ipv6Address, ipv4.socket.address().port);
        return new UdpEncapsulation(knownLocal(address), ipv4, ipv6, sendMany);
      } catch (error) {
        await close(ipv4);
        if (port !== 0 || errorCode(error) !== "EADDRINUSE" || tries >= MAX_PORT_TRIES) throw error;
      }
    }
  }

  get port(): number {
    return this.#ipv4.socket.address().port;
  }

  /** Whether IPv6 is served. */
  get servesIpv6(): boolean {
    return this.#ipv6 !== undefined;
  }

  /**
   * A packet that cannot be sent (no route, no buffer, no socket of its family, we are closing) is a lost packet: SCTP
   * retransmits or gives up by itself. Without a callback dgram keeps such errors to itself, and makes no promise.
   */
  send(path: Path, bytes: Uint8Array): void {
    if (this.#closed || path.outerPort === 0) return;
    const served = path.address.includes(":") ? this.#ipv6 : this.#ipv4;
    if (served === undefined) return;
    const datagram = { bytes, address: path.address, port: path.outerPort };
    if (served.answers !== undefined && isForStranger(bytes)) served.answers.send(datagram);
    else if (this.#sendMany === undefined || served !== this.#ipv4) sendOne(served.socket, datagram);
    else if (this.#batch.push(datagram) === MAX_BATCH) this.flush();
  }

  flush(): void {
    if (this.#batch.length === 0) return;
    const { socket } = this.#ipv4;
    // One by itself costs as much by dgram; and what waits there already goes first.
    const isMany = this.#batch.length > 1 && socket.getSendQueueCount() === 0;
    const sent = isMany ? (this.#sendMany?.(socket, this.#batch) ?? 0) : 0;
    // What cannot be sent is lost by itself there, and what the kernel has no room for waits.
    for (const datagram of this.#batch.slice(sent)) sendOne(socket, datagram);
    this.#batch.length = 0;
  }

  /** Sends bytes to our own socket, for the self-check; false when this host cannot (no loopback). */
  sendToSelf(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      const address = this.#local === "" ? "127.0.0.1" : this.#local;
      this.#ipv4.socket.send(bytes, this.port, address, (error) => resolve(error === null));
    });
  }

  /** What the kernel cannot leave out for us is delivered. */
  thinInits(share: number): void {
    for (const { socket, answers } of this.#families)
      for (const each of [socket, ...(answers?.all ?? [])]) void thinUdpInits(each, share);
  }

  async close(): Promise<void> {
    this.flush();
    this.#closed = true;
    await Promise.all(this.#families.map(close));
  }

  get #families(): readonly Served[] {
    return this.#ipv6 === undefined ? [this.#ipv4] : [this.#ipv4, this.#ipv6];
  }
}

function sendOne(socket: Socket, { bytes, address, port }: Datagram): void {
  if (socket.getSendQueueSize() <= MAX_WAITING_BYTES) socket.send(bytes, port, address);
}

async function close({ socket, answers }: Served): Promise<void> {
  await Promise.all([closeUdp(socket), answers?.close()]);
}

/** `receiveMany`: of IPv4. */
async function bind(
  options: UdpEncapsulationOptions,
  address: string,
  port: number,
  receiveMany?: ReceiveMany,
): Promise<Served> {
  const one = (reusePort: boolean): Promise<Socket> =>
    bindOne(options, { address, port, reusePort, receiveMany });
  if (options.isPublic !== true) return { socket: await one(false), answers: undefined };
  // Nobody else has it: a second registry of this user would share it unnoticed.
  await closeUdp(await one(false));
  const socket = await one(true);
  try {
    return { socket, answers: await AnswerSockets.open(() => one(true)) };
  } catch (error) {
    await closeUdp(socket);
    throw error;
  }
}

async function bindOne(
  { sink, intercept }: UdpEncapsulationOptions,
  how: {
    readonly address: string;
    readonly port: number;
    readonly reusePort: boolean;
    readonly receiveMany: ReceiveMany | undefined;
  },
): Promise<Socket> {
  const { address, port, reusePort, receiveMany } = how;
  const local = knownLocal(address);
  const deliver = (bytes: Uint8Array, from: string, outerPort: number, isBurst: boolean): void => {
    // Nothing can be sent to port 0 (dgram throws when asked to): whoever speaks from it is nobody's peer.
    if (outerPort === 0 || intercept?.(bytes) === true) return;
    sink({ via: "udp", address: from, outerPort, local }, bytes, isBurst);
  };
  const take: Take = (bytes, from, outerPort) => deliver(bytes, from, outerPort, true);
  const bursts = receiveMany && new Bursts(receiveMany, take);
  const onDatagram = (bytes: Uint8Array, from: RemoteInfo): void => {
    deliver(bytes, from.address, from.port, false);
    bursts?.takeBehind(socket);
  };
  const socket = await bindUdp({ address, port, purpose: "SCTP over UDP", onDatagram, reusePort });
  receiveBursts(socket);
  return socket;
}

async function bindIpv6(
  options: UdpEncapsulationOptions,
  address: string,
  port: number,
): Promise<Served | SystemError> {
  try {
    return await bind(options, address, port);
  } catch (error) {
    if (error instanceof SystemError && NO_IPV6.includes(error.code)) return error;
    throw error;
  }
}

/** Our address on every path of a socket, "" for a socket that is bound to all. */
function knownLocal(address: string): string {
  return address === "0.0.0.0" || address === "::" ? "" : address;
}
