/** The read-only socket against those who may connect to it, which is everybody. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { connect as connectRaw } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { LogEntry } from "../../src/base/log.ts";
import { connectControl } from "../../src/control/client.ts";
import { METHODS } from "../../src/control/methods.ts";
import { peerUsers } from "../../src/control/peer-user.ts";
import { READ_LIMITS, type ReadLimits, ReadServer } from "../../src/control/read-server.ts";
import { createControlServer } from "../../src/control/server.ts";
import { CHANGES, client, FakeControl, STATUS } from "./fake-control.ts";
import { RawClient, realClock, soon, temporaryDirectory } from "./harness.ts";

const READABLE = ["changes", "clients", "fingerprint", "metrics", "status", "version"];

class WatchedLog {
  readonly texts: string[] = [];
  #wrote: () => void = () => {};

  write({ text }: LogEntry): void {
    this.texts.push(text);
    this.#wrote();
  }

  async line(pattern: RegExp): Promise<void> {
    while (!this.texts.some((text) => pattern.test(text)))
      await soon(
        `a line like ${pattern}`,
        new Promise<void>((resolve) => {
          this.#wrote = resolve;
        }),
      );
  }
}

interface Rig {
  readonly path: string;
  readonly control: FakeControl;
  readonly log: WatchedLog;
  connect(): ReturnType<typeof connectControl>;
  raw(): Promise<RawClient>;
}

/** `user`: whose the next connections are; undefined: the kernel says. */
async function rig(
  context: TestContext,
  limits: Partial<ReadLimits> = {},
  user?: () => number | undefined,
): Promise<Rig> {
  const path = join(temporaryDirectory(context), "read.sock");
  const control = new FakeControl();
  const log = new WatchedLog();
  const options = { path, control, log, clock: realClock, limits };
  const server = await ReadServer.open(user === undefined ? options : { ...options, userOf: user });
  context.after(() => server.close());
  return {
    ...{ path, control, log },
    async connect() {
      const connected = await connectControl(path);
      context.after(() => connected.close());
      return connected;
    },
    async raw() {
      const attacker = new RawClient(path);
      context.after(() => attacker.socket.destroy());
      await soon("connecting", attacker.connected);
      return attacker;
    },
  };
}

/** Looks at every turn of the event loop. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, what);
    await turn();
  }
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test("everybody is told what any client sees, by a socket that everybody may use", async (context) => {
  const { path, control, connect } = await rig(context);
  control.clients = () => [client("ola"), client("eva", { state: "joining" })];
  assert.equal(modeOf(path), 0o666);
  const registry = await connect();
  assert.deepEqual(
    (await registry.request("clients", undefined)).map(({ nickname }) => nickname),
    ["ola"],
    "who has not come in is not told of",
  );
  assert.deepEqual(await registry.request("changes", { waitMillis: 0 }), CHANGES);
  assert.match(await registry.request("metrics", undefined), /multiproto_clients/);
  assert.equal((await registry.request("fingerprint", undefined)).realm, "office");
  assert.equal((await registry.request("version", undefined)).version, "9.8.7");
});

test("errors, which name files and addresses, are for admins", async (context) => {
  const { control, connect } = await rig(context);
  const store = { state: "failing", trouble: "/var/lib/secret", bindings: 5, bans: 1 } as const;
  control.status = () => ({ ...STATUS, store });
  const status = await (await connect()).request("status", undefined);
  const hidden = "told to admins only";
  const lastError = { at: STATUS.lastError?.at, text: hidden };
  assert.deepEqual(status, { ...STATUS, store: { ...store, trouble: hidden }, lastError });
});

test("every method that is not there to read is refused with what to do, and not carried out", async (context) => {
  const { control, raw } = await rig(context);
  const steering = Object.keys(METHODS).filter((name) => !READABLE.includes(name));
  assert.ok(steering.length >= 12);
  const attacker = await raw();
  for (const [index, method] of [...steering, "__proto__", "constructor", "fly"].entries()) {
    attacker.send({ id: index + 1, method, params: { target: "ola", nickname: "ola" } });
    const reply = (await attacker.reply()) as {
      id: number;
      ok: boolean;
      error: { code: string; text: string };
    };
    const isKnown = steering.includes(method);
    assert.equal(reply.error.code, isKnown ? "not-permitted" : "unknown-method", method);
    if (isKnown)
      assert.match(reply.error.text, /join group multiproto \(sudo usermod -aG multiproto \$USER\)/);
  }
  assert.deepEqual(control.calls, []);
});

test("a user has four connections, whatever others have; all together sixteen; and room comes back", async (context) => {
  let user: number | undefined = 1;
  const { connect, raw } = await rig(context, {}, () => user);
  const held = [await raw(), await raw(), await raw(), await raw()];
  const refused = await connect();
  await assert.rejects(refused.request("version", undefined), {
    code: "busy",
    message:
      /^The registry takes no more here: 4 connections of this user are open already; try again later$/,
  });
  for (user of [2, 3, 4])
    for (let n = 0; n < 4; n += 1) await (await connect()).request("version", undefined);
  user = 5;
  await assert.rejects((await connect()).request("version", undefined), {
    code: "busy",
    message: /16 connections are open already/,
  });
  held[0]?.socket.destroy();
  let answered = false;
  await until("room", () => {
    void connect()
      .then((registry) => registry.request("version", undefined))
      .then(
        () => {
          answered = true;
        },
        () => undefined,
      );
    return answered;
  });
});

test("the kernel says whose a connection is", async (context) => {
  const userOf = await peerUsers();
  const seen: (number | undefined)[] = [];
  const path = join(temporaryDirectory(context), "read.sock");
  const server = await ReadServer.open({
    ...{ path, control: new FakeControl(), log: new WatchedLog(), clock: realClock },
    userOf: (socket) => {
      seen.push(userOf(socket));
      return undefined;
    },
  });
  context.after(() => server.close());
  const own = connectRaw(path);
  await soon("connecting", once(own, "connect"));
  own.destroy();
  await until("its user", () => seen.length === 1);
  assert.equal(seen[0], process.getuid?.());
  if (process.getuid?.() !== 0) return;
  // As another user: the kernel tells it, whatever the process says.
  const script = `
import os, socket, sys
os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.recv(1)`;
  const other = spawn("python3", ["-c", script, path], { stdio: "ignore" });
  context.after(() => other.kill("SIGKILL"));
  await until("the other's user", () => seen.length === 2);
  assert.equal(seen[1], 65_534);
});

test("a flood of connections shuts the socket at the kernel for a while; the control socket answers meanwhile", async (context) => {
  const { path, control, log, connect } = await rig(context, { shutMillis: 300 });
  const own = join(temporaryDirectory(context), "control.sock");
  const server = await createControlServer({ listen: { path: own }, control, log, clock: realClock });
  context.after(() => server.close());
  const admin = await connectControl(own);
  context.after(() => admin.close());
  // A process of its own, so that what it costs is seen here.
  const flood = spawn(
    "python3",
    [
      "-c",
      `
import os, socket, sys
if os.getuid() == 0: os.setuid(65534)
print("begins", flush=True)
while True:
    s = socket.socket(socket.AF_UNIX)
    try: s.connect(sys.argv[1])
    except OSError: pass
    s.close()
`,
      path,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  context.after(() => flood.kill("SIGKILL"));
  await soon("the flood", once(createInterface(flood.stdout), "line"));
  await log.line(/^Read-only socket shut for 300 ms: more than 50 connections a second$/);
  assert.equal(modeOf(path), 0o600);
  let worst = 0;
  for (let asked = 0; asked < 50; asked += 1) {
    const began = performance.now();
    await admin.request("version", undefined);
    worst = Math.max(worst, performance.now() - began);
  }
  assert.ok(worst < 500, `the control socket answered after ${worst} ms`);
  await until("the socket opens again", () => modeOf(path) === 0o666);
  flood.kill("SIGKILL");
  await soon("the flood's end", once(flood, "close"));
  await until("the socket is open", () => modeOf(path) === 0o666);
  assert.equal(log.texts.filter((text) => !/^Read-only/.test(text)).length, 0);
  await until("an answer", () => {
    void connect()
      .then((registry) => registry.request("version", undefined))
      .then(
        () => log.texts.push("answered"),
        () => undefined,
      );
    return log.texts.includes("answered");
  });
});

test("all answers together take their share of the processor and no more, however many ask", async (context) => {
  const { control, connect } = await rig(context, { share: 0.1, perUser: 16, requestsPerSecond: 1_000 });
  const began: number[] = [];
  let whole = 0;
  control.changes = async () => {
    began.push(performance.now());
    const end = performance.now() + 20;
    while (performance.now() < end);
    whole += 20;
    return CHANGES;
  };
  const readers = await Promise.all(Array.from({ length: 8 }, () => connect()));
  const first = performance.now();
  await Promise.all(readers.map((reader) => reader.request("changes", { waitMillis: 0 }, 20_000)));
  const took = performance.now() - first;
  assert.equal(began.length, 8);
  // Seven pauses of nine times what an answer took.
  assert.ok(took >= 7 * 9 * 20, `${took} ms for ${whole} ms of work`);
});

test("what takes time to make is made once a second, whoever asks", async (context) => {
  const { control, connect } = await rig(context);
  let made = 0;
  control.clients = () => {
    made += 1;
    return [];
  };
  const readers = await Promise.all([connect(), connect(), connect()]);
  const began = performance.now();
  for (let round = 0; round < 5; round += 1)
    await Promise.all(readers.map((reader) => reader.request("clients", undefined)));
  assert.ok(made <= 1 + (performance.now() - began) / 1_000, `${made} times`);
});

test("those who do not read are dropped, and hold no more than their bound until then", async (context) => {
  const { control, log, raw, connect } = await rig(context, { stalledMillis: 200, share: 1 });
  // Half a megabyte: more than the kernel takes for a client that does not read.
  const many = Array.from({ length: 2_000 }, (_, index) => client(`client-${index}`));
  control.clients = () => many;
  const slow = [await raw(), await raw(), await raw()];
  for (const attacker of slow) {
    attacker.socket.pause();
    for (let id = 1; id <= READ_LIMITS.underWay; id += 1) attacker.send({ id, method: "clients" });
  }
  const dropped = "Read-only client dropped: it does not read its replies";
  await until("all dropped", () => log.texts.filter((text) => text === dropped).length === slow.length);
  for (const attacker of slow) attacker.socket.resume();
  await Promise.all(slow.map((attacker) => soon("the drop", attacker.closed)));
  assert.equal((await (await connect()).request("clients", undefined)).length, 2_000);
});

test("who asks for nothing, sends too much or rubbish does not stay", async (context) => {
  const { log, raw } = await rig(context, { idleMillis: 50 });
  await soon("the idle one's end", (await raw()).closed);
  const greedy = await raw();
  greedy.send({ id: 1, method: "status", params: { x: "y".repeat(5_000) } });
  await soon("the greedy one's end", greedy.closed);
  const rubbish = await raw();
  rubbish.socket.write("\f\u0000}{\f");
  await soon("the end of rubbish", rubbish.closed);
  assert.ok(log.texts.length >= 2);
  for (const text of log.texts) assert.match(text, /^Read-only client dropped: /);
});
