import { CAUSE, type Cause } from "../encode.ts";

/** Error causes in ABORT and ERROR (RFC 9260 §3.3.10): `code(16) length(16, with this header) information padding`. */

const HEADER = 4;
const CAUSES_READ = 8;
const TEXT_LIMIT = 80;

/**
 * The causes up to the first that does not fit. An ABORT counts whatever its causes look like (§3.3.7), so this
 * never refuses.
 */
export function decodeCauses(bytes: Uint8Array): readonly Cause[] {
  const causes: Cause[] = [];
  let offset = 0;
  while (bytes.length - offset >= HEADER && causes.length < CAUSES_READ) {
    const code = ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
    const length = ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0);
    if (length < HEADER || length > bytes.length - offset) break;
    causes.push({ code, bytes: bytes.subarray(offset + HEADER, offset + length) });
    offset += (length + 3) & ~3;
  }
  return causes;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [CAUSE.invalidStream, "invalid stream identifier"],
  [CAUSE.missingParameter, "missing mandatory parameter"],
  [CAUSE.staleCookie, "stale cookie"],
  [CAUSE.outOfResource, "out of resource"],
  [CAUSE.unresolvableAddress, "unresolvable address"],
  [CAUSE.unrecognisedChunk, "unrecognised chunk type"],
  [CAUSE.invalidParameter, "invalid mandatory parameter"],
  [CAUSE.unrecognisedParameters, "unrecognised parameters"],
  [CAUSE.noUserData, "no user data"],
  [CAUSE.cookieWhileShuttingDown, "cookie received while shutting down"],
  [CAUSE.userAbort, "aborted by the user"],
  [CAUSE.protocolViolation, "protocol violation"],
]);

/** One line for people: the causes' names, and their text where the cause carries one; printable ASCII only. */
export function describeCauses(causes: readonly Cause[]): string {
  return causes
    .map(({ code, bytes }) => {
      const name = NAMES.get(code) ?? `cause ${code}`;
      const worded = code === CAUSE.userAbort || code === CAUSE.protocolViolation;
      const text = worded ? printable(bytes) : "";
      return text === "" ? name : `${name}: ${text}`;
    })
    .join(", ");
}

function printable(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, TEXT_LIMIT);
  return String.fromCharCode(...shown.map((byte) => (byte >= 0x20 && byte < 0x7f ? byte : 0x3f))).trim();
}
