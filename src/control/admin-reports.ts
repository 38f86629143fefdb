/** What the registry tells of keys, bans and what an admin did to somebody: shapes and parsers, as in reports.ts. */
import {
  boolean,
  field,
  list,
  nullable,
  optional,
  type Parse,
  parseObject,
  ShapeError,
  text,
} from "./parse.ts";

/** SHA-256 of a public key, 64 lower-case hexadecimal digits. */
export interface FingerprintReport {
  readonly fingerprint: string;
  /** The registry's name for humans. */
  readonly realm: string;
}

/** Whom a command was about; null where it did not say, or nobody knows. */
export interface ConcernedReport {
  /** False: it was so already. */
  readonly changed: boolean;
  readonly nickname: string | null;
  readonly fingerprint: string | null;
  readonly address: string | null;
}

export interface BanReport {
  readonly fingerprint: string;
  /** One of the nicknames bound to the key; null if there is none. */
  readonly nickname: string | null;
  /** ISO 8601, UTC. */
  readonly bannedAt: string;
  /** May be empty. */
  readonly reason: string;
}

/** A nickname, or a fingerprint as it is written (64 hexadecimal digits) or spoken (40 digits, with or without spaces). */
export interface TargetRequest {
  readonly target: string;
}

export interface BanRequest extends TargetRequest {
  readonly reason: string;
}

export interface ForgetRequest {
  readonly nickname: string;
}

/** Longer than any way to write a fingerprint, and than any nickname. */
const MAX_TARGET_LENGTH = 256;
/** What a store keeps beside a ban. */
const MAX_REASON_LENGTH = 200;
/** What a store keeps in all. */
const MAX_BANS = 10_000;

const name = text(256);

export const parseFingerprintText: Parse<string> = (value, where) => {
  const found = text(64)(value, where);
  if (!/^[0-9a-f]{64}$/.test(found)) throw new ShapeError(`${where} must be 64 hexadecimal digits`);
  return found;
};

export const parseFingerprintReport: Parse<FingerprintReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    fingerprint: field(object, "fingerprint", parseFingerprintText, where),
    realm: field(object, "realm", name, where),
  };
};

export const parseConcerned: Parse<ConcernedReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    changed: field(object, "changed", boolean, where),
    nickname: field(object, "nickname", nullable(name), where),
    fingerprint: field(object, "fingerprint", nullable(parseFingerprintText), where),
    address: field(object, "address", nullable(name), where),
  };
};

const parseBan: Parse<BanReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    fingerprint: field(object, "fingerprint", parseFingerprintText, where),
    nickname: field(object, "nickname", nullable(name), where),
    bannedAt: field(object, "bannedAt", text(64), where),
    reason: field(object, "reason", text(MAX_REASON_LENGTH), where),
  };
};

export const parseBans: Parse<readonly BanReport[]> = list(MAX_BANS, parseBan);

const target: Parse<string> = (value, where) => {
  const found = text(MAX_TARGET_LENGTH)(value, where);
  if (found.trim() === "") throw new ShapeError(`${where} must not be empty`);
  return found;
};

export const parseTargetRequest: Parse<TargetRequest> = (value, where) => ({
  target: field(parseObject(value, where), "target", target, where),
});

export const parseBanRequest: Parse<BanRequest> = (value, where) => {
  const object = parseObject(value, where);
  return {
    target: field(object, "target", target, where),
    reason: field(object, "reason", optional(text(MAX_REASON_LENGTH)), where) ?? "",
  };
};

export const parseForgetRequest: Parse<ForgetRequest> = (value, where) => ({
  nickname: field(parseObject(value, where), "nickname", target, where),
});
