import { spawn } from "node:child_process";
import systemdNotify from "systemd-notify";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { SpareDescriptors } from "../io/descriptors.ts";

/** What a child with three pipes takes: both ends of each, and the pair by which its exec is told (uv_spawn). */
const CALL_DESCRIPTORS = 8;
/** Visitors may take sixteen of those that a call gives back before the next one needs them. */
const SPARE_DESCRIPTORS = 32;

/**
 * What the service manager is told, by npm `systemd-notify`, which runs the binary of that name (some 10 ms a call;
 * hence `NotifyAccess=all` in the unit). The package knows READY and STATUS; the other assignments go to the same
 * binary directly. Calls are made one after another, so that they arrive in order; a status that was overtaken by a
 * newer one is not sent. Without $NOTIFY_SOCKET nothing happens.
 */
export class ServiceManager {
  readonly #active: boolean;
  readonly #log: Log;
  #last: Promise<void> = Promise.resolve();
  #status = "";
  #statusQueued = false;
  readonly #spare: SpareDescriptors;

  constructor(options: { readonly notifySocket: string | undefined; readonly log: Log }) {
    this.#active = options.notifySocket !== undefined && options.notifySocket !== "";
    this.#log = options.log;
    this.#spare = new SpareDescriptors(this.#active ? SPARE_DESCRIPTORS : 0);
  }

  get isActive(): boolean {
    return this.#active;
  }

  ready(status: string): Promise<void> {
    this.#status = oneLine(status);
    return this.#queue(async () => {
      await systemdNotify({ ready: true, pid: process.pid, status: this.#status });
    });
  }

  status(status: string): void {
    if (oneLine(status) === this.#status) return;
    this.#status = oneLine(status);
    if (this.#statusQueued) return;
    this.#statusQueued = true;
    void this.#queue(async () => {
      this.#statusQueued = false;
      await systemdNotify({ status: this.#status });
    });
  }

  watchdog(): Promise<void> {
    return this.#assign("WATCHDOG=1");
  }

  reloading(): Promise<void> {
    return this.#assign("RELOADING=1");
  }

  stopping(): Promise<void> {
    return this.#assign("STOPPING=1", "STATUS=stopping");
  }

  #assign(...assignments: readonly string[]): Promise<void> {
    return this.#queue(() => run(["--no-block", ...assignments]));
  }

  /** Without descriptors for its pipes, the package's child would fail where nobody can catch it. */
  async #withDescriptors(call: () => Promise<void>): Promise<void> {
    if (!this.#spare.lend(CALL_DESCRIPTORS)) throw new SystemError("too many open files", "EMFILE");
    const called = call();
    this.#spare.refill();
    await called.finally(() => this.#spare.refill());
  }

  /** Never rejects: a service manager that does not listen is no reason to stop serving. */
  #queue(call: () => Promise<void>): Promise<void> {
    if (!this.#active) return Promise.resolve();
    this.#last = this.#last
      .then(() => this.#withDescriptors(call))
      .catch((error: unknown) => {
        const help =
          errorCode(error) === "EMFILE"
            ? "LimitNOFILE= of the unit is too low"
            : "is systemd-notify installed?";
        const text = `Cannot tell the service manager: ${errorText(error)} (${help})`;
        this.#log.write({ level: "warn", text, limit: "notify" });
      });
    return this.#last;
  }
}

/** A newline would begin another assignment (sd_notify(3)). */
function oneLine(status: string): string {
  return status.replace(/\s+/g, " ").slice(0, 200);
}

function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("systemd-notify", args, { stdio: "ignore" });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`systemd-notify ${args.join(" ")} ended with ${code}`));
    });
  });
}
