/**
 * Time and chance as the cores see them: handed in, never read. A core that needs the time takes `now`; one that
 * needs randomness takes a {@link Random}. Only `src/io` implements these against the real world.
 */

/** Milliseconds on a monotonic clock with an arbitrary origin; never wall-clock time. */
export type Millis = number;

/** Milliseconds since 1970-01-01 UTC; only for showing to people and for files. */
export type UnixMillis = number;

export interface Clock {
  /** The monotonic time, never going back. */
  now(): Millis;
  /** The wall clock, which may jump. */
  wall(): UnixMillis;
}

export interface Random {
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
  /** A uniform integer in [0, limit); `limit` is at most 2^32. */
  below(limit: number): number;
}
