/** The registry as commands see it: is it there, ask it, start it, wait for its end. */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { errorCode, errorText } from "../base/errors.ts";
import { type ControlClient, connectControl } from "../control/client.ts";
import { isAlive, type ProcessMark, readPidFile } from "../control/pidfile.ts";
import { CommandFailure, notPermitted } from "./failure.ts";

const HOW_TO_START = "start it with: systemctl start multiproto (or run multiprotod in the foreground)";

/** How often to look whether a process has ended. */
const POLL_MILLIS = 10;

export class Registry {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /**
   * The process that runs, or undefined. Looks, but does not connect: a connection would start a socket-activated unit.
   * Throws "not permitted" for those who could not ask it either.
   */
  running(): ProcessMark | undefined {
    this.hasSocket();
    try {
      const mark = readPidFile(dirname(this.socketPath));
      return mark !== undefined && isAlive(mark) ? mark : undefined;
    } catch (error) {
      throw errorCode(error) === "EACCES" ? notPermitted() : error;
    }
  }

  /** Whether there is a socket that this user may connect to. Throws "not permitted" if there is one for others. */
  hasSocket(): boolean {
    try {
      accessSync(this.socketPath, constants.W_OK);
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return false;
      if (code === "EACCES" || code === "EPERM") throw notPermitted();
      throw new CommandFailure("failed", `cannot use ${this.socketPath}: ${errorText(error)}`);
    }
  }

  /** Connects, does `work`, disconnects. Fails with "not running" when nothing runs, without starting it. */
  async ask<Result>(work: (client: ControlClient) => Promise<Result>): Promise<Result> {
    if (this.running() === undefined) {
      throw new CommandFailure("not-running", `the registry is not running; ${HOW_TO_START}`);
    }
    return this.connected(work);
  }

  /** Connects (which starts a socket-activated unit), does `work`, disconnects. */
  async connected<Result>(work: (client: ControlClient) => Promise<Result>): Promise<Result> {
    if (!this.hasSocket()) {
      throw new CommandFailure("not-running", `there is no socket ${this.socketPath}; ${HOW_TO_START}`);
    }
    const client = await connectControl(this.socketPath);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  /** Resolves when that process has ended; false when it has not within `millis`. */
  async ended(mark: ProcessMark, millis: number): Promise<boolean> {
    const deadline = performance.now() + millis;
    while (isAlive(mark)) {
      if (performance.now() >= deadline) return false;
      await after(POLL_MILLIS);
    }
    return true;
  }
}
