/** Rows of the database and what they mean. A row that does not mean anything, or fails its sum, parses to undefined. */
import type { SQLOutputValue } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type Ban, type Binding, type Lineage, MAX_BAN_REASON_LENGTH } from "../roster/store.ts";
import type { Epoch } from "../wire/mp2-values.ts";
import { foldNickname, parseNickname } from "../wire/nickname.ts";

type Row = Readonly<Record<string, SQLOutputValue>>;

export function bindingRow(binding: Binding) {
  const folded = foldNickname(binding.nickname);
  return {
    folded,
    nickname: binding.nickname,
    fingerprint: fingerprintBytes(binding.fingerprint),
    bound_at: binding.boundAt,
    last_seen: binding.lastSeen,
    crc: sum(folded, binding.nickname, binding.fingerprint, binding.boundAt),
  };
}

export function parseBinding(row: Row): Binding | undefined {
  const { folded, nickname: name, bound_at: boundAt, last_seen: lastSeen, crc } = row;
  const fingerprint = parseFingerprint(row.fingerprint);
  if (fingerprint === undefined || typeof name !== "string" || typeof folded !== "string") return undefined;
  if (!isCount(boundAt) || !isCount(lastSeen) || crc !== sum(folded, name, fingerprint, boundAt))
    return undefined;
  const parsed = parseNickname(name);
  return parsed.ok ? { nickname: parsed.nickname, fingerprint, boundAt, lastSeen } : undefined;
}

export function banRow({ fingerprint, bannedAt, reason }: Ban) {
  return {
    fingerprint: fingerprintBytes(fingerprint),
    banned_at: bannedAt,
    reason,
    crc: sum(fingerprint, bannedAt, reason),
  };
}

export function parseBan(row: Row): Ban | undefined {
  const { banned_at: bannedAt, reason, crc } = row;
  const fingerprint = parseFingerprint(row.fingerprint);
  if (fingerprint === undefined || typeof reason !== "string" || !isCount(bannedAt)) return undefined;
  if (reason.length > MAX_BAN_REASON_LENGTH || crc !== sum(fingerprint, bannedAt, reason)) return undefined;
  return { fingerprint, bannedAt, reason };
}

export function lineageRow({ epoch, seqLimit }: Lineage) {
  return { epoch, seq_limit: seqLimit, crc: sum(epoch, seqLimit) };
}

export function parseLineage(row: Row): Lineage | undefined {
  const { epoch, seq_limit: seqLimit, crc } = row;
  if (typeof epoch !== "string" || !/^[0-9a-f]{16}$/.test(epoch) || !isCount(seqLimit)) return undefined;
  return crc === sum(epoch, seqLimit) ? { epoch: epoch as Epoch, seqLimit } : undefined;
}

/** The 32 bytes of its 64 digits. */
export function fingerprintBytes(fingerprint: Fingerprint): Uint8Array {
  return Buffer.from(fingerprint, "hex");
}

function parseFingerprint(value: SQLOutputValue | undefined): Fingerprint | undefined {
  if (!(value instanceof Uint8Array) || value.length !== 32) return undefined;
  return Buffer.from(value).toString("hex") as Fingerprint;
}

function isCount(value: SQLOutputValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function sum(...parts: readonly (string | number)[]): number {
  return crc32(parts.join("\0"));
}
