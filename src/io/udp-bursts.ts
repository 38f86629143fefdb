import type { Socket } from "node:dgram";
import { ipv4Text } from "../base/ipv4.ts";
import { MessageVectors, MSG_DONTWAIT } from "./message-vectors.ts";
import { descriptorOf } from "./udp.ts";

/** `bytes` are good until it returns; address and port are the sender's. */
export type Take = (bytes: Uint8Array, address: string, port: number) => void;

/**
 * Takes what waits in an IPv4 socket, up to {@link MAX_BURST} datagrams by one system call, and says how many that were.
 * Never throws unless `take` does.
 */
export type ReceiveMany = (socket: Socket, take: Take) => number;

/**
 * Behind each datagram that libuv reads, of which it reads 32 before anything else has its turn: some 290 in all, a few
 * milliseconds.
 */
export const MAX_BURST = 8;
/** The most that UDP carries. */
const MAX_BYTES = 65_536;
/** Texts of addresses that are kept: those of some thousand peers, and not those of a flood of forged ones. */
const MAX_TEXTS = 4_096;

/** recvmmsg(2) by `node:ffi` of Node 26. Undefined without that, or where the C library has no such function. */
export async function openReceiveMany(): Promise<ReceiveMany | undefined> {
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions } = dlopen(null, {
      recvmmsg: { arguments: ["i32", "buffer", "u32", "i32", "pointer"], return: "i32" },
    });
    const vectors = new MessageVectors(MAX_BURST, MAX_BYTES, getRawPointer);
    const texts = new Map<number, string>();
    return (socket, take) => {
      const descriptor = descriptorOf(socket);
      if (descriptor < 0) return 0;
      const count = functions.recvmmsg(descriptor, vectors.headers, MAX_BURST, MSG_DONTWAIT, 0n);
      for (let index = 0; index < count; index += 1) {
        const received = vectors.take(index);
        if (received !== undefined) take(received.bytes, textOf(texts, received.bits), received.port);
      }
      return Math.max(0, count);
    };
  } catch {
    return undefined;
  }
}

function textOf(texts: Map<number, string>, bits: number): string {
  const known = texts.get(bits);
  if (known !== undefined) return known;
  if (texts.size >= MAX_TEXTS) texts.clear();
  const text = ipv4Text(bits);
  texts.set(bits, text);
  return text;
}

/** After so many datagrams behind which nothing waited, it is looked again: a look in vain costs a fifth of a datagram. */
const PAUSE = 8;

/**
 * What waits in a socket behind the datagram that libuv has just read. libuv reads one at a time, and Node makes a buffer and
 * an event of each: in a storm, when many wait, all but one in nine are read without that.
 */
export class Bursts {
  readonly #receiveMany: ReceiveMany;
  readonly #take: Take;
  #pause = 0;

  constructor(receiveMany: ReceiveMany, take: Take) {
    this.#receiveMany = receiveMany;
    this.#take = take;
  }

  takeBehind(socket: Socket): void {
    if (this.#pause > 0) this.#pause -= 1;
    else if (this.#receiveMany(socket, this.#take) === 0) this.#pause = PAUSE;
  }
}
