import type { Clock } from "../base/clock.ts";
import {
  type AlertSettings,
  type Attention,
  Attentions,
  alertFor,
  type Call,
  callerOf,
  conversationOf,
} from "../chat/alerts.ts";
import type { SessionNotice } from "../chat/session.ts";
import type { ServedClient } from "../control/request-server.ts";
import type { Holding } from "./presence-place.ts";

/** A face of this program, or of an attached one. */
type Face = ServedClient | "here";

export interface AlertsOptions {
  readonly clock: Clock;
  readonly settings: () => AlertSettings;
  /** Ours. */
  readonly nickname: () => string;
  /** The user is not to be called now. */
  readonly isQuiet: () => boolean;
  /** Undefined where this program does not hold the presence. */
  readonly held: () => Holding | undefined;
  readonly notify: (call: Call) => void;
  /** To the face of this program. */
  readonly tell: (notice: SessionNotice) => void;
}

/** Calls the user, once, whatever number of programs is attached: the holder of the presence has it. */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #attentions = new Attentions<Face>();

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /** What is on the screen of a face; undefined: it is gone. */
  attend(face: Face, attention: Attention | undefined): void {
    const { clock, held } = this.#options;
    if (attention === undefined) {
      this.#attentions.gone(face);
      return;
    }
    this.#attentions.attend(clock.now(), face, attention);
    held()?.shell.attend(attention);
  }

  called(call: Call): void {
    const { settings, nickname, isQuiet, notify } = this.#options;
    if (isQuiet() || this.#attentions.isSeen(conversationOf(call))) return;
    const alert = alertFor(call, nickname(), settings());
    if (alert.notify) notify(call);
    const face = alert.bell ? this.#attentions.latest() : undefined;
    if (face !== undefined) this.#ring(face, { type: "ring", from: callerOf(call) });
  }

  #ring(face: Face, notice: SessionNotice): void {
    const { tell, held } = this.#options;
    if (face === "here") tell(notice);
    else held()?.server.tellOne(face, notice);
  }
}
