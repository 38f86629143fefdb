/** How the roster's changes cross the control socket, one after the other: shapes and parsers, as in reports.ts. */
import { foldNickname } from "../wire/nickname.ts";
import {
  boolean,
  field,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  type Parse,
  parseObject,
  ShapeError,
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

/** Whether that is who is meant by `nickname`, however it is written. */
export function isNamed({ nickname }: ChangedClient, wanted: string): boolean {
  return foldNickname(nickname) === foldNickname(wanted);
}

/** Who asks again is not taken for dead, nor kept for ever. */
export const MAX_WAIT_MILLIS = 60_000;
const MAX_CLIENTS = 100_000;

const name = text(256);
const parseEpoch = text(16);
const seq = integer(0, Number.MAX_SAFE_INTEGER);

export const parseChangesRequest: Parse<ChangesRequest> = (value, where) => {
  const object = parseObject(value, where);
  const waitMillis = field(object, "waitMillis", integer(0, MAX_WAIT_MILLIS), where);
  const after = field(object, "after", optional(parseAfter), where);
  return after === undefined ? { waitMillis } : { after, waitMillis };
};

const parseAfter: Parse<NonNullable<ChangesRequest["after"]>> = (value, where) => {
  const object = parseObject(value, where);
  const epoch = field(object, "epoch", parseEpoch, where);
  if (!/^[0-9a-f]{16}$/.test(epoch)) throw new ShapeError(`${where}.epoch must be 16 hexadecimal digits`);
  return { epoch, seq: field(object, "seq", seq, where) };
};

const parseClient: Parse<ChangedClient> = (value, where) => {
  const object = parseObject(value, where);
  return {
    nickname: field(object, "nickname", name, where),
    state: field(object, "state", oneOf(["online", "away", "suspect", "offline", "gone"]), where),
    reason: field(object, "reason", nullable(name), where),
    since: field(object, "since", nullable(text(64)), where),
    address: field(object, "address", nullable(name), where),
    port: field(object, "port", nullable(integer(0, 65_535)), where),
    protocol: field(object, "protocol", nullable(oneOf(["mp1", "mp2"])), where),
    fingerprint: field(object, "fingerprint", nullable(text(64)), where),
    status: field(object, "status", nullable(text(1_024)), where),
  };
};

export const parseChanges: Parse<ChangesReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    epoch: field(object, "epoch", parseEpoch, where),
    seq: field(object, "seq", seq, where),
    isWhole: field(object, "isWhole", boolean, where),
    clients: field(object, "clients", list(MAX_CLIENTS, parseClient), where),
  };
};
