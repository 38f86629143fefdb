import type { Clock } from "../base/clock.ts";
import {
  type AlertSettings,
  type Attention,
  Attentions,
  alertFor,
  type Call,
  conversationOf,
} from "../chat/alerts.ts";

/** A face of this program, or of an attached one. */
export type FaceOf<Client> = Client | "here";

export interface AlertsOptions<Client> {
  readonly clock: Clock;
  readonly settings: () => AlertSettings;
  /** Ours. */
  readonly nickname: () => string;
  /** The user is not to be called now. */
  readonly isQuiet: () => boolean;
  readonly notify: (call: Call) => void;
  /** One face is to call the user. */
  readonly ring: (face: FaceOf<Client>, call: Call) => void;
}

/** Calls the user, once, whatever number of programs is attached: the holder of the presence has it. */
export class Alerts<Client> {
  readonly #options: AlertsOptions<Client>;
  readonly #attentions = new Attentions<FaceOf<Client>>();

  constructor(options: AlertsOptions<Client>) {
    this.#options = options;
  }

  attend(face: FaceOf<Client>, attention: Attention): void {
    this.#attentions.attend(this.#options.clock.now(), face, attention);
  }

  gone(face: FaceOf<Client>): void {
    this.#attentions.gone(face);
  }

  called(call: Call): void {
    const { settings, nickname, isQuiet, notify, ring } = this.#options;
    if (isQuiet() || this.#attentions.isSeen(conversationOf(call))) return;
    const alert = alertFor(call, nickname(), settings());
    if (alert.notify) notify(call);
    const face = alert.bell ? this.#attentions.latest() : undefined;
    if (face !== undefined) ring(face, call);
  }
}
