import type { Socket } from "node:dgram";
import { ipv4Bits } from "../base/ipv4.ts";
import { MessageVectors, MSG_DONTWAIT } from "./message-vectors.ts";
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
    const vectors = new MessageVectors(MAX_BATCH, MAX_BYTES, getRawPointer);
    return (socket, datagrams) => {
      const descriptor = descriptorOf(socket);
      const count = fill(vectors, datagrams);
      if (descriptor < 0 || count === 0) return 0;
      return Math.max(0, functions.sendmmsg(descriptor, vectors.headers, count, MSG_DONTWAIT));
    };
  } catch {
    return undefined;
  }
}

/** How many of the first ones are in it now. */
function fill(vectors: MessageVectors, datagrams: readonly Datagram[]): number {
  const end = Math.min(datagrams.length, MAX_BATCH);
  for (let index = 0; index < end; index += 1) {
    const datagram = datagrams[index];
    if (datagram === undefined) return index;
    const bits = ipv4Bits(datagram.address);
    if (bits === undefined || !vectors.put(index, datagram.bytes, bits, datagram.port)) return index;
  }
  return end;
}
