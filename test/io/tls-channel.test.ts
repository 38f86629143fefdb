import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { generateIdentity } from "../../src/io/certificate.ts";
import { type Owner, within } from "../support/until.ts";
import { CHAT, dial, dialler, End, listening, pair, REGISTRY } from "./tls-scene.ts";

test("each side knows the other's key and protocol before it gets a byte", async (context) => {
  const { client, server, listener, identity } = await pair(context, { protocol: REGISTRY });
  assert.equal(client.channel.fingerprint, listener.identity.fingerprint);
  assert.equal(server.channel.fingerprint, identity.fingerprint);
  assert.deepEqual([client.channel.protocol, server.channel.protocol], [REGISTRY, REGISTRY]);
  assert.equal(server.channel.address, "127.0.0.1");
  client.say("hello\n");
  server.say("welcome\n");
  await Promise.all([server.hears("hello\n"), client.hears("welcome\n")]);
});

test("a listener may look at the first byte before it hands a connection over", async (context) => {
  const listener = await listening(context, { peeks: true });
  const client = await dial(dialler(context, await generateIdentity()), listener.port);
  assert.ok(client instanceof End, String(client));
  client.say("hello\n");
  const server = await listener.watched.until("the server's end", () => listener.ends[0]);
  await server.hears("hello\n");
});

test("either side may end first and still hears the other out", async (context) => {
  for (const first of ["client", "server"] as const) {
    const ends = await pair(context);
    const [ending, other] = first === "client" ? [ends.client, ends.server] : [ends.server, ends.client];
    ending.say("last words\n");
    ending.channel.end();
    await other.hearsTheEnd();
    assert.equal(other.text, "last words\n");
    other.say("an answer\n");
    other.channel.end();
    assert.deepEqual(await Promise.all([ending.closes(), other.closes()]), ["ended", "ended"]);
    assert.equal(ending.text, "an answer\n");
    assert.equal(ending.say("too late"), false);
  }
});

test("what was sent is known to be taken when the peer reads it, in order, and not when the channel ends first", async (context) => {
  const { client, server } = await pair(context);
  const taken: string[] = [];
  const { resolve: done, promise } = Promise.withResolvers<void>();
  server.channel.send(Buffer.from("one\n"), () => taken.push("one"));
  server.channel.send(Buffer.alloc(500_000, "x"));
  server.channel.send(Buffer.from("\nlast\n"), () => {
    taken.push("last");
    done();
  });
  assert.equal(taken.length, 0, "not within the call");
  await client.hears("\nlast\n");
  await within("the last to be taken", promise);
  assert.deepEqual(taken, ["one", "last"]);
  server.channel.send(Buffer.from("never\n"), () => taken.push("never"));
  server.channel.destroy();
  await server.closes();
  assert.deepEqual(taken, ["one", "last"]);
});

test("who does not end after the other has is cut off, by both", async (context) => {
  const { client, server } = await pair(context, { times: { lingerMillis: 50 } });
  client.channel.end();
  assert.deepEqual(await Promise.all([client.closes(), server.closes()]), ["lingering", "lingering"]);
});

test("a message that does not become complete is cut off, many small whole ones are not", async (context) => {
  const { client, server } = await pair(context, { times: { messageMillis: 400 } });
  const begin = performance.now();
  // Never between two messages, yet never long in one.
  for (let beat = 0; performance.now() - begin < 1_000; beat += 1) {
    client.say(`end of ${beat}\nbegin of the next `);
    await server.hears(`end of ${beat}\nbegin`);
  }
  assert.equal(server.cause, undefined);
  const drip = setInterval(() => client.say("."), 20);
  context.after(() => clearInterval(drip));
  assert.equal(await server.closes(), "message-too-slow");
  assert.equal(await client.closes(), "failed");
});

/** A TCP relay in the middle, with both legs in the test's hands. */
async function relay(owner: Owner, port: number): Promise<{ port: number; legs: Promise<[Socket, Socket]> }> {
  const legs = Promise.withResolvers<[Socket, Socket]>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    for (const socket of [near, far]) {
      socket.on("error", () => {});
      owner.after(() => void socket.destroy());
    }
    near.pipe(far);
    far.pipe(near);
    legs.resolve([near, far]);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { port: address.port, legs: legs.promise };
}

test("a peer that does not read is cut off: by time, and by bytes", async (context) => {
  const listener = await listening(context, { times: { unreadMillis: 300, maxQueuedBytes: 20_000_000 } });
  for (const [what, times] of [
    ["time", { unreadMillis: 300, maxQueuedBytes: 100_000_000 }],
    ["bytes", { unreadMillis: 60_000 }],
  ] as const) {
    const middle = await relay(context, listener.port);
    const client = await dial(dialler(context, await generateIdentity(), times), middle.port);
    assert.ok(client instanceof End, what);
    const [near] = await middle.legs;
    near.unpipe();
    near.pause();
    const chunk = Buffer.alloc(1_000_000);
    for (let sent = 0; sent < 40 && client.channel.send(chunk); sent += 1);
    assert.equal(await client.closes(), "unread", what);
  }
});

test("bytes forged by somebody in the middle reach nobody", async (context) => {
  const listener = await listening(context);
  const middle = await relay(context, listener.port);
  const client = await dial(dialler(context, await generateIdentity()), middle.port);
  assert.ok(client instanceof End);
  const server = await listener.watched.until("the server's end", () => listener.ends[0]);
  const [, far] = await middle.legs;
  // RFC 8446 §5.2: a record of application data, sealed with no key that anybody has.
  far.write(Buffer.concat([Buffer.from("170303002a", "hex"), Buffer.alloc(42, 7)]));
  assert.equal(await server.closes(), "failed");
  assert.equal(server.text, "");
});

test("what is destroyed ends for the peer", async (context) => {
  const { client, server } = await pair(context);
  client.channel.destroy();
  assert.equal(await client.closes(), "destroyed");
  await server.hearsTheEnd();
  server.channel.end();
  assert.equal(await server.closes(), "ended");
});

test("exported keys are the same at both ends, and differ by direction, purpose and connection", async (context) => {
  const listener = await listening(context);
  const from = dialler(context, await generateIdentity());
  const seen = new Set<string>();
  for (let connection = 0; connection < 3; connection += 1) {
    const client = await dial(from, listener.port);
    assert.ok(client instanceof End);
    const server = await listener.watched.until("the server's end", () => listener.ends[connection]);
    for (const purpose of ["sctp", "other"]) {
      const ours = client.channel.exportKeys(purpose);
      const theirs = server.channel.exportKeys(purpose);
      assert.deepEqual(ours.sending, theirs.receiving);
      assert.deepEqual(ours.receiving, theirs.sending);
      for (const key of [ours.sending, ours.receiving]) {
        assert.equal(key.length, 32);
        seen.add(Buffer.from(key).toString("hex"));
      }
    }
  }
  assert.equal(seen.size, 3 * 2 * 2);
});

test("a dialling that is cancelled or meets nobody", async (context) => {
  const from = dialler(context, await generateIdentity(), { handshakeMillis: 100 });
  const silent = createServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  assert.equal(await dial(from, port), "too-slow");
  const fail = () => assert.fail("cancelled");
  from.dial({ address: "127.0.0.1", port, protocol: CHAT, onOpen: fail, onFailed: fail })();
  silent.close();
  assert.equal(await dial(from, port), "refused");
  assert.equal(from.size, 0);
});

test("nobody talks to himself", async (context) => {
  const listener = await listening(context);
  assert.equal(await dial(dialler(context, listener.identity), listener.port), "ourselves");
});

const SCENE = resolve(import.meta.dirname, "tls-scene.ts");

test("two processes: keys agree, and the death of one ends the channel of the other", async (context) => {
  const program = `
    const { Scope } = await import(${JSON.stringify(resolve(import.meta.dirname, "../support/until.ts"))});
    const { listening } = await import(${JSON.stringify(SCENE)});
    const listener = await listening(new Scope());
    console.log(listener.port, listener.identity.fingerprint);
    const end = await listener.watched.until("a channel", () => listener.ends[0]);
    console.log(Buffer.from(end.channel.exportKeys("sctp").sending).toString("hex"), end.channel.fingerprint);`;
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => void child.kill("SIGKILL"));
  assert.ok(child.stdout !== null);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => String((await within("a line", lines.next())).value).split(" ");
  const [port, theirs] = await line();
  const identity = await generateIdentity();
  const client = await dial(dialler(context, identity), Number(port));
  assert.ok(client instanceof End);
  assert.equal(client.channel.fingerprint, theirs);
  const key = Buffer.from(client.channel.exportKeys("sctp").receiving).toString("hex");
  assert.deepEqual(await line(), [key, identity.fingerprint]);
  child.kill("SIGKILL");
  await client.hearsTheEnd();
});
