import type { Clock, Millis } from "../base/clock.ts";
import { parseCommand } from "../chat/commands.ts";
import type { ChatSession } from "../chat/session.ts";
import { Alarm } from "../io/alarm.ts";
import { foldNickname } from "../wire/nickname.ts";

/** While somebody goes on writing, the other side is told again after this. */
const REPEAT_MILLIS: Millis = 3_000;
/** Whoever has not been heard to write for so long has stopped, or is gone. */
const FADE_MILLIS: Millis = 8_000;

/** Who is writing to whom: tells the partner of us, and knows who writes to us. */
export class TypingSigns {
  readonly #session: Pick<ChatSession, "typing">;
  readonly #clock: Clock;
  readonly #faded: () => void;
  /** Whom we have told that we are writing, and when. */
  #told: { readonly to: string; readonly at: Millis } | undefined;
  /** Folded names of those who write to us, each with what ends that. */
  readonly #writing = new Map<string, Alarm>();

  /** `faded`: somebody has stopped without saying so. */
  constructor(options: { session: Pick<ChatSession, "typing">; clock: Clock; faded: () => void }) {
    this.#session = options.session;
    this.#clock = options.clock;
    this.#faded = options.faded;
  }

  /** What is in the line now, and whom it would go to. */
  edited(line: string, partner: string | undefined): void {
    const command = parseCommand(line);
    const to = command.type === "message" ? command.to : command.type === "say" ? partner : undefined;
    const told = this.#told;
    if (told !== undefined && told.to !== to) this.#tell(told.to, false);
    if (to === undefined) return;
    if (told?.to !== to || this.#clock.now() - told.at >= REPEAT_MILLIS) this.#tell(to, true);
  }

  heard(from: string, active: boolean): void {
    const key = foldNickname(from);
    this.#writing.get(key)?.clear();
    this.#writing.delete(key);
    if (!active) return;
    const alarm = new Alarm(this.#clock, () => {
      this.#writing.delete(key);
      this.#faded();
    });
    alarm.set(this.#clock.now() + FADE_MILLIS);
    this.#writing.set(key, alarm);
  }

  isWriting(name: string): boolean {
    return this.#writing.has(foldNickname(name));
  }

  close(): void {
    for (const alarm of this.#writing.values()) alarm.clear();
    this.#writing.clear();
  }

  #tell(to: string, active: boolean): void {
    this.#told = active ? { to, at: this.#clock.now() } : undefined;
    this.#session.typing(to, active);
  }
}
