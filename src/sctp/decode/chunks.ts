import { COOKIE_LIMIT, DATA_HEADER, GAP_BLOCKS_READ, I_DATA_HEADER } from "../constants.ts";
import { type Cause, CHUNK, type GapBlock, type InitFields } from "../encode.ts";
import { decodeCauses } from "./causes.ts";
import { decodeHeartbeatInfo, decodeInitParameters, type InitParameters } from "./parameters.ts";

/**
 * One decoder a chunk type: known types, exact lengths, every count checked against the bytes that are there.
 * `undefined` means malformed. Byte fields are views into the packet: copy what is kept.
 */

/** What DATA and I-DATA have in common. */
interface UserData {
  readonly tsn: number;
  readonly stream: number;
  readonly ppid: number;
  readonly unordered: boolean;
  readonly begins: boolean;
  readonly ends: boolean;
  /** The I bit (§3.3.1): the sender asks for a SACK at once. */
  readonly immediate: boolean;
  readonly bytes: Uint8Array;
}

/** DATA, §3.3.1: `flags tsn(32) stream(16) ssn(16) ppid(32) bytes`. */
export interface DataChunk extends UserData {
  readonly type: "data";
  readonly ssn: number;
}

/** I-DATA, RFC 8260 §2.1: `flags tsn(32) stream(16) reserved(16) mid(32) ppid-or-fsn(32) bytes`. */
export interface InterleavedDataChunk extends UserData {
  readonly type: "i-data";
  readonly mid: number;
  /** 0 in the first fragment; the PPID is 0 in all others. */
  readonly fsn: number;
}

/** INIT and INIT ACK, §3.3.2: `tag(32) window(32) outbound(16) inbound(16) tsn(32) parameters`. */
export interface InitChunk extends Omit<InitFields, "interleaves">, InitParameters {
  readonly type: "init" | "init-ack";
}

/** SACK, §3.3.4: `cumulative tsn(32) window(32) blocks(16) duplicates(16) block… duplicate…`. */
export interface SackChunk {
  readonly type: "sack";
  readonly cumulativeTsn: number;
  readonly window: number;
  /** At most {@link GAP_BLOCKS_READ}, strictly ascending and apart; none when the peer's are not. */
  readonly gaps: readonly GapBlock[];
}

export type Chunk =
  | DataChunk
  | InterleavedDataChunk
  | InitChunk
  | SackChunk
  | { readonly type: "heartbeat" | "heartbeat-ack"; readonly info: Uint8Array }
  | { readonly type: "abort"; readonly reflected: boolean; readonly causes: readonly Cause[] }
  | { readonly type: "error"; readonly causes: readonly Cause[] }
  | { readonly type: "shutdown"; readonly cumulativeTsn: number }
  | { readonly type: "shutdown-ack" | "cookie-ack" }
  | { readonly type: "shutdown-complete"; readonly reflected: boolean }
  | { readonly type: "cookie-echo"; readonly cookie: Uint8Array }
  /** A type we do not know; its highest bits say what to do (§3.2). */
  | { readonly type: "unknown"; readonly id: number; readonly whole: Uint8Array };

type Decoder = (view: DataView, flags: number) => Chunk | undefined;

const CHUNK_HEADER = 4;
const INIT_HEADER = 20;
const SACK_HEADER = 16;

/** `whole` is the chunk with its header and without its padding. */
export function decodeChunk(whole: Uint8Array): Chunk | undefined {
  const id = whole[0] ?? 0;
  const decode = DECODERS.get(id);
  if (decode === undefined) return { type: "unknown", id, whole };
  return decode(new DataView(whole.buffer, whole.byteOffset, whole.length), whole[1] ?? 0);
}

const decodeData: Decoder = (view, flags) => {
  if (view.byteLength < DATA_HEADER) return undefined;
  return {
    type: "data",
    tsn: view.getUint32(4),
    stream: view.getUint16(8),
    ssn: view.getUint16(10),
    ppid: view.getUint32(12),
    ...dataFlags(flags),
    bytes: rest(view, DATA_HEADER),
  };
};

const decodeInterleavedData: Decoder = (view, flags) => {
  if (view.byteLength < I_DATA_HEADER) return undefined;
  const begins = (flags & 0x02) !== 0;
  const ppidOrFsn = view.getUint32(16);
  return {
    type: "i-data",
    tsn: view.getUint32(4),
    stream: view.getUint16(8),
    mid: view.getUint32(12),
    ppid: begins ? ppidOrFsn : 0,
    fsn: begins ? 0 : ppidOrFsn,
    ...dataFlags(flags),
    bytes: rest(view, I_DATA_HEADER),
  };
};

function dataFlags(flags: number) {
  return {
    ends: (flags & 0x01) !== 0,
    begins: (flags & 0x02) !== 0,
    unordered: (flags & 0x04) !== 0,
    immediate: (flags & 0x08) !== 0,
  };
}

function initDecoder(type: InitChunk["type"]): Decoder {
  return (view) => {
    if (view.byteLength < INIT_HEADER) return undefined;
    const parameters = decodeInitParameters(rest(view, INIT_HEADER));
    if (parameters === undefined || (parameters.cookie?.length ?? 0) > COOKIE_LIMIT) return undefined;
    return {
      type,
      tag: view.getUint32(4),
      window: view.getUint32(8),
      outboundStreams: view.getUint16(12),
      inboundStreams: view.getUint16(14),
      initialTsn: view.getUint32(16),
      ...parameters,
    };
  };
}

const decodeSack: Decoder = (view) => {
  if (view.byteLength < SACK_HEADER) return undefined;
  const blocks = view.getUint16(12);
  const duplicates = view.getUint16(14);
  if (view.byteLength !== SACK_HEADER + 4 * (blocks + duplicates)) return undefined;
  return {
    type: "sack",
    cumulativeTsn: view.getUint32(4),
    window: view.getUint32(8),
    gaps: decodeGaps(view, Math.min(blocks, GAP_BLOCKS_READ)),
  };
};

/**
 * Blocks that overlap or run backwards would make the sender walk its queue again and again: such a list counts as
 * empty, the cumulative TSN of its SACK still counts.
 */
function decodeGaps(view: DataView, count: number): readonly GapBlock[] {
  const gaps: GapBlock[] = [];
  let previous = 0;
  for (let index = 0; index < count; index += 1) {
    const start = view.getUint16(SACK_HEADER + 4 * index);
    const end = view.getUint16(SACK_HEADER + 4 * index + 2);
    if (start <= previous || end < start) return [];
    gaps.push({ start, end });
    previous = end;
  }
  return gaps;
}

function heartbeatDecoder(type: "heartbeat" | "heartbeat-ack"): Decoder {
  return (view) => {
    const info = decodeHeartbeatInfo(rest(view, CHUNK_HEADER));
    return info === undefined ? undefined : { type, info };
  };
}

const decodeAbort: Decoder = (view, flags) => ({
  type: "abort",
  reflected: (flags & 0x01) !== 0,
  causes: decodeCauses(rest(view, CHUNK_HEADER)),
});

const decodeError: Decoder = (view) => ({ type: "error", causes: decodeCauses(rest(view, CHUNK_HEADER)) });

const decodeShutdown: Decoder = (view) =>
  view.byteLength === 8 ? { type: "shutdown", cumulativeTsn: view.getUint32(4) } : undefined;

const decodeCookieEcho: Decoder = (view) => {
  const cookie = rest(view, CHUNK_HEADER);
  return cookie.length > COOKIE_LIMIT ? undefined : { type: "cookie-echo", cookie };
};

function bareDecoder(type: "shutdown-ack" | "cookie-ack"): Decoder {
  return (view) => (view.byteLength === CHUNK_HEADER ? { type } : undefined);
}

const decodeShutdownComplete: Decoder = (view, flags) =>
  view.byteLength === CHUNK_HEADER
    ? { type: "shutdown-complete", reflected: (flags & 0x01) !== 0 }
    : undefined;

const DECODERS: ReadonlyMap<number, Decoder> = new Map([
  [CHUNK.data, decodeData],
  [CHUNK.iData, decodeInterleavedData],
  [CHUNK.init, initDecoder("init")],
  [CHUNK.initAck, initDecoder("init-ack")],
  [CHUNK.sack, decodeSack],
  [CHUNK.heartbeat, heartbeatDecoder("heartbeat")],
  [CHUNK.heartbeatAck, heartbeatDecoder("heartbeat-ack")],
  [CHUNK.abort, decodeAbort],
  [CHUNK.shutdown, decodeShutdown],
  [CHUNK.shutdownAck, bareDecoder("shutdown-ack")],
  [CHUNK.error, decodeError],
  [CHUNK.cookieEcho, decodeCookieEcho],
  [CHUNK.cookieAck, bareDecoder("cookie-ack")],
  [CHUNK.shutdownComplete, decodeShutdownComplete],
]);

function rest(view: DataView, offset: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, view.byteLength - offset);
}
