/**
 * All chunks that leave are encoded by npm `sctp` 1.0.0 but DATA and I-DATA, and the numbers of the protocol are taken from
 * its tables; this is the only file that knows the package. Nothing received is ever given to it (docs/decisions/0001).
 */
import PackageChunk from "sctp/lib/chunk.js";
import definitions from "sctp/lib/defs.js";
import { MisuseError } from "../base/errors.ts";
import { transientBytes } from "../base/slab.ts";
import { COMMON_HEADER, DATA_HEADER, I_DATA_HEADER } from "./constants.ts";
import { writeChecksum } from "./crc32c.ts";

function known(number: number | undefined, name: string): number {
  if (number === undefined) throw new MisuseError(`npm sctp does not define ${name}`);
  return number;
}

function chunkId(name: string): number {
  return known(definitions.chunkdefs[name]?.id, name);
}

function parameterId(name: string): number {
  return known(definitions.tlvs[name]?.id, name);
}

function causeCode(name: string): number {
  return known(definitions.CAUSE_CODES[name], name);
}

/** Chunk types, RFC 9260 §3.2 and RFC 8260 §2.1. */
export const CHUNK = {
  data: chunkId("data"),
  iData: chunkId("i_data"),
  init: chunkId("init"),
  initAck: chunkId("init_ack"),
  sack: chunkId("sack"),
  heartbeat: chunkId("heartbeat"),
  heartbeatAck: chunkId("heartbeat_ack"),
  abort: chunkId("abort"),
  shutdown: chunkId("shutdown"),
  shutdownAck: chunkId("shutdown_ack"),
  error: chunkId("error"),
  cookieEcho: chunkId("cookie_echo"),
  cookieAck: chunkId("cookie_ack"),
  shutdownComplete: chunkId("shutdown_complete"),
} as const;

/** Parameter types, RFC 9260 §3.3.2.1 and §3.3.5. */
export const PARAMETER = {
  heartbeatInfo: parameterId("heartbeat_info"),
  ipv4Address: parameterId("ipv4_address"),
  ipv6Address: parameterId("ipv6_address"),
  stateCookie: parameterId("state_cookie"),
  unrecognised: parameterId("unrecognized_parameter"),
  cookiePreservative: parameterId("cookie_preservative"),
  hostName: parameterId("host_name_address"),
  supportedAddressTypes: parameterId("supported_address_type"),
  /** RFC 5061 §4.2.7. */
  supportedExtensions: parameterId("supported_extensions"),
} as const;

/** Error causes, RFC 9260 §3.3.10 (the package's spelling of the names is its own). */
export const CAUSE = {
  invalidStream: causeCode("INVALID_STREAM_IDENTIFIER"),
  missingParameter: causeCode("MISSING_MANDATORY_PARAMETER"),
  staleCookie: causeCode("STALE_COOKIE_ERROR"),
  outOfResource: causeCode("OUT_OF_RESOURCE"),
  unresolvableAddress: causeCode("UNRESOLVABLE_ADDRESS"),
  unrecognisedChunk: causeCode("UNRECONGNIZED_CHUNK_TYPE"),
  invalidParameter: causeCode("INVALID_MANDATORY_PARAMETER"),
  unrecognisedParameters: causeCode("UNRECONGNIZED_PARAMETERS"),
  noUserData: causeCode("NO_USER_DATA"),
  cookieWhileShuttingDown: causeCode("COOKIE_RECEIVED_WHILE_SHUTTING_DOWN"),
  userAbort: causeCode("USER_INITIATED_ABORT"),
  protocolViolation: causeCode("PROTOCOL_VIOLATION"),
} as const;

/** A chunk ready to go into a packet, padded to four bytes. */
export type EncodedChunk = Buffer;

/** The package copies with `Buffer.copy`, so it must be given Buffers; this is a view, not a copy. */
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export interface DataFields {
  readonly tsn: number;
  readonly stream: number;
  readonly ssn: number;
  readonly ppid: number;
  readonly begins: boolean;
  readonly ends: boolean;
  readonly bytes: Uint8Array;
}

function dataFlags(fragment: { readonly begins: boolean; readonly ends: boolean }): number {
  return (fragment.begins ? 0x02 : 0) | (fragment.ends ? 0x01 : 0);
}

/** DATA, §3.3.1. */
export function encodeData(data: DataFields): EncodedChunk {
  const chunk = dataChunk(CHUNK.data, DATA_HEADER, data);
  chunk.writeUInt16BE(data.ssn, 10);
  chunk.writeUInt32BE(data.ppid, 12);
  return chunk;
}

/** What DATA and I-DATA have in common: `type flags length TSN stream … data`, padded with zeros (§3.2). */
function dataChunk(
  type: number,
  header: number,
  data: Pick<DataFields, "tsn" | "stream" | "begins" | "ends" | "bytes">,
): EncodedChunk {
  const length = header + data.bytes.length;
  const chunk = Buffer.alloc((length + 3) & ~3);
  chunk[0] = type;
  chunk[1] = dataFlags(data);
  chunk.writeUInt16BE(length, 2);
  chunk.writeUInt32BE(data.tsn, 4);
  chunk.writeUInt16BE(data.stream, 8);
  chunk.set(data.bytes, header);
  return chunk;
}

export interface InterleavedDataFields {
  readonly tsn: number;
  readonly stream: number;
  readonly mid: number;
  /** Sent in the first fragment; the others carry their number in its place. */
  readonly ppid: number;
  readonly fsn: number;
  readonly begins: boolean;
  readonly ends: boolean;
  readonly bytes: Uint8Array;
}

/** I-DATA, RFC 8260 §2.1, of whose MID the package would write 16 bits. */
export function encodeInterleavedData(data: InterleavedDataFields): EncodedChunk {
  const chunk = dataChunk(CHUNK.iData, I_DATA_HEADER, data);
  chunk.writeUInt32BE(data.mid, 12);
  chunk.writeUInt32BE(data.begins ? data.ppid : data.fsn, 16);
  return chunk;
}

export interface InitFields {
  readonly tag: number;
  readonly window: number;
  readonly outboundStreams: number;
  readonly inboundStreams: number;
  readonly initialTsn: number;
  /** Offer to interleave messages, or acceptance of the offer (RFC 8260 §2.2.1). */
  readonly interleaves?: boolean;
}

function initOptions(init: InitFields) {
  return {
    ...(init.interleaves === true ? { supported_extensions: Buffer.of(CHUNK.iData) } : {}),
    initiate_tag: init.tag,
    a_rwnd: init.window,
    outbound_streams: init.outboundStreams,
    inbound_streams: init.inboundStreams,
    initial_tsn: init.initialTsn,
  };
}

/** INIT, §3.3.2. */
export function encodeInit(init: InitFields): EncodedChunk {
  return new PackageChunk("init", initOptions(init)).toBuffer();
}

/** INIT ACK, §3.3.3: `unrecognised` are whole parameters of the INIT, each sent back in one of its own (§3.2.2). */
export function encodeInitAck(
  init: InitFields,
  cookie: Uint8Array,
  unrecognised: readonly Uint8Array[],
): EncodedChunk {
  return new PackageChunk("init_ack", {
    ...initOptions(init),
    state_cookie: view(cookie),
    unrecognized_parameter: unrecognised.map(view),
  }).toBuffer();
}

export interface GapBlock {
  /** Offsets from the cumulative TSN, both inclusive. */
  readonly start: number;
  readonly end: number;
}

/** SACK, §3.3.4. */
export function encodeSack(
  cumulativeTsn: number,
  window: number,
  gaps: readonly GapBlock[],
  duplicates: readonly number[],
): EncodedChunk {
  return new PackageChunk("sack", {
    c_tsn_ack: cumulativeTsn,
    a_rwnd: window,
    sack_info: {
      gap_blocks: gaps.map((gap) => ({ start: gap.start, finish: gap.end })),
      duplicate_tsn: duplicates,
    },
  }).toBuffer();
}

/** HEARTBEAT, §3.3.5. */
export function encodeHeartbeat(info: Uint8Array): EncodedChunk {
  return new PackageChunk("heartbeat", { heartbeat_info: view(info) }).toBuffer();
}

/** HEARTBEAT ACK, §3.3.6. */
export function encodeHeartbeatAck(info: Uint8Array): EncodedChunk {
  return new PackageChunk("heartbeat_ack", { heartbeat_info: view(info) }).toBuffer();
}

export interface Cause {
  readonly code: number;
  readonly bytes: Uint8Array;
}

/**
 * The package writes the bodies of five causes and drops those of the others, so every cause is given to it as one
 * that it writes as it stands, and its code (the two bytes after the chunk header) is set afterwards.
 */
function encodeWithCause(chunkType: "abort" | "error", flags: number, cause: Cause): EncodedChunk {
  const encoded = new PackageChunk(chunkType, {
    flags,
    error_causes: [{ cause_code: CAUSE.unrecognisedParameters, unrecognized_parameters: cause.bytes }],
  }).toBuffer();
  encoded.writeUInt16BE(cause.code, 4);
  return encoded;
}

/** ABORT, §3.3.7. `reflected` is the T bit: the v-tag is the one that the peer sent (§8.5.1). */
export function encodeAbort(reflected: boolean, cause: Cause | undefined): EncodedChunk {
  const flags = reflected ? 1 : 0;
  if (cause === undefined) return new PackageChunk("abort", { flags }).toBuffer();
  return encodeWithCause("abort", flags, cause);
}

/** ERROR, §3.3.10. */
export function encodeError(cause: Cause): EncodedChunk {
  return encodeWithCause("error", 0, cause);
}

/** SHUTDOWN, §3.3.8. */
export function encodeShutdown(cumulativeTsn: number): EncodedChunk {
  return new PackageChunk("shutdown", { c_tsn_ack: cumulativeTsn }).toBuffer();
}

/** SHUTDOWN ACK, §3.3.9. */
export function encodeShutdownAck(): EncodedChunk {
  return new PackageChunk("shutdown_ack").toBuffer();
}

/** SHUTDOWN COMPLETE, §3.3.13. */
export function encodeShutdownComplete(reflected: boolean): EncodedChunk {
  return new PackageChunk("shutdown_complete", { flags: reflected ? 1 : 0 }).toBuffer();
}

/** COOKIE ECHO, §3.3.11. */
export function encodeCookieEcho(cookie: Uint8Array): EncodedChunk {
  return new PackageChunk("cookie_echo", { cookie: view(cookie) }).toBuffer();
}

/** COOKIE ACK, §3.3.12. */
export function encodeCookieAck(): EncodedChunk {
  return new PackageChunk("cookie_ack").toBuffer();
}

/** A packet with its CRC32c, §3.1. To be sent, or copied, soon: see {@link transientBytes}. */
export function encodePacket(
  sourcePort: number,
  destinationPort: number,
  verificationTag: number,
  chunks: readonly EncodedChunk[],
): Uint8Array {
  let length = COMMON_HEADER;
  for (const chunk of chunks) length += chunk.length;
  const packet = transientBytes(length);
  const view = new DataView(packet.buffer, packet.byteOffset, COMMON_HEADER);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint32(4, verificationTag);
  let offset = COMMON_HEADER;
  for (const chunk of chunks) {
    packet.set(chunk, offset);
    offset += chunk.length;
  }
  writeChecksum(packet);
  return packet;
}
