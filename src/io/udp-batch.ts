import type { Socket } from "node:dgram";
import { IS_LITTLE, viewOf } from "../base/c-memory.ts";
import { ipv4Bits } from "../base/ipv4.ts";
import { descriptorOf } from "./udp.ts";

/** One datagram and where it goes. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly address: string;
  readonly port: number;
}

/**
 * Sends what it can of these from an IPv4 socket by one system call, and says how many of the first ones have left: fewer
 * where the socket's buffer is full, a datagram cannot be sent, or one is too long or not for an IPv4 address. Never throws.
 */
export type SendMany = (socket: Socket, datagrams: readonly Datagram[]) => number;

/** A registry that tells thousands of something hands over so many at a time. */
export const MAX_BATCH = 64;
/** Of one datagram; what is longer leaves by itself. The payload of an Ethernet frame. */
const MAX_BYTES = 1_500;

/** struct sockaddr_in of ip(7); struct iovec of writev(2); struct mmsghdr of sendmmsg(2), on 64 bits. */
const ADDRESS = { bytes: 16, port: 2, address: 4 } as const;
const VECTOR = { bytes: 16, length: 8 } as const;
const HEADER = { bytes: 64, addressLength: 8, vectors: 16, vectorCount: 24 } as const;
const AF_INET = 2;
const MSG_DONTWAIT = 0x40;

/**
 * sendmmsg(2) by `node:ffi` of Node 26: a datagram costs a fifth of what it costs by dgram, which sends one at a time
 * (docs/benchmarks.md). Undefined without that, or where the C library has no such function.
 */
export async function openSendMany(): Promise<SendMany | undefined> {
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions } = dlopen(null, {
      sendmmsg: { arguments: ["i32", "buffer", "u32", "i32"], return: "i32" },
    });
    const outbox = new Outbox(getRawPointer);
    return (socket, datagrams) => {
      const descriptor = descriptorOf(socket);
      const count = outbox.fill(datagrams);
      if (descriptor < 0 || count === 0) return 0;
      return Math.max(0, functions.sendmmsg(descriptor, outbox.headers, count, MSG_DONTWAIT));
    };
  } catch {
    return undefined;
  }
}

/** What the kernel reads: one piece of memory each for headers, addresses, vectors and bytes, made once and used again. */
class Outbox {
  readonly headers = Buffer.alloc(MAX_BATCH * HEADER.bytes);
  readonly #addresses = Buffer.alloc(MAX_BATCH * ADDRESS.bytes);
  readonly #vectors = Buffer.alloc(MAX_BATCH * VECTOR.bytes);
  readonly #bytes = Buffer.alloc(MAX_BATCH * MAX_BYTES);
  readonly #addressView = viewOf(this.#addresses);
  readonly #vectorView = viewOf(this.#vectors);

  constructor(pointerTo: (memory: Uint8Array) => bigint) {
    const [headers, addresses, vectors, bytes] = [
      viewOf(this.headers),
      pointerTo(this.#addresses),
      pointerTo(this.#vectors),
      pointerTo(this.#bytes),
    ];
    for (let index = 0; index < MAX_BATCH; index += 1) {
      const at = index * HEADER.bytes;
      headers.setBigUint64(at, addresses + BigInt(index * ADDRESS.bytes), IS_LITTLE);
      headers.setUint32(at + HEADER.addressLength, ADDRESS.bytes, IS_LITTLE);
      headers.setBigUint64(at + HEADER.vectors, vectors + BigInt(index * VECTOR.bytes), IS_LITTLE);
      headers.setBigUint64(at + HEADER.vectorCount, 1n, IS_LITTLE);
      this.#vectorView.setBigUint64(index * VECTOR.bytes, bytes + BigInt(index * MAX_BYTES), IS_LITTLE);
      this.#addressView.setUint16(index * ADDRESS.bytes, AF_INET, IS_LITTLE);
    }
  }

  /** How many of the first ones are in it now. */
  fill(datagrams: readonly Datagram[]): number {
    const end = Math.min(datagrams.length, MAX_BATCH);
    for (let index = 0; index < end; index += 1) {
      const datagram = datagrams[index];
      if (datagram === undefined || !this.#put(index, datagram)) return index;
    }
    return end;
  }

  #put(index: number, { bytes, address, port }: Datagram): boolean {
    const bits = ipv4Bits(address);
    if (bits === undefined || bytes.length > MAX_BYTES) return false;
    // Both in network byte order.
    this.#addressView.setUint16(index * ADDRESS.bytes + ADDRESS.port, port);
    this.#addressView.setUint32(index * ADDRESS.bytes + ADDRESS.address, bits);
    this.#vectorView.setUint32(index * VECTOR.bytes + VECTOR.length, bytes.length, IS_LITTLE);
    this.#bytes.set(bytes, index * MAX_BYTES);
    return true;
  }
}
