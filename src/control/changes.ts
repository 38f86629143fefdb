/** How the roster's changes cross the control socket, one after the other: shapes and parsers, as in reports.ts. */
import { foldNickname } from "../wire/nickname.ts";
import {
  boolean,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  type Parse,
  ShapeError,
  shape,
  text,
} from "./parse.ts";

/** Where the asker stands, as the last answer said. Without it the answer is the whole roster. */
export interface ChangesRequest {
  readonly after?: { readonly epoch: string; readonly seq: number };
  /** Answered at once if something has changed since, else when something does or so much time has passed. */
  readonly waitMillis: number;
}

export interface ChangesReport {
  readonly epoch: string;
  readonly seq: number;
  /** `clients` are all that there are, as they are: the asker knew nothing, or not enough. */
  readonly isWhole: boolean;
  /** In order; a client may have changed more than once. */
  readonly clients: readonly ChangedClient[];
}

/** How one client stands since a change. */
export interface ChangedClient {
  readonly nickname: string;
  /** "gone": the nickname is free, or its holder was offline for longest and made room. */
  readonly state: "online" | "away" | "suspect" | "offline" | "gone";
  /** Why offline. */
  readonly reason: string | null;
  /** Since when, or last seen; ISO 8601, UTC. Null of who is gone, as all below. */
  readonly since: string | null;
  readonly address: string | null;
  readonly port: number | null;
  readonly protocol: "mp1" | "mp2" | null;
  /** 64 lower-case hexadecimal digits; null over mp1, too. */
  readonly fingerprint: string | null;
  /** What its user says of itself. */
  readonly status: string | null;
}

/** The same for whoever has the nickname, however it is written: a nickname is unique by that. */
export function nameKey(nickname: string): string {
  return foldNickname(nickname);
}

/** Who asks again is not taken for dead, nor kept for ever. */
export const MAX_WAIT_MILLIS = 60_000;
const MAX_CLIENTS = 100_000;

const name = text(256);
const parseEpoch = text(16);
const seq = integer(0, Number.MAX_SAFE_INTEGER);

const parseEpochDigits: Parse<string> = (value, where) => {
  const epoch = parseEpoch(value, where);
  if (!/^[0-9a-f]{16}$/.test(epoch)) throw new ShapeError(`${where} must be 16 hexadecimal digits`);
  return epoch;
};

export const parseChangesRequest: Parse<ChangesRequest> = shape<ChangesRequest>({
  after: optional(shape<NonNullable<ChangesRequest["after"]>>({ epoch: parseEpochDigits, seq })),
  waitMillis: integer(0, MAX_WAIT_MILLIS),
});

const parseClient = shape<ChangedClient>({
  nickname: name,
  state: oneOf(["online", "away", "suspect", "offline", "gone"]),
  reason: nullable(name),
  since: nullable(text(64)),
  address: nullable(name),
  port: nullable(integer(0, 65_535)),
  protocol: nullable(oneOf(["mp1", "mp2"])),
  fingerprint: nullable(text(64)),
  status: nullable(text(1_024)),
});

export const parseChanges: Parse<ChangesReport> = shape<ChangesReport>({
  epoch: parseEpoch,
  seq,
  isWhole: boolean,
  clients: list(MAX_CLIENTS, parseClient),
});
