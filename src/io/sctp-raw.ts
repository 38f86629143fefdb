import type { RawSocket } from "raw-socket";
import { errorText, SystemError } from "../base/errors.ts";
import type { Path } from "../sctp/api.ts";
import { thinInits } from "./init-filter.ts";
import type { PacketSink, SctpTransport } from "./sctp-driver.ts";

/** IANA protocol number of SCTP. */
const PROTOCOL_SCTP = 132;
const IP_HEADER_BYTES = 20;
const TIME_TO_LIVE = 64;
/** Packets waiting for the kernel; beyond it they are dropped, as a full queue in a router would. */
const MAX_PENDING = 8_192;
/** For the kernel to take the last packets when we close: it has room within microseconds, or not at all. */
const LAST_PACKETS_MILLIS = 200;

/**
 * SCTP directly on IPv4, for peers whose kernel speaks it (original clients). Needs CAP_NET_RAW. We write the IP header
 * ourselves, so that an answer leaves from the very address that was asked; the kernel fills in identification, length
 * and checksum, and has reassembled what arrives.
 */
export class RawIp implements SctpTransport {
  readonly via = "raw";
  readonly #socket: RawSocket;
  #pending = 0;
  /** Told when none is pending, once we close. */
  #sent: (() => void) | undefined;
  #closed = false;

  private constructor(socket: RawSocket) {
    this.#socket = socket;
  }

  /**
   * Opens the raw socket and delivers packets to `sink`.
   * Errors: {@link SystemError} "EPERM" without CAP_NET_RAW, "ENOSYS" where the native part was not built.
   */
  static async open(options: { sink: PacketSink; onError: (error: Error) => void }): Promise<RawIp> {
    const raw = await loadRawSocket();
    let socket: RawSocket;
    try {
      socket = raw.createSocket({ protocol: PROTOCOL_SCTP, bufferSize: 65_536 });
      socket.setOption(raw.SocketLevel.IPPROTO_IP, raw.SocketOption.IP_HDRINCL, 1);
      socket.setOption(raw.SocketLevel.SOL_SOCKET, raw.SocketOption.SO_RCVBUF, 4 * 1024 * 1024);
    } catch (error) {
      throw new SystemError(`Cannot open SCTP on raw IP: ${errorText(error)}`, "EPERM", { cause: error });
    }
    socket.on("error", options.onError);
    socket.on("message", (packet: Buffer, source: string) => {
      const parsed = parseIpv4(packet, source);
      if (parsed !== undefined) options.sink(parsed.path, parsed.payload);
      settle();
    });
    return new RawIp(socket);
  }

  send(path: Path, bytes: Uint8Array): void {
    if (this.#closed || this.#pending >= MAX_PENDING) return;
    const packet = ipv4Packet(path, bytes);
    this.#pending += 1;
    // A packet that cannot be sent is a lost packet: SCTP retransmits or gives up by itself.
    this.#socket.send(packet, 0, packet.length, path.address, () => {
      this.#pending -= 1;
      if (this.#pending === 0) this.#sent?.();
      settle();
    });
  }

  /** What the kernel cannot leave out for us is delivered. */
  thinInits(share: number): void {
    void thinInits("ip", share, (level, option, value) => {
      this.#socket.setOption(level, option, value, value.length);
    });
  }

  /** What was sent still leaves: the last packets end associations, and nobody is there to repeat them. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#pending > 0) await this.#allSent();
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.close();
    });
  }

  #allSent(): Promise<void> {
    return new Promise((resolve) => {
      const limit = setTimeout(resolve, LAST_PACKETS_MILLIS);
      this.#sent = () => {
        clearTimeout(limit);
        resolve();
      };
    });
  }
}

let isSettling = false;

/**
 * The native part calls us past Node: promises and ticks that a packet brings about would wait for whatever happens next,
 * seconds later where nothing does. In a turn of the event loop of its own they have their time.
 */
function settle(): void {
  if (isSettling) return;
  isSettling = true;
  setImmediate(() => {
    isSettling = false;
  });
}

async function loadRawSocket(): Promise<typeof import("raw-socket")> {
  try {
    // CommonJS: what it exports stands under `default`.
    const module: unknown = await import("raw-socket");
    return (module as { default: typeof import("raw-socket") }).default;
  } catch (error) {
    const why = "the native module raw-socket is not built (see scripts/setup.sh)";
    throw new SystemError(`Cannot open SCTP on raw IP: ${why}`, "ENOSYS", { cause: error });
  }
}

/** What a raw socket delivers: a whole IPv4 packet, its header first. Undefined when it is cut short. */
function parseIpv4(packet: Buffer, source: string): { path: Path; payload: Uint8Array } | undefined {
  if (packet.length < IP_HEADER_BYTES) return undefined;
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4;
  const totalBytes = packet.readUInt16BE(2);
  if (headerBytes < IP_HEADER_BYTES || totalBytes < headerBytes || totalBytes > packet.length)
    return undefined;
  const local = `${packet[16]}.${packet[17]}.${packet[18]}.${packet[19]}`;
  // The package reuses its buffer for the next packet.
  const payload = Uint8Array.prototype.slice.call(packet, headerBytes, totalBytes);
  return { path: { via: "raw", address: source, outerPort: 0, local }, payload };
}

/** RFC 791 §3.1. Total length, identification, checksum and an empty source address are the kernel's to fill in. */
function ipv4Packet(path: Path, payload: Uint8Array): Buffer {
  const packet = Buffer.alloc(IP_HEADER_BYTES + payload.length);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt8(TIME_TO_LIVE, 8);
  packet.writeUInt8(PROTOCOL_SCTP, 9);
  writeAddress(packet, 12, path.local);
  writeAddress(packet, 16, path.address);
  packet.set(payload, IP_HEADER_BYTES);
  return packet;
}

function writeAddress(packet: Buffer, offset: number, address: string): void {
  if (address === "") return;
  let index = offset;
  for (const octet of address.split(".")) packet.writeUInt8(Number(octet), index++);
}
