/** The registry as commands see it: is it there, ask it, start it, wait for its end. */
import { accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { errorCode, errorText } from "../base/errors.ts";
import { ConnectionError, type ControlClient, connectControl } from "../control/client.ts";
import { isAlive, type ProcessMark, READ_SOCKET, readPidFile } from "../control/pidfile.ts";
import { CommandFailure, notPermitted } from "./failure.ts";

const HOW_TO_START = "start it with: systemctl start multiproto (or run multiprotod in the foreground)";

/** How often to look whether a process has ended. */
const POLL_MILLIS = 10;
/** How long a read-only socket that is shut is waited for, and how often it is looked at. */
const SHUT_MILLIS = 3_000;
const LOOK_MILLIS = 50;

export class Registry {
  readonly socketPath: string;
  readonly #readPath: string;
  /** It was asked by the read-only socket, which is gone while no registry runs. */
  #hasRead = false;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
    this.#readPath = join(dirname(socketPath), READ_SOCKET);
  }

  /**
   * The process that runs, or undefined. Looks, but does not connect: a connection would start a socket-activated unit.
   * Throws "not permitted" for those who could not ask it either.
   */
  running(): ProcessMark | undefined {
    if (this.#door() === "none") return undefined;
    try {
      const mark = readPidFile(dirname(this.socketPath));
      return mark !== undefined && isAlive(mark) ? mark : undefined;
    } catch (error) {
      throw errorCode(error) === "EACCES" ? notPermitted() : error;
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
    const door = this.#door();
    if (door === "none")
      throw new CommandFailure("not-running", `there is no socket ${this.socketPath}; ${HOW_TO_START}`);
    const client = await (door === "control" ? connectControl(this.socketPath) : this.#connectToRead());
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  /** By which socket this user may ask. Throws "not permitted" if there is one for others only. */
  #door(): "control" | "read" | "none" {
    const control = accessTo(this.socketPath);
    if (control !== "denied") return control === "open" ? "control" : "none";
    if (isThere(this.#readPath)) return "read";
    if (this.#hasRead) return "none";
    throw notPermitted();
  }

  /** The registry shuts the socket for a moment when too many connect. */
  async #connectToRead(): Promise<ControlClient> {
    const deadline = performance.now() + SHUT_MILLIS;
    for (;;) {
      if (accessTo(this.#readPath) === "open") {
        const client = await this.#tryToRead();
        if (client !== undefined) return client;
      }
      if (performance.now() >= deadline)
        throw new CommandFailure("failed", "too many connect to the registry's read-only socket; try again");
      await after(LOOK_MILLIS);
    }
  }

  async #tryToRead(): Promise<ControlClient | undefined> {
    try {
      const client = await connectControl(this.#readPath);
      this.#hasRead = true;
      return client;
    } catch (error) {
      if (error instanceof ConnectionError && error.reason === "not-permitted") return undefined;
      throw error;
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

/** Whether this user may connect to the socket. Throws CommandFailure when that cannot be told. */
function accessTo(path: string): "open" | "denied" | "none" {
  try {
    accessSync(path, constants.W_OK);
    return "open";
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return "none";
    if (code === "EACCES" || code === "EPERM") return "denied";
    throw new CommandFailure("failed", `cannot use ${path}: ${errorText(error)}`);
  }
}

/** False as well where the directory may not be searched. */
function isThere(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}
