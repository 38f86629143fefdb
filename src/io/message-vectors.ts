import { IS_LITTLE, viewOf } from "../base/c-memory.ts";

/** struct sockaddr_in of ip(7); struct iovec of writev(2); struct mmsghdr of sendmmsg(2), on 64 bits. */
const ADDRESS = { bytes: 16, port: 2, address: 4 } as const;
const VECTOR = { bytes: 16, length: 8 } as const;
const HEADER = { bytes: 64, addressLength: 8, vectors: 16, vectorCount: 24, flags: 48, length: 56 } as const;
const AF_INET = 2;
const MSG_TRUNC = 0x20;
/** Flag of both calls: what would have to wait is not done. */
export const MSG_DONTWAIT = 0x40;

/** A datagram that has been received. `bytes` are good until the memory is used again. */
export interface Received {
  readonly bytes: Uint8Array;
  /** Of the sender, as {@link ipv4Bits} has it. */
  readonly bits: number;
  readonly port: number;
}

/**
 * Datagrams of IPv4 as sendmmsg(2) reads and recvmmsg(2) writes them: one piece of memory each for headers, addresses,
 * vectors and bytes, laid out once and used again.
 */
export class MessageVectors {
  /** What the system call is given. */
  readonly headers: Buffer;
  readonly #size: number;
  readonly #bytes: Uint8Array;
  readonly #headerView: DataView;
  readonly #addressView: DataView;
  readonly #vectorView: DataView;

  /** `count` datagrams of at most `size` bytes. */
  constructor(count: number, size: number, pointerTo: (memory: Uint8Array) => bigint) {
    this.#size = size;
    this.headers = Buffer.alloc(count * HEADER.bytes);
    this.#bytes = new Uint8Array(count * size);
    const [addresses, vectors] = [Buffer.alloc(count * ADDRESS.bytes), Buffer.alloc(count * VECTOR.bytes)];
    this.#headerView = viewOf(this.headers);
    this.#addressView = viewOf(addresses);
    this.#vectorView = viewOf(vectors);
    const [toAddresses, toVectors, toBytes] = [addresses, vectors, this.#bytes].map(pointerTo) as [
      bigint,
      bigint,
      bigint,
    ];
    for (let index = 0; index < count; index += 1) {
      const at = index * HEADER.bytes;
      const header = this.#headerView;
      header.setBigUint64(at, toAddresses + BigInt(index * ADDRESS.bytes), IS_LITTLE);
      // What recvmmsg writes there is the same number.
      header.setUint32(at + HEADER.addressLength, ADDRESS.bytes, IS_LITTLE);
      header.setBigUint64(at + HEADER.vectors, toVectors + BigInt(index * VECTOR.bytes), IS_LITTLE);
      header.setBigUint64(at + HEADER.vectorCount, 1n, IS_LITTLE);
      this.#vectorView.setBigUint64(index * VECTOR.bytes, toBytes + BigInt(index * size), IS_LITTLE);
      this.#vectorView.setUint32(index * VECTOR.bytes + VECTOR.length, size, IS_LITTLE);
      this.#addressView.setUint16(index * ADDRESS.bytes, AF_INET, IS_LITTLE);
    }
  }

  /** False where it is too long. */
  put(index: number, bytes: Uint8Array, bits: number, port: number): boolean {
    if (bytes.length > this.#size) return false;
    // Both in network byte order.
    this.#addressView.setUint16(index * ADDRESS.bytes + ADDRESS.port, port);
    this.#addressView.setUint32(index * ADDRESS.bytes + ADDRESS.address, bits);
    this.#vectorView.setUint32(index * VECTOR.bytes + VECTOR.length, bytes.length, IS_LITTLE);
    this.#bytes.set(bytes, index * this.#size);
    return true;
  }

  /** Undefined where it was longer than there is room for. */
  take(index: number): Received | undefined {
    const at = index * HEADER.bytes;
    const isWhole = (this.#headerView.getUint32(at + HEADER.flags, IS_LITTLE) & MSG_TRUNC) === 0;
    if (!isWhole) return undefined;
    const length = this.#headerView.getUint32(at + HEADER.length, IS_LITTLE);
    const begin = index * this.#size;
    return {
      bytes: this.#bytes.subarray(begin, begin + length),
      bits: this.#addressView.getInt32(index * ADDRESS.bytes + ADDRESS.address),
      port: this.#addressView.getUint16(index * ADDRESS.bytes + ADDRESS.port),
    };
  }
}
