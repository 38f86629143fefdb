import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ClientReport } from "../../src/control/reports.ts";
import type { ControlLimits } from "../../src/control/server.ts";
import { client } from "./fake-control.ts";
import { type RawClient, type Rig, rig, soon } from "./harness.ts";

/** A client that must be dropped while another, well-behaved one is served before, meanwhile and after. */
async function assertDropped(
  context: TestContext,
  limits: Partial<ControlLimits>,
  attack: (attacker: RawClient, around: Rig) => Promise<void> | void,
  reason: RegExp | undefined,
): Promise<void> {
  const around = await rig(context, limits);
  const bystander = await around.connect();
  await bystander.request("version", undefined);
  const attacker = await around.raw();
  await attack(attacker, around);
  await soon("being dropped", attacker.closed);
  assert.equal((await bystander.request("version", undefined)).pid, 4711);
  if (reason === undefined) assert.deepEqual(around.log.texts, []);
  else assert.match(around.log.texts.join("\n"), reason);
}

test("an event that is not on the list drops its sender", async (context) => {
  for (const name of [
    "status",
    "reply2",
    "connect",
    "error",
    "close",
    "socket.disconnected",
    "*",
    "data",
    "toString",
  ]) {
    await assertDropped(context, {}, (attacker) => attacker.send({ id: 1 }, name), /dropped: event type/);
  }
});

test("the reply event is not a request", async (context) => {
  const { raw, log, control } = await rig(context);
  const sender = await raw();
  sender.send({ id: 1, method: "stop" }, "reply");
  sender.send({ id: 2, method: "version" });
  assert.equal(((await sender.reply()) as { id: number }).id, 2);
  assert.deepEqual([control.calls, log.texts], [[], []]);
});

test("a request of 64 KiB is read, a larger one drops its sender", async (context) => {
  const { raw } = await rig(context);
  const frame = (size: number) => {
    const empty = JSON.stringify({ type: "request", data: { id: 1, method: "version", padding: "" } });
    return `${empty.slice(0, -3)}${"x".repeat(size - empty.length)}"}}`;
  };
  const sender = await raw();
  sender.socket.write(`${frame(64 * 1024)}\f`);
  assert.equal(((await sender.reply()) as { ok: boolean }).ok, true);
  await assertDropped(
    context,
    {},
    (attacker) => void attacker.socket.write(`${frame(64 * 1024 + 1)}\f`),
    /exceeds/,
  );
});

test("bytes without end drop their sender before they fill memory", async (context) => {
  await assertDropped(
    context,
    {},
    (attacker) => {
      const more = () => {
        while (!attacker.socket.destroyed && attacker.socket.write("x".repeat(16_384)));
      };
      attacker.socket.on("drain", more);
      more();
    },
    /exceeds/,
  );
});

test("binary garbage, invalid JSON and JSON that is no object drop their sender", async (context) => {
  const garbage = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 151) & 0xff));
  for (const bytes of [
    garbage,
    Buffer.from("{\f"),
    Buffer.from("[1]\f"),
    Buffer.from("null\f"),
    Buffer.from("\f"),
  ]) {
    await assertDropped(context, {}, (attacker) => void attacker.socket.write(bytes), /dropped: /);
  }
});

test("deep nesting and prototype keys do no harm", async (context) => {
  const { raw } = await rig(context);
  const sender = await raw();
  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  sender.socket.write(`{"type":"request","data":{"id":1,"method":"version","params":${deep}}}\f`);
  assert.equal(((await sender.reply()) as { ok: boolean }).ok, false);
  sender.socket.write('{"type":"request","data":{"id":2,"method":"version","__proto__":{"polluted":1}}}\f');
  assert.equal(((await sender.reply()) as { ok: boolean }).ok, true);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test("more than the allowed requests a second drop their sender, and the rest of the flood is not carried out", async (context) => {
  let served = 0;
  await assertDropped(
    context,
    { requestsPerSecond: 20 },
    (attacker, { control }) => {
      control.clients = () => {
        served += 1;
        return [];
      };
      attacker.socket.write(
        `${JSON.stringify({ type: "request", data: { id: 1, method: "clients" } })}\f`.repeat(500),
      );
    },
    /more than 20 requests a second/,
  );
  assert.ok(served >= 1 && served <= 25, `${served} served`);
});

test("a request sent byte by byte drops its sender", async (context) => {
  await assertDropped(
    context,
    { readsPerSecond: 50 },
    async (attacker) => {
      while (!attacker.socket.destroyed) {
        await new Promise<void>((done) => attacker.socket.write("x", () => done()));
        await new Promise(setImmediate);
      }
    },
    /too small pieces/,
  );
});

test("nothing that a client sent with what got it dropped is carried out", async (context) => {
  const { raw, control, log } = await rig(context, { readsPerSecond: 0 });
  const sender = await raw();
  sender.send({ id: 1, method: "stop" });
  await soon("being dropped", sender.closed);
  assert.deepEqual([control.calls, log.texts.length], [[], 1]);
});

test("a request whose end does not come drops its sender", async (context) => {
  await assertDropped(
    context,
    { partialMillis: 50 },
    (attacker) => void attacker.socket.write('{"type":"request","data":{"id":1,'),
    /incomplete message/,
  );
});

test("an idle connection is closed without a word in the log", async (context) => {
  const around = await rig(context, { idleMillis: 50 });
  const idler = await around.raw();
  await soon("being closed", idler.closed);
  assert.deepEqual(around.log.texts, []);
});

test("a connection that waits for its answer is not idle", async (context) => {
  const { raw, control } = await rig(context, { idleMillis: 20 });
  let finish: (value: "restarted") => void = () => {};
  control.restart = () => new Promise((resolve) => (finish = resolve));
  const waiting = await raw();
  waiting.send({ id: 1, method: "restart" });
  const idler = await raw();
  await soon("the idle one being closed", idler.closed);
  assert.equal(waiting.socket.destroyed, false);
  finish("restarted");
  assert.deepEqual(await waiting.reply(), { id: 1, ok: true, result: "restarted" });
});

/** Replies of about 2 MB: more than the kernel takes for a client that does not read. */
const many: readonly ClientReport[] = Array.from({ length: 10_000 }, (_, index) => client(`client-${index}`));

test("a client that does not read its reply is dropped", async (context) => {
  await assertDropped(
    context,
    { stalledMillis: 50 },
    (attacker, { control, log }) => {
      control.clients = () => many;
      attacker.socket.pause();
      attacker.send({ id: 1, method: "clients" });
      // The end of a connection only shows to a client that reads: read on as soon as the server has dropped it.
      return soon(
        "the stall",
        logged(log.entries).then(() => void attacker.socket.resume()),
      );
    },
    /does not read/,
  );
});

test("replies waiting for one client are bounded", async (context) => {
  await assertDropped(
    context,
    { replyBytes: 4_000_000 },
    (attacker, { control, log }) => {
      control.clients = () => many;
      attacker.socket.pause();
      for (let id = 1; id <= 5; id += 1) attacker.send({ id, method: "clients" });
      return soon(
        "the overflow",
        logged(log.entries).then(() => void attacker.socket.resume()),
      );
    },
    /pending socket writes exceed/,
  );
});

test("a roster of 10,000 reaches a client that reads", async (context) => {
  const { connect, control } = await rig(context);
  control.clients = () => many;
  const registry = await connect();
  assert.equal((await registry.request("clients", undefined)).length, 10_000);
});

test("an answer beyond the limit becomes an error", async (context) => {
  const { connect, control } = await rig(context, { replyBytes: 100_000 });
  control.clients = () => many;
  const registry = await connect();
  await assert.rejects(registry.request("clients", undefined), { code: "failed", message: /cannot be sent/ });
});

test("too many requests under way get 'busy'", async (context) => {
  const { raw, control } = await rig(context, { underWay: 2 });
  control.restart = () => new Promise(() => {});
  const sender = await raw();
  for (let id = 1; id <= 3; id += 1) sender.send({ id, method: "restart" });
  const reply = (await sender.reply()) as { id: number; error: { code: string } };
  assert.deepEqual([reply.id, reply.error.code], [3, "busy"]);
});

test("connections beyond the limit are closed, and room comes back", async (context) => {
  const { raw, connect } = await rig(context, { connections: 3 });
  const held = [await raw(), await raw(), await raw()];
  const extra = await raw();
  await soon("the extra one being closed", extra.closed);
  held[0]?.socket.destroy();
  await soon(
    "room",
    retry(async () => (await connect()).request("version", undefined)),
  );
});

test("a client that goes away before its answer does no harm", async (context) => {
  const { raw, connect, control, log } = await rig(context);
  let finish: (value: "restarted") => void = () => {};
  let called: () => void = () => {};
  const call = new Promise<void>((resolve) => (called = resolve));
  control.restart = () => {
    called();
    return new Promise((resolve) => (finish = resolve));
  };
  const leaver = await raw();
  leaver.send({ id: 1, method: "restart" });
  await soon("the call", call);
  leaver.socket.destroy();
  await soon("leaving", leaver.closed);
  finish("restarted");
  assert.equal((await (await connect()).request("version", undefined)).pid, 4711);
  assert.deepEqual(
    log.entries.filter(({ level }) => level !== "debug"),
    [],
  );
});

async function retry<Value>(attempt: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await new Promise(setImmediate);
    }
  }
}

function logged(entries: readonly unknown[]): Promise<void> {
  return retry(async () => {
    if (entries.length === 0) throw new Error("not yet");
  });
}
