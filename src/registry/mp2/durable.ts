import type { Millis } from "../../base/clock.ts";
import type { Ledger, Ticket, Verdict } from "../../roster/ledger.ts";
import { line } from "../lines.ts";
import type { Emit } from "../output.ts";

/** Told once: `refused` is why it is not so, undefined when it is so and will be after a crash. */
type Settled = (now: Millis, refused: string | undefined) => void;

/** Who waits for what the ledger is to write. Nothing durable is acknowledged before its turn here. */
export class Durable {
  readonly #ledger: Ledger;
  readonly #emit: Emit;
  /** Several may wait for one ticket: the same key that registers twice within a commit. */
  readonly #waiting = new Map<Ticket, Settled[]>();
  #trouble: string | undefined;

  constructor(ledger: Ledger, emit: Emit) {
    this.#ledger = ledger;
    this.#emit = emit;
  }

  /** Calls `settled` at once if it is decided already, else when the ledger has written, or could not. */
  when(now: Millis, verdict: Exclude<Verdict, { verdict: "taken" }>, settled: Settled): void {
    if (verdict.verdict === "done") settled(now, undefined);
    else if (verdict.verdict === "refused") settled(now, verdict.text);
    else {
      const others = this.#waiting.get(verdict.ticket);
      if (others === undefined) this.#waiting.set(verdict.ticket, [settled]);
      else others.push(settled);
    }
  }

  nextDeadline(): Millis | undefined {
    return this.#ledger.flushAt();
  }

  advance(now: Millis): void {
    const at = this.#ledger.flushAt();
    if (at === undefined || at > now) return;
    const { durable, refused, error } = this.#ledger.flush(now);
    this.#tellTrouble();
    for (const ticket of durable) this.#settle(now, ticket, undefined);
    for (const ticket of refused) this.#settle(now, ticket, error?.message ?? "it could not be stored");
  }

  #settle(now: Millis, ticket: Ticket, refused: string | undefined): void {
    const waiting = this.#waiting.get(ticket) ?? [];
    this.#waiting.delete(ticket);
    for (const settled of waiting) settled(now, refused);
  }

  #tellTrouble(): void {
    const trouble = this.#ledger.trouble?.message;
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    const entry =
      trouble === undefined
        ? line("info", "The registry's state can be written again")
        : line("error", `${trouble}; new nicknames are refused until it can be written`, {}, "store");
    this.#emit({ type: "log", entry });
  }
}
