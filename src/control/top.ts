/** The clients with most of something, as many as somebody looks at: shapes and parsers, as in reports.ts. */
import { integer, list, oneOf, type Parse, shape, text } from "./parse.ts";
import { type ClientReport, parseClient } from "./reports.ts";

/** What comes first: the first in the alphabet, who is there, the slowest, the lossiest, the busiest, the latest. */
export const TOP_ORDERS = ["nickname", "state", "rtt", "loss", "traffic", "since"] as const;
export type TopOrder = (typeof TOP_ORDERS)[number];

export interface TopRequest {
  readonly order: TopOrder;
  /** How many to leave out at the top. */
  readonly skip: number;
  /** How many to tell, {@link MAX_TOP} at most. */
  readonly limit: number;
}

export interface TopReport {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly realm: string;
  readonly online: number;
  readonly offline: number;
  /** All that are in the order, of whom these are a part. */
  readonly total: number;
  readonly clients: readonly ClientReport[];
}

/** More than any screen has lines. */
export const MAX_TOP = 500;
const MAX_CLIENTS = 100_000;

export const parseTopRequest: Parse<TopRequest> = shape<TopRequest>({
  order: oneOf(TOP_ORDERS),
  skip: integer(0, MAX_CLIENTS),
  limit: integer(1, MAX_TOP),
});

const count = integer(0, Number.MAX_SAFE_INTEGER);

export const parseTop: Parse<TopReport> = shape<TopReport>({
  time: text(64),
  realm: text(256),
  online: count,
  offline: count,
  total: count,
  clients: list(MAX_TOP, parseClient),
});
