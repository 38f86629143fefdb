import { type ChildProcess, type IOType, spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { soon } from "../control/harness.ts";
import { bareEnvironment } from "../support/bare-environment.ts";
import { programOf } from "../support/programs.ts";
import type { DaemonOptions } from "./daemon.ts";

const DAEMON = fileURLToPath(new URL("daemon.ts", import.meta.url));
const PROGRAM = programOf("multiprotoctl");

/** Keeps a test daemon running on the descriptor `fd`: each one that ends is followed by another. */
export async function supervise(
  context: TestContext,
  options: DaemonOptions,
  fd: number,
): Promise<ChildProcess> {
  const loop = spawn(
    "sh",
    ["-c", 'while "$0" "$@"; do :; done', process.execPath, DAEMON, JSON.stringify(options)],
    {
      stdio: ["ignore", "pipe", "inherit", fd],
      detached: true,
    },
  );
  context.after(() => process.kill(-(loop.pid ?? 0), "SIGKILL"));
  if (loop.stdout === null) throw new Error("no pipe");
  await soon("the daemon", once(loop.stdout, "data"));
  return loop;
}

/** Starts the test daemon and waits until it listens. It ends with the test. */
export async function startDaemon(
  context: TestContext,
  options: DaemonOptions,
  fd?: number,
): Promise<ChildProcess> {
  const inherited: (IOType | number)[] = fd === undefined ? [] : [fd];
  const daemon = spawn(process.execPath, [DAEMON, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit", ...inherited],
  });
  context.after(() => daemon.kill("SIGKILL"));
  if (daemon.stdout === null) throw new Error("no pipe");
  await soon("the daemon", once(daemon.stdout, "data"));
  return daemon;
}

export interface HeldSocket {
  readonly path: string;
  readonly fd: number;
  letGo(): void;
  onConnection(listener: () => void): void;
}

/**
 * A listening socket to hand down, as a socket unit does. Node accepts on whatever it listens on, so `letGo` must be
 * called once the descriptor is handed down, before anybody connects; the socket was renamed, so its file stays.
 */
export async function holdSocket(context: TestContext, directory: string): Promise<HeldSocket> {
  const server = createServer();
  server.listen(join(directory, "held.sock"));
  await once(server, "listening");
  const path = join(directory, "control.sock");
  renameSync(join(directory, "held.sock"), path);
  const letGo = () => void server.close();
  context.after(letGo);
  // Not documented, but the only way that Node offers to hand a listening socket to a child as a plain descriptor.
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { path, fd, letGo, onConnection: (listener) => void server.on("connection", listener) };
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** What stands before the program: ["setpriv", "--reuid", "65534"]. */
  readonly prefix?: readonly string[];
}

/** Runs the real multiprotoctl to its end. */
export async function multiprotoctl(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [command = "", ...rest] = [...(options.prefix ?? []), process.execPath, PROGRAM, ...args];
  const child = spawn(command, rest, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...bareEnvironment(), ...options.environment },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk));
  try {
    const [code] = await soon(`multiprotoctl ${args.join(" ")}`, once(child, "close"));
    return { code, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
  }
}
