import { HEARTBEAT_INFO_LIMIT, REPORT_LIMIT } from "../constants.ts";
import { CHUNK, PARAMETER } from "../encode.ts";

/**
 * Type-length-value parameters inside chunks (RFC 9260 §3.2.1):
 * `type(16) length(16, with this header) value padding(to 4)`.
 */
export interface Parameter {
  readonly type: number;
  readonly value: Uint8Array;
  /** The whole parameter with its header, for reporting it back; with its padding where that is there. */
  readonly whole: Uint8Array;
}

const HEADER = 4;
/** Linux with many addresses sends about 40. */
const PARAMETERS_PER_CHUNK = 128;

/** The parameters in `bytes`, or undefined when a length does not fit. The padding of the last may be missing. */
export function decodeParameters(bytes: Uint8Array): readonly Parameter[] | undefined {
  const parameters: Parameter[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < HEADER || parameters.length >= PARAMETERS_PER_CHUNK) return undefined;
    const type = uint16(bytes, offset);
    const length = uint16(bytes, offset + 2);
    if (length < HEADER || length > bytes.length - offset) return undefined;
    const padded = (length + 3) & ~3;
    parameters.push({
      type,
      value: bytes.subarray(offset + HEADER, offset + length),
      whole: bytes.subarray(offset, offset + padded),
    });
    offset += padded;
  }
  return parameters;
}

/** What an INIT or INIT ACK holds besides its fixed part. Listed addresses are not trusted and so not kept. */
export interface InitParameters {
  readonly cookie: Uint8Array | undefined;
  /** The peer takes I-DATA (RFC 8260 §2.2.1). */
  readonly interleaves: boolean;
  /** It names a host instead of an address, which must be refused (§3.3.2.1.4). */
  readonly namesHost: boolean;
  /** Parameters that must be reported back, bounded in count and size. */
  readonly unrecognised: readonly Uint8Array[];
}

/** §3.2.1: the highest bits of an unknown type say whether to look at what follows, and whether to report it. */
const GO_ON = 0x8000;
const REPORT = 0x4000;

/** Known and, on a path that is one address, without effect here. */
const IGNORED: ReadonlySet<number> = new Set([
  PARAMETER.ipv4Address,
  PARAMETER.ipv6Address,
  PARAMETER.cookiePreservative,
  PARAMETER.supportedAddressTypes,
  PARAMETER.unrecognised,
]);

export function decodeInitParameters(bytes: Uint8Array): InitParameters | undefined {
  const parameters = decodeParameters(bytes);
  if (parameters === undefined) return undefined;
  let cookie: Uint8Array | undefined;
  let interleaves = false;
  let namesHost = false;
  const unrecognised: Uint8Array[] = [];
  let reported = 0;
  for (const { type, value, whole } of parameters) {
    if (IGNORED.has(type)) continue;
    if (type === PARAMETER.stateCookie) cookie ??= value;
    else if (type === PARAMETER.supportedExtensions) interleaves ||= value.includes(CHUNK.iData);
    else if (type === PARAMETER.hostName) namesHost = true;
    else {
      if ((type & REPORT) !== 0 && reported + whole.length <= REPORT_LIMIT) {
        unrecognised.push(whole);
        reported += whole.length;
      }
      if ((type & GO_ON) === 0) break;
    }
  }
  return { cookie, interleaves, namesHost, unrecognised };
}

/** The opaque information of HEARTBEAT and HEARTBEAT ACK (§3.3.5): exactly one parameter. */
export function decodeHeartbeatInfo(bytes: Uint8Array): Uint8Array | undefined {
  const parameters = decodeParameters(bytes);
  const info = parameters?.[0];
  if (info === undefined || parameters?.length !== 1) return undefined;
  if (info.type !== PARAMETER.heartbeatInfo || info.value.length > HEARTBEAT_INFO_LIMIT) return undefined;
  return info.value;
}

function uint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
