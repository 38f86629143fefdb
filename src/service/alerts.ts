import type { Clock } from "../base/clock.ts";
import { type AlertSettings, type Attention, Attentions, alertFor, conversationOf } from "../chat/alerts.ts";
import type { ReceivedMessage } from "../chat/notices.ts";

/** A face of this program, or of an attached one. */
export type FaceOf<Client> = Client | "here";

export interface AlertsOptions<Client> {
  readonly clock: Clock;
  readonly settings: () => AlertSettings;
  /** Ours. */
  readonly nickname: () => string;
  /** The user is not to be called now. */
  readonly isQuiet: () => boolean;
  readonly notify: (message: ReceivedMessage) => void;
  /** One face is to call the user. */
  readonly ring: (face: FaceOf<Client>, message: ReceivedMessage) => void;
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

  received(message: ReceivedMessage): void {
    const { settings, nickname, isQuiet, notify, ring } = this.#options;
    if (isQuiet() || this.#attentions.isSeen(conversationOf(message))) return;
    const alert = alertFor(message, nickname(), settings());
    if (alert.notify) notify(message);
    const face = alert.bell ? this.#attentions.latest() : undefined;
    if (face !== undefined) ring(face, message);
  }
}
