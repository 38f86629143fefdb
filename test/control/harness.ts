import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type ControlClient, connectControl } from "../../src/control/client.ts";
import { type ControlLimits, type ControlServer, createControlServer } from "../../src/control/server.ts";
import { FakeControl, MemoryLog } from "./fake-control.ts";

const DEADLINE_MILLIS = 30_000;

/** Fails instead of hanging; waits for the event, never for a time. */
export async function soon<Value>(what: string, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${DEADLINE_MILLIS} ms`)), DEADLINE_MILLIS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "mp-"));
  chmodSync(directory, 0o755);
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const realClock = { now: () => performance.now(), wall: () => Date.now() };

export interface Rig {
  readonly path: string;
  readonly control: FakeControl;
  readonly log: MemoryLog;
  readonly server: ControlServer;
  connect(): Promise<ControlClient>;
  raw(): Promise<RawClient>;
}

/** A server with a fake registry behind it, and ways to reach it. Everything ends with the test. */
export async function rig(context: TestContext, limits: Partial<ControlLimits> = {}): Promise<Rig> {
  const path = join(temporaryDirectory(context), "control.sock");
  const control = new FakeControl();
  const log = new MemoryLog();
  const server = await createControlServer({ listen: { path }, control, log, clock: realClock, limits });
  context.after(() => server.close());
  return {
    path,
    control,
    log,
    server,
    async connect() {
      const client = await connectControl(path);
      context.after(() => client.close());
      return client;
    },
    async raw() {
      const client = new RawClient(path);
      context.after(() => client.socket.destroy());
      await soon("connecting", client.connected);
      return client;
    },
  };
}

/** A client that sends what it likes. */
export class RawClient {
  readonly socket: Socket;
  readonly connected: Promise<void>;
  readonly closed: Promise<void>;
  #received = "";
  #arrived: () => void = () => {};

  constructor(path: string) {
    this.socket = createConnection({ path });
    this.socket.on("error", () => {});
    this.connected = new Promise((resolve, reject) => {
      this.socket.once("connect", resolve);
      this.socket.once("error", reject);
    });
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    this.socket.setEncoding("utf8").on("data", (chunk) => {
      this.#received += chunk;
      this.#arrived();
    });
    this.connected.catch(() => {});
  }

  send(data: unknown, type = "request"): void {
    this.socket.write(`${JSON.stringify({ type, data })}\f`);
  }

  /** The data of the next frame. */
  async reply(): Promise<unknown> {
    while (!this.#received.includes("\f")) {
      await soon(
        "a reply",
        new Promise<void>((resolve, reject) => {
          this.#arrived = resolve;
          void this.closed.then(() => reject(new Error("closed before a reply came")));
        }),
      );
    }
    const end = this.#received.indexOf("\f");
    const frame = JSON.parse(this.#received.slice(0, end));
    this.#received = this.#received.slice(end + 1);
    return frame.data;
  }
}
