import type { Millis } from "../base/clock.ts";
import type { LostReason } from "./api.ts";
import type { Cause } from "./encode.ts";

/** Why an association ends without agreement. */
export interface Failure {
  readonly reason: LostReason;
  /** For people, without the peer's bytes. */
  readonly detail: string;
  /** Of a peer that gave no sign of life: since when. */
  readonly silentMillis?: Millis;
  /** What the peer is told in ABORT where the reason alone does not say it. */
  readonly cause?: Cause;
}

export function violation(detail: string, cause?: Cause): Failure {
  return { reason: "protocol-violation", detail, ...(cause === undefined ? {} : { cause }) };
}
