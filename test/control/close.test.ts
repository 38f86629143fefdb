import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connectControl } from "../../src/control/client.ts";
import type { ClientReport } from "../../src/control/reports.ts";
import { client } from "./fake-control.ts";
import { rig, soon, temporaryDirectory } from "./harness.ts";

test("closing lets a pending reply out, then closes every connection and removes the socket", async (context) => {
  const { connect, raw, control, server, path } = await rig(context, { closeMillis: 60_000 });
  let called: () => void = () => {};
  const call = new Promise<void>((resolve) => (called = resolve));
  let finish: (value: "restarted") => void = () => {};
  control.restart = () => {
    called();
    return new Promise((resolve) => (finish = resolve));
  };
  const idle = await raw();
  const asking = await connect();
  const answer = asking.request("restart", undefined);
  await soon("the call", call);
  const closing = server.close();
  finish("restarted");
  assert.equal(await answer, "restarted");
  await soon("closing", closing);
  await soon("the idle one being closed", idle.closed);
  assert.equal(existsSync(path), false);
  await assert.rejects(connectControl(path), { name: "ConnectionError", reason: "not-running" });
});

test("what is not answered by then is told so, and new requests are refused", async (context) => {
  const { raw, control, server } = await rig(context, { closeMillis: 100 });
  let called: () => void = () => {};
  const call = new Promise<void>((resolve) => (called = resolve));
  control.restart = () => {
    called();
    return new Promise(() => {});
  };
  const asking = await raw();
  asking.send({ id: 1, method: "restart" });
  await soon("the call", call);
  const closing = server.close();
  asking.send({ id: 2, method: "stop" });
  const replies = [await asking.reply(), await asking.reply()] as { id: number; error: { code: string } }[];
  assert.deepEqual(
    replies.map(({ id, error }) => [id, error.code]),
    [
      [2, "stopping"],
      [1, "stopping"],
    ],
  );
  assert.deepEqual(control.calls, []);
  await soon("closing", closing);
});

test("a client that does not read cannot hold up closing", async (context) => {
  const { raw, control, server } = await rig(context, { closeMillis: 50 });
  const many: readonly ClientReport[] = Array.from({ length: 10_000 }, (_, index) =>
    client(`client-${index}`),
  );
  const asked = new Promise<void>((resolve) => {
    control.clients = () => {
      resolve();
      return many;
    };
  });
  const hanging = await raw();
  hanging.socket.pause();
  hanging.send({ id: 1, method: "clients" });
  await soon("the call", asked);
  await soon("closing", server.close());
  // Only a connection that is gone at the other end refuses this, as nothing was read that could tell.
  hanging.socket.write("x");
  await soon("being cut off", hanging.closed);
});

test("closing twice is closing once", async (context) => {
  const { server } = await rig(context);
  assert.equal(server.close(), server.close());
  await server.close();
});

/** A server that answers every connection with `bytes`. */
async function strangeServer(context: TestContext, bytes: string | Buffer): Promise<string> {
  const path = join(temporaryDirectory(context), "control.sock");
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.write(bytes));
    context.after(() => socket.destroy());
  }).listen(path);
  context.after(() => server.close());
  await once(server, "listening");
  return path;
}

const STRANGE: readonly (readonly [what: string, bytes: string | Buffer])[] = [
  ["binary", Buffer.from([0xff, 0, 0x0c, 0xfe])],
  ["no JSON", "HTTP/1.1 400 Bad Request\r\n\f"],
  ["another event", '{"type":"data","data":1}\f'],
  ["a reply without a shape", '{"type":"reply","data":7}\f'],
  ["a result of the wrong shape", '{"type":"reply","data":{"id":1,"ok":true,"result":{"version":1}}}\f'],
  ["an error without text", '{"type":"reply","data":{"id":1,"ok":false,"error":{}}}\f'],
];

for (const [what, bytes] of STRANGE) {
  test(`the client says that it is no registry's answer: ${what}`, async (context) => {
    const registry = await connectControl(await strangeServer(context, bytes));
    await assert.rejects(registry.request("version", undefined), {
      name: "ConnectionError",
      reason: "protocol",
    });
    registry.close();
  });
}

test("the client's deadline passes, and a late reply changes nothing", async (context) => {
  const { connect, control } = await rig(context);
  let finish: (value: "restarted") => void = () => {};
  control.restart = () => new Promise((resolve) => (finish = resolve));
  const registry = await connect();
  await assert.rejects(registry.request("restart", undefined, 20), {
    name: "ConnectionError",
    reason: "timeout",
  });
  finish("restarted");
  assert.equal((await registry.request("version", undefined)).pid, 4711);
});

test("a closed client answers every request, waiting or new, with 'closed'", async (context) => {
  const { connect, control } = await rig(context, { closeMillis: 10 });
  control.restart = () => new Promise(() => {});
  const registry = await connect();
  const waiting = registry.request("restart", undefined);
  registry.close();
  await assert.rejects(waiting, { name: "ConnectionError", reason: "closed" });
  await assert.rejects(registry.request("version", undefined), { name: "ConnectionError", reason: "closed" });
});

test("an error code that this client does not know is 'failed'", async (context) => {
  const reply = '{"type":"reply","data":{"id":1,"ok":false,"error":{"code":"newer","text":"why"}}}\f';
  const registry = await connectControl(await strangeServer(context, reply));
  await assert.rejects(registry.request("stop", { restarting: false }), {
    name: "ControlError",
    code: "failed",
    message: "why",
  });
  registry.close();
});
