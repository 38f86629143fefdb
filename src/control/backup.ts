/** How nicknames and bans leave a registry and come into another: shapes and parsers, as in reports.ts. */

import { parseFingerprintText } from "./admin-reports.ts";
import { boolean, integer, list, optional, type Parse, ShapeError, shape, text } from "./parse.ts";

/** A nickname and whose it is. */
export interface BindingReport {
  readonly nickname: string;
  /** 64 lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** ISO 8601, UTC. */
  readonly boundAt: string;
  readonly lastSeen: string;
}

/** A key that is kept out. */
export interface BannedKey {
  readonly fingerprint: string;
  /** ISO 8601, UTC. */
  readonly bannedAt: string;
  /** One line; may be empty. */
  readonly reason: string;
}

export interface BindingsRequest {
  /** The nickname of the last one that is known; absent: from the first on. */
  readonly after?: string;
}

/** A part of all bindings, in the order of folded nicknames. */
export interface BindingsReport {
  readonly bindings: readonly BindingReport[];
  readonly isLast: boolean;
}

export interface ImportRequest {
  readonly bindings: readonly BindingReport[];
  readonly bans: readonly BannedKey[];
}

/** What became of an import, when all of it is durable. */
export interface ImportReport {
  /** Bound or banned now. */
  readonly added: number;
  /** So already. */
  readonly known: number;
  readonly refused: readonly RefusedReport[];
}

export interface RefusedReport {
  /** The nickname or the fingerprint. */
  readonly what: string;
  readonly why: string;
}

/** Bindings of one answer, which holds some 200 bytes for each. */
export const BINDINGS_AT_ONCE = 5_000;
/** Entries of one request, which holds 64 KiB. */
export const IMPORTED_AT_ONCE = 100;

const name = text(256);
const parseName: Parse<string> = (value, where) => {
  const found = name(value, where);
  if (found === "") throw new ShapeError(`${where} must not be empty`);
  return found;
};

/** The only form in which times are written. */
const parseTime: Parse<string> = (value, where) => {
  const found = text(32)(value, where);
  const time = new Date(found);
  if (Number.isNaN(time.getTime()) || time.toISOString() !== found || time.getTime() < 0)
    throw new ShapeError(`${where} must be a time such as 2026-11-22T19:00:00.000Z`);
  return found;
};

export const parseBinding: Parse<BindingReport> = shape<BindingReport>({
  nickname: parseName,
  fingerprint: parseFingerprintText,
  boundAt: parseTime,
  lastSeen: parseTime,
});

export const parseBannedKey: Parse<BannedKey> = shape<BannedKey>({
  fingerprint: parseFingerprintText,
  bannedAt: parseTime,
  reason: text(200),
});

export const parseBindingsRequest: Parse<BindingsRequest> = shape<BindingsRequest>({
  after: optional(parseName),
});

export const parseBindings: Parse<BindingsReport> = shape<BindingsReport>({
  bindings: list(BINDINGS_AT_ONCE, parseBinding),
  isLast: boolean,
});

export const parseImportRequest: Parse<ImportRequest> = shape<ImportRequest>({
  bindings: list(IMPORTED_AT_ONCE, parseBinding),
  bans: list(IMPORTED_AT_ONCE, parseBannedKey),
});

const parseRefused = shape<RefusedReport>({ what: name, why: text(1_024) });
const count = integer(0, 2 * IMPORTED_AT_ONCE);

export const parseImport: Parse<ImportReport> = shape<ImportReport>({
  added: count,
  known: count,
  refused: list(2 * IMPORTED_AT_ONCE, parseRefused),
});
