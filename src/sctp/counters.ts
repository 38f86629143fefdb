/**
 * What the endpoint counts, by name: all that it ever will, each from 0 on, so that whoever reads them sees the first of
 * a kind as a change. The names are labels of metrics and keys of `multiprotoctl status --json`.
 */
const NOTHING_COUNTED = {
  // Dropped unread
  "init-limited": 0,
  "cookie-limited": 0,
  "stranger-limited": 0,
  "wrong-size": 0,
  "other-port": 0,
  "bad-checksum": 0,
  "bad-chunk": 0,
  // Of nobody who is associated
  "bad-init": 0,
  "bad-cookie": 0,
  "cookie-unused": 0,
  full: 0,
  "out-of-the-blue": 0,
  // Not where or as its association has it
  "bad-tag": 0,
  "wrong-path": 0,
  "bad-heartbeat-ack": 0,
  "unknown-chunk": 0,
  "data-dropped": 0,
  // Ended an association
  overload: 0,
  "protocol-violation": 0,
  /** Of this process: it did not run for a while. */
  stalls: 0,
} as const satisfies Readonly<Record<string, 0>>;

export type CounterName = keyof typeof NOTHING_COUNTED;

export type Counts = Record<CounterName, number>;

export function noCounts(): Counts {
  return { ...NOTHING_COUNTED };
}
