import type { RemoteInfo, Socket } from "node:dgram";
import type { Path } from "../sctp/api.ts";
import type { PacketSink, SctpTransport } from "./sctp-driver.ts";
import { bindUdp, closeUdp } from "./udp.ts";

/**
 * SCTP in UDP (RFC 6951): one socket for every peer of an endpoint. Needs no privilege.
 */
export class UdpEncapsulation implements SctpTransport {
  readonly via = "udp";
  readonly #socket: Socket;
  readonly #local: string;

  private constructor(socket: Socket, local: string) {
    this.#socket = socket;
    this.#local = local;
  }

  /**
   * Binds `port` (0 for any) and delivers packets to `sink`. `intercept` may take a datagram first (a self-check).
   * Errors: {@link SystemError} when the port cannot be bound.
   */
  static async open(options: {
    address: string;
    port: number;
    sink: PacketSink;
    intercept?: (bytes: Uint8Array) => boolean;
  }): Promise<UdpEncapsulation> {
    const local = options.address === "0.0.0.0" ? "" : options.address;
    const onDatagram = (bytes: Uint8Array, from: RemoteInfo): void => {
      if (options.intercept?.(bytes) === true) return;
      options.sink({ via: "udp", address: from.address, outerPort: from.port, local }, bytes);
    };
    const { address, port } = options;
    const socket = await bindUdp({ address, port, purpose: "SCTP over UDP", onDatagram });
    try {
      // The burst of a thousand clients that come back at once must not overflow the kernel's default buffer.
      socket.setRecvBufferSize(4 * 1024 * 1024);
    } catch {
      // The system's limit is lower; its default stays.
    }
    return new UdpEncapsulation(socket, local);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(path: Path, bytes: Uint8Array): void {
    // A packet that cannot be sent is a lost packet: SCTP retransmits or gives up by itself.
    this.#socket.send(bytes, path.outerPort, path.address, () => {});
  }

  /** Sends bytes to our own socket, for the self-check; false when this host cannot (no loopback). */
  sendToSelf(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      const address = this.#local === "" ? "127.0.0.1" : this.#local;
      this.#socket.send(bytes, this.port, address, (error) => resolve(error === null));
    });
  }

  close(): Promise<void> {
    return closeUdp(this.#socket);
  }
}
