/**
 * A registry without a registry, as a process of its own: the real control server and pid file around a fake. Its
 * behaviour is the JSON in its first argument; it prints "up" when it listens.
 */
import { appendFileSync } from "node:fs";
import { ControlError, type ControlErrorCode } from "../../src/control/errors.ts";
import { removePidFile, writePidFile } from "../../src/control/pidfile.ts";
import { type ControlServer, createControlServer } from "../../src/control/server.ts";
import { client, FakeControl, FINGERPRINT, STATUS } from "../control/fake-control.ts";

export interface DaemonOptions {
  readonly runtimeDirectory: string;
  /** 3 for a socket that was handed down; absent: control.sock in the runtime directory. */
  readonly fd?: number;
  readonly supervisor?: "systemd" | "none";
  /** Never becomes ready, but fails for this reason. */
  readonly failsToStart?: string;
  /** Ends without a word as soon as it was asked anything. */
  readonly diesWhenAsked?: boolean;
  readonly refusesToStop?: boolean;
  readonly badConfiguration?: string;
  readonly noClients?: boolean;
  /** Kim is online from then on. */
  readonly comesAfterAsked?: number;
  /** Ends when its clients were asked for so often. */
  readonly endsAfterAsked?: number;
  /** Every command about a client or a key is refused with this code. */
  readonly refuses?: ControlErrorCode;
  /** Every command about a client or a key finds that it is so already, and there are no bans. */
  readonly isSoAlready?: boolean;
  /** Never becomes ready. */
  readonly hangs?: boolean;
  /** Has no pid file until somebody asks whether it is ready: nobody knew it until then. */
  readonly startsWhenAsked?: boolean;
}

const options: DaemonOptions = JSON.parse(process.argv[2] ?? "{}");
const { runtimeDirectory, fd } = options;
const started = Date.now();
const control = new FakeControl();
let server: ControlServer | undefined;

async function stopProcess(): Promise<void> {
  removePidFile(runtimeDirectory);
  await server?.close();
  process.exit(0);
}

control.status = () => {
  if (options.diesWhenAsked === true) process.exit(1);
  return {
    ...STATUS,
    pid: process.pid,
    supervisor: options.supervisor ?? "none",
    startedAt: new Date(started).toISOString(),
  };
};
control.ready = async () => {
  if (options.startsWhenAsked === true) writePidFile(runtimeDirectory);
  if (options.hangs === true) return new Promise(() => {});
  if (options.failsToStart === undefined) return { outcome: "ready", pid: process.pid, version: "9.8.7" };
  setImmediate(() => void stopProcess());
  return { outcome: "failed", pid: process.pid, reason: options.failsToStart };
};
control.stop = async () => {
  if (options.refusesToStop !== true) setImmediate(() => void stopProcess());
};
control.reload = async () => {
  if (options.badConfiguration === undefined)
    return { applied: ["log.level"], needsRestart: ["network.port"] };
  throw new ControlError("configuration-refused", options.badConfiguration);
};
let asked = 0;
control.clients = () => {
  asked += 1;
  if (asked === options.endsAfterAsked) setImmediate(() => void stopProcess());
  if (options.noClients === true) return [];
  return [
    ...(asked > (options.comesAfterAsked ?? Number.POSITIVE_INFINITY) ? [client("kim")] : []),
    client("ola", {
      state: "online",
      protocol: "mp2",
      verified: true,
      fingerprint: FINGERPRINT,
      away: true,
      status: "back at 3",
    }),
    client("eva\u001b[2J\u202e", { state: "offline", reason: "lost", path: null, rttMillis: null }),
    client("Bo", { state: "suspect", path: "raw", rttMillis: 12 }),
  ];
};
const { refuses, isSoAlready = false } = options;
if (refuses !== undefined || isSoAlready) {
  const concerning = async () => {
    if (refuses !== undefined) throw new ControlError(refuses, "the registry says no\u001b[2J");
    return { changed: false, nickname: null, fingerprint: null, address: null };
  };
  const answers = { ban: concerning, forget: concerning, kick: concerning, unban: concerning };
  control.administration = { ...control.administration, ...answers, bans: () => [] };
}
control.version = () => ({ version: "9.8.7", runtime: `node ${process.versions.node}`, pid: process.pid });

server = await createControlServer({
  listen: fd === undefined ? { path: `${runtimeDirectory}/control.sock` } : { fd },
  control,
  log: {
    write: (entry) => appendFileSync(`${runtimeDirectory}/daemon.log`, `${entry.level} ${entry.text}\n`),
  },
  clock: { now: () => performance.now(), wall: () => Date.now() },
});
if (options.startsWhenAsked !== true) writePidFile(runtimeDirectory);
process.on("SIGTERM", () => void stopProcess());
process.stdout.write("up\n");
