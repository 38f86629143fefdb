import type { Millis, Random } from "../base/clock.ts";
import type { DeadlineHeap } from "../base/deadline-heap.ts";
import type { Path, SctpEvent, SctpSettings } from "./api.ts";
import type { Association } from "./association.ts";
import type { KeepBudget, SendBudget } from "./budgets.ts";
import type { CounterName } from "./counters.ts";
import type { Crowd } from "./liveness/crowd.ts";

/** Every timer of an association. */
export type TimerName =
  /** T1-init and T1-cookie (§5.1): INIT or COOKIE ECHO again. */
  | "t1"
  /** T2-shutdown (§9.2): SHUTDOWN or SHUTDOWN ACK again. */
  | "t2"
  /** T3-rtx (§6.3): DATA again. */
  | "t3"
  /** T5-shutdown-guard (§9.2): closing has taken too long. */
  | "guard"
  /** A SACK was delayed (§6.2). */
  | "sack"
  /** Look after the peer: see Supervision. */
  | "look";

/** What the endpoint lends to its associations. */
export interface AssociationHost {
  readonly localPort: number;
  readonly random: Random;
  readonly timers: DeadlineHeap<Association, TimerName>;
  readonly settings: SctpSettings;
  /** How much of the time before `now` this process did not run; running time is `now - stalled`. */
  readonly stalled: Millis;
  /** What all associations together have queued to send. */
  readonly queued: SendBudget;
  /** What all associations together keep of messages that cannot be delivered yet. */
  readonly kept: KeepBudget;
  /** All watched peers together. */
  readonly crowd: Crowd;
  transmit(path: Path, bytes: Uint8Array): void;
  emit(event: SctpEvent): void;
  count(name: CounterName): void;
  /** `association` speaks to another address from now on. False when somebody else is there already. */
  move(association: Association, path: Path): boolean;
  /** The association is over: forget its tags and address. */
  forget(association: Association): void;
}
