import { existsSync } from "node:fs";
import { IS_LITTLE, viewOf } from "../base/c-memory.ts";
import type { LogFields } from "../base/log.ts";
import { escapeText } from "../base/text.ts";

/** One line with its fields; false when it could not be handed over, and must go another way. */
export type JournalSend = (priority: number, message: string, fields: LogFields) => boolean;

/** Where journald listens (systemd-journald.service(8)). */
const SOCKET = "/run/systemd/journal/socket";
/** Of the library that every machine with systemd has. */
const LIBRARY = "libsystemd.so.0";
/** struct iovec of writev(2): an address and a length, eight bytes each. */
const IOVEC_BYTES = 16;
const LENGTH_AT = 8;
/** Of one field, UTF-16 units before escaping. */
export const MAX_VALUE = 256;

/**
 * journald's own protocol, by which a line carries its fields apart from its text (sd_journal_send(3)), so that
 * `journalctl MULTIPROTO_REASON=lost` finds it. Node has no datagrams on Unix sockets; `node:ffi` of Node 26 calls the
 * library of systemd itself. Undefined where either is missing, or journald cannot be reached from here: the library takes a
 * line for nobody without complaint.
 */
export async function openJournal(socket = SOCKET): Promise<JournalSend | undefined> {
  if (!existsSync(socket)) return undefined;
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions } = dlopen(LIBRARY, {
      sd_journal_sendv: { arguments: ["buffer", "i32"], return: "i32" },
    });
    return (priority, message, fields) => {
      const assignments = journalFields(priority, message, fields).map((text) => Buffer.from(text));
      const bytes = Buffer.concat(assignments);
      const vectors = Buffer.alloc(assignments.length * IOVEC_BYTES);
      const view = viewOf(vectors);
      let address = getRawPointer(bytes);
      for (const [index, { length }] of assignments.entries()) {
        view.setBigUint64(index * IOVEC_BYTES, address, IS_LITTLE);
        view.setBigUint64(index * IOVEC_BYTES + LENGTH_AT, BigInt(length), IS_LITTLE);
        address += BigInt(length);
      }
      const result = functions.sd_journal_sendv(vectors, assignments.length);
      // Looked at once more, so that the bytes are still there when they are read.
      return result === 0 && bytes.length > 0;
    };
  } catch {
    return undefined;
  }
}

/** `NAME=value` each; ours begin with MULTIPROTO_. Nothing in a value acts on a terminal. */
export function journalFields(priority: number, message: string, fields: LogFields): readonly string[] {
  const own = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${fieldName(key)}=${escapeText(String(value), MAX_VALUE)}`);
  return [`MESSAGE=${message}`, `PRIORITY=${priority}`, "SYSLOG_IDENTIFIER=multiprotod", ...own];
}

/** "sctp-raw" is MULTIPROTO_SCTP_RAW; journald takes at most 64 characters. */
function fieldName(key: string): string {
  return `MULTIPROTO_${key.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`.slice(0, 64);
}
