import { spawn } from "node:child_process";
import type { Clock } from "../base/clock.ts";
import { errorCode, errorText } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { type Rate, TokenBucket } from "../base/tokens.ts";

export interface DesktopNotifierOptions {
  readonly clock: Clock;
  readonly environment: NodeJS.ProcessEnv;
  /** What a person has to know: that it fails. */
  readonly onTrouble: (text: string) => void;
  /** Overrides of {@link NOTIFIER_LIMITS}. */
  readonly limits?: Partial<typeof NOTIFIER_LIMITS>;
}

export const NOTIFIER_LIMITS = {
  /** Whoever writes in floods calls the user often enough by the first of it. */
  rate: { perSecond: 0.5, burst: 3 } as Rate,
  /** At once: a desktop that does not answer must not fill the system with processes. */
  running: 3,
  /** A desktop answers in milliseconds. */
  millis: 5_000,
  /** Characters of what a person reads in passing. */
  title: 80,
  body: 200,
};

/**
 * Notifications on the desktop by notify-send(1), where there is one. No shell sees what others wrote, it stands after
 * "--", and what would be markup to the desktop is written out. That it fails is told once until it works again.
 */
export class DesktopNotifier {
  readonly #options: DesktopNotifierOptions;
  readonly #limits: typeof NOTIFIER_LIMITS;
  readonly #bucket: TokenBucket;
  #running = 0;
  #trouble = "";
  /** There is no desktop, or no such program: asked once. */
  #isAbsent: boolean;

  constructor(options: DesktopNotifierOptions) {
    this.#options = options;
    this.#limits = { ...NOTIFIER_LIMITS, ...options.limits };
    this.#bucket = new TokenBucket(this.#limits.rate, options.clock.now());
    const { DBUS_SESSION_BUS_ADDRESS: bus = "", DISPLAY = "", WAYLAND_DISPLAY = "" } = options.environment;
    this.#isAbsent = bus + DISPLAY + WAYLAND_DISPLAY === "";
  }

  /** `title` and `body` as they came. */
  notify(title: string, body: string): void {
    if (this.#isAbsent || this.#running >= this.#limits.running) return;
    if (!this.#bucket.take(this.#options.clock.now())) return;
    const words = [escapeText(title, this.#limits.title), markupText(escapeText(body, this.#limits.body))];
    this.#running += 1;
    const child = spawn("notify-send", ["--app-name=multiproto-chat", "--", ...words], {
      stdio: "ignore",
      env: this.#options.environment,
      timeout: this.#limits.millis,
      killSignal: "SIGKILL",
    });
    let hasEnded = false;
    const ended = (trouble: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      this.#running -= 1;
      this.#tell(trouble);
    };
    child.once("error", (error) => {
      this.#isAbsent ||= errorCode(error) === "ENOENT";
      ended(this.#isAbsent ? "" : errorText(error));
    });
    child.once("exit", (code, signal) => ended(code === 0 ? "" : `it ended with ${code ?? signal}`));
  }

  #tell(trouble: string): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    const fix = 'notify = "none" in chat.toml ends it';
    if (trouble !== "")
      this.#options.onTrouble(`no notification on the desktop: notify-send: ${trouble} (${fix})`);
  }
}

/** Desktops take a part of HTML in the body (freedesktop.org's Desktop Notifications, "Markup"). */
function markupText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
