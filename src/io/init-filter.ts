import type { Socket } from "node:dgram";
import { IS_LITTLE, viewOf } from "../base/c-memory.ts";
import { descriptorOf } from "./udp.ts";

/** What stands before an SCTP packet in what a socket's filter sees: a UDP header, or an IPv4 header with options. */
export type Before = "udp" | "ip";

/** setsockopt(2) of one socket. Errors: any, where it failed. */
type SetOption = (level: number, option: number, value: Buffer) => void;

/** socket(7), on Linux. */
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;

/** Of classic BPF (the kernel's Documentation/networking/filter.rst): what to load, compare and return. */
const LOAD_LENGTH = 0x80;
const LOAD_WORD = 0x20;
const LOAD_WORD_FROM_X = 0x40;
const LOAD_BYTE_FROM_X = 0x50;
const X_IS = 0x01;
/** x = 4 × the low half of the byte at k: the length of an IPv4 header. */
const X_IS_HEADER_LENGTH = 0xb1;
const SUBTRACT_X = 0x1c;
const IF_EQUAL = 0x15;
const IF_AT_LEAST = 0x35;
const RETURN = 0x06;
/** A load from here is a random number (SKF_AD_OFF + SKF_AD_RANDOM). */
const RANDOM = 0xfffff000 + 56;
const WHOLE_PACKET = 0xffffffff;

const UDP_HEADER_BYTES = 8;
/** Of the SCTP packet: the v-tag, which is 0 with an INIT only (RFC 9260 §8.5.1), and the type of the first chunk. */
const TAG_AT = 4;
const TYPE_AT = 12;
const INIT = 1;

/** struct sock_filter, and struct sock_fprog where pointers have eight bytes. */
const INSTRUCTION_BYTES = 8;
const PROGRAM_BYTES = 16;
const POINTER_AT = 8;

/**
 * A program for SO_ATTACH_FILTER: of INITs it lets a share (0 to 1) through, drawn by lot, and everything else. Eight
 * bytes an instruction (struct sock_filter), in the machine's byte order.
 */
export function initFilter(before: Before, share: number): Buffer {
  const [accept, drop] = [10, 11];
  /** [code, k, where to if so, where to if not]; jumps count from the next instruction. */
  const program: readonly (readonly [code: number, k: number, yes?: number, no?: number])[] = [
    before === "udp" ? [X_IS, UDP_HEADER_BYTES] : [X_IS_HEADER_LENGTH, 0],
    [LOAD_LENGTH, 0],
    [SUBTRACT_X, 0],
    // A load beyond the end would drop the packet.
    [IF_AT_LEAST, TYPE_AT + 1, 4, accept],
    [LOAD_BYTE_FROM_X, TYPE_AT],
    [IF_EQUAL, INIT, 6, accept],
    [LOAD_WORD_FROM_X, TAG_AT],
    [IF_EQUAL, 0, 8, accept],
    [LOAD_WORD, RANDOM],
    [IF_AT_LEAST, Math.min(0xffffffff, Math.floor(share * 2 ** 32)), drop, accept],
    [RETURN, WHOLE_PACKET],
    [RETURN, 0],
  ];
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  const view = viewOf(bytes);
  for (const [index, [code, k, yes, no]] of program.entries()) {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, IS_LITTLE);
    view.setUint8(at + 2, yes === undefined ? 0 : yes - index - 1);
    view.setUint8(at + 3, no === undefined ? 0 : no - index - 1);
    view.setUint32(at + 4, k, IS_LITTLE);
  }
  return bytes;
}

/**
 * Lets only a share of INITs through to a socket from now on, 1 for all of them. Node offers no way to it but calling
 * setsockopt(2) of its own C library with an address in memory, by `node:ffi` of Node 26; without that all is delivered,
 * which costs time and nothing else. Never throws.
 */
export async function thinInits(before: Before, share: number, setOption: SetOption): Promise<boolean> {
  try {
    // First, so that no call overtakes another.
    const { getRawPointer } = await import("node:ffi");
    if (share >= 1) {
      setOption(SOL_SOCKET, SO_DETACH_FILTER, Buffer.alloc(4));
      return true;
    }
    const filter = initFilter(before, share);
    const program = Buffer.alloc(PROGRAM_BYTES);
    const view = viewOf(program);
    view.setUint16(0, filter.length / INSTRUCTION_BYTES, IS_LITTLE);
    view.setBigUint64(POINTER_AT, getRawPointer(filter), IS_LITTLE);
    setOption(SOL_SOCKET, SO_ATTACH_FILTER, program);
    // Looked at once more, so that it is still there when the kernel reads it.
    return filter.length > 0;
  } catch {
    return false;
  }
}

/** setsockopt(2), looked up once: a registry has dozens of sockets, and a flood changes several times a second. */
let libc: ReturnType<typeof findSetsockopt> | undefined;

async function findSetsockopt() {
  const { dlopen } = await import("node:ffi");
  const { functions } = dlopen(null, {
    setsockopt: { arguments: ["i32", "i32", "i32", "buffer", "u32"], return: "i32" },
  });
  return functions;
}

/** {@link thinInits} for a UDP socket that is bound. */
export async function thinUdpInits(socket: Socket, share: number): Promise<boolean> {
  try {
    libc ??= findSetsockopt();
    const { setsockopt } = await libc;
    return await thinInits("udp", share, (level, option, value) => {
      const failed = setsockopt(descriptorOf(socket), level, option, value, value.length) !== 0;
      if (failed) throw new Error("setsockopt(2) failed");
    });
  } catch {
    return false;
  }
}
