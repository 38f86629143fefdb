import type { Millis } from "../base/clock.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import type { ChatShell } from "../io/chat-shell.ts";
import type { StatusText } from "../wire/mp2-values.ts";
import type { Holding } from "./presence-place.ts";
import type { Sending } from "./sending.ts";

/** After a takeover the former snapshot is shown until we are registered, but for so long at most. */
const RESUME_MILLIS: Millis = 8_000;

/** What the user had before the holder ended. */
type Former = Pick<ChatSession, "snapshot" | "pins">;

export interface ResumptionOptions {
  readonly sending: Pick<Sending, "isDeferring" | "again">;
  /** Undefined where this program does not hold the presence. */
  readonly held: () => Holding | undefined;
}

/**
 * Going on after a takeover as if there had been none: rooms and status are the new holder's, what was shown stays until
 * it is registered, and what has been told before is not told again. Apart from {@link Whereabouts}, which decides who
 * the new holder is: here is what its user sees of that.
 */
export class Resumption {
  readonly #options: ResumptionOptions;
  /** From the end of a holder until the next one shows as much. */
  #former: Former | undefined;
  #wasOnline = false;

  constructor(options: ResumptionOptions) {
    this.#options = options;
  }

  /** Shown in place of what there is. */
  get former(): Former | undefined {
    return this.#former;
  }

  /** What the holder shows goes with it. Once it is kept, what another one shows meanwhile does not count. */
  keep(view: Former | undefined): void {
    if (view === undefined) return;
    this.#former ??= { snapshot: view.snapshot, pins: view.pins };
  }

  /** Another program holds the presence: it has told what there is, and takes what was sent. */
  elsewhere(): void {
    this.#former = undefined;
    this.#options.sending.again();
  }

  /** This program holds the presence, by a shell that was not started yet. */
  here(shell: ChatShell): void {
    const { away, isIdle, status, quietUntil, rooms = [] } = this.#former?.snapshot ?? {};
    for (const room of rooms) shell.join(room);
    // Who was away by itself will be so again, unless there is a key.
    const isAway = away === true && isIdle !== true;
    if (isAway || status !== undefined) shell.setStatus(isAway, status as StatusText);
    if (quietUntil !== undefined) shell.setQuiet(quietUntil);
    shell.start();
    setTimeout(() => this.#forget(), RESUME_MILLIS).unref();
  }

  /** What is told of a notice: after a takeover nobody has to hear that we search and are online. */
  shown(notice: SessionNotice): SessionNotice | undefined {
    const shown = this.#news(notice);
    if (shown?.type === "online") this.#wasOnline = true;
    return shown;
  }

  #news(notice: SessionNotice): SessionNotice | undefined {
    const { sending, held } = this.#options;
    if (!sending.isDeferring || held() === undefined) return notice;
    if (notice.type === "searching") return undefined;
    if (notice.type !== "online") return notice;
    const isNews = !this.#wasOnline || this.#former?.snapshot.nickname !== notice.nickname;
    this.#forget();
    queueMicrotask(() => sending.again());
    return isNews ? { ...notice, again: this.#wasOnline } : undefined;
  }

  /** What was before does not count any more: we are registered, or it takes too long. */
  #forget(): void {
    const held = this.#options.held();
    if (held === undefined || this.#former === undefined) return;
    this.#former = undefined;
    held.server.changed();
  }
}
