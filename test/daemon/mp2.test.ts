import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type ControlClient, connectControl } from "../../src/control/client.ts";
import { STREAMS } from "../../src/wire/mp2-presence.ts";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { configure, Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";

/** The real registry and bare mp2 clients on loopback. */

async function running(context: TestContext, extra = ""): Promise<{ daemon: Multiprotod; registry: Place }> {
  const registry = await makePlace(context, extra);
  return { daemon: await Multiprotod.start(context, registry), registry };
}

async function controlOf(context: TestContext, daemon: Multiprotod): Promise<ControlClient> {
  const client = await connectControl(daemon.socketPath);
  context.after(() => client.close());
  return client;
}

test("a join: hello, cookie, dial-back by TLS, roster, association, attach; each sees the other", async (context) => {
  const { daemon, registry } = await running(context, '[log]\nlevel = "debug"');
  const control = await controlOf(context, daemon);
  const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
  const eva = await Mp2Client.join(context, { registry, nickname: "eva" });
  const seen = await ola.sees("eva");
  assert.deepEqual(
    [seen.fingerprint, seen.address, seen.port, seen.kind],
    [eva.identity.fingerprint, "127.0.0.1", eva.port, "mp2"],
  );
  assert.equal((await eva.sees("ola")).fingerprint, ola.identity.fingerprint);
  const { fingerprint } = await control.request("fingerprint", undefined);
  assert.equal(ola.cookie?.fingerprint, fingerprint, "the registry's key, as the admin sees it");
  assert.equal(ola.dialogues[0]?.channel.fingerprint, fingerprint);
  await daemon.line(/ola online from 127\.0\.0\.1:\d+ \(mp2, \d+ ms\) path=udp/);

  const [first] = (await control.request("clients", undefined)).filter(({ nickname }) => nickname === "ola");
  assert.deepEqual(
    [first?.protocol, first?.verified, first?.fingerprint, first?.state, first?.path],
    ["mp2", true, ola.identity.fingerprint, "online", "udp"],
  );
  const status = await control.request("status", undefined);
  assert.deepEqual([status.fingerprint, status.epoch], [fingerprint, ola.registered?.epoch]);
  assert.deepEqual(status.store, { state: "ok", trouble: null, bindings: 2, bans: 0 });
});

test("over IPv6 as well", async (context) => {
  const { registry } = await running(context);
  const six = await Mp2Client.join(context, { registry, nickname: "six", address: "::1" });
  const four = await Mp2Client.join(context, { registry, nickname: "four" });
  assert.equal((await four.sees("six")).address, "::1");
  await six.sees("four");
});

test("status and leaving reach the others, in deltas without a gap and without pages", async (context) => {
  const { daemon, registry } = await running(context);
  const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
  const eva = await Mp2Client.join(context, { registry, nickname: "eva" });
  await eva.sees("eva");
  const { pages } = eva;
  ola.tell({ type: "status", away: true, status: "back at 3" as StatusText });
  assert.equal((await eva.sees("ola", "away")).status, "back at 3");
  const control = await controlOf(context, daemon);
  const shown = (await control.request("clients", undefined)).find(({ nickname }) => nickname === "ola");
  assert.deepEqual([shown?.away, shown?.status], [true, "back at 3"]);
  await ola.leave();
  assert.equal(ola.over, "closed");
  const gone = await eva.sees("ola", "offline");
  assert.equal(gone.state === "offline" ? gone.reason : undefined, "left");
  assert.equal(eva.pages, pages);
  assert.ok(eva.mirror.isCurrent);
});

test("a name belongs to the key that came first: another one is told whose it is, and what is free", async (context) => {
  const { registry } = await running(context);
  const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
  const thief = await Mp2Client.open(context, { registry, nickname: "Ola" });
  const refused = await thief.register();
  assert.ok(refused.type === "refused");
  assert.deepEqual(
    [refused.code, refused.holder?.fingerprint, refused.holder?.address],
    ["nick-taken", ola.identity.fingerprint, "127.0.0.1"],
  );
  assert.ok(refused.suggestion);
  // By the suggested name it is let in; then it asks for the other's name once more.
  assert.equal((await thief.register(refused.suggestion)).type, "registered");
  await thief.associate();
  await thief.attach();
  await ola.sees(refused.suggestion);
  assert.equal((await thief.register("ola")).type, "refused", "a rename to a name that is taken");
  // mp1 clients cannot have it either: ours is refused, an original one is numbered.
  const own = await Mp1Client.open(context, { registry, nickname: "ola" });
  assert.equal((await own.register()).type, "refused");
  await Mp1Client.join(context, { registry, nickname: "ola", flavour: "original" });
  const numbered = await ola.watched.until("an original ola", () =>
    [...ola.mirror.entries()].find(({ kind }) => kind === "mp1-original"),
  );
  assert.match(numbered.nick, /^ola~\d+$/);
});

test("the same key again takes its session over", async (context) => {
  const { registry } = await running(context);
  const before = await Mp2Client.join(context, { registry, nickname: "ola" });
  const { identity } = before;
  const after = await Mp2Client.join(context, { registry, nickname: "ola", identity });
  await before.endsBy("superseded");
  await before.loses();
  await after.watched.until("ola at its new port", () => after.mirror.find("ola")?.port === after.port);
});

test("kick ends a session, ban keeps the key out, unban lets it in, forget frees the name", async (context) => {
  const { daemon, registry } = await running(context);
  const control = await controlOf(context, daemon);
  const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
  const { identity } = ola;
  const { fingerprint } = identity;
  const concerned = { changed: true, nickname: "ola", fingerprint, address: "127.0.0.1" };
  assert.deepEqual(await control.request("kick", { target: "OLA" }), concerned);
  await ola.endsBy("kicked");
  await ola.loses();
  assert.equal((await control.request("kick", { target: "ola" })).changed, false);
  await daemon.line(/info +An admin kicked ola at 127\.0\.0\.1 the key [\d ]{47}$/);

  const again = await Mp2Client.join(context, { registry, nickname: "ola", identity });
  const ban = { target: fingerprint, reason: "floods the office" };
  assert.deepEqual(await control.request("ban", ban), concerned);
  assert.equal((await again.endsBy("banned")).text, "floods the office");
  assert.equal((await control.request("ban", ban)).changed, false);
  const [entry, ...more] = await control.request("bans", undefined);
  assert.deepEqual([entry?.fingerprint, entry?.nickname, entry?.reason], [fingerprint, "ola", ban.reason]);
  assert.deepEqual(more, []);
  const refused = await (await Mp2Client.open(context, { registry, nickname: "ola", identity })).register();
  assert.equal(refused.type === "refused" && refused.code, "banned");

  assert.equal((await control.request("unban", { target: "ola" })).changed, true);
  await Mp2Client.join(context, { registry, nickname: "ola", identity });
  await control.request("kick", { target: "ola" });
  assert.equal((await control.request("forget", { nickname: "ola" })).changed, true);
  const other = await Mp2Client.join(context, { registry, nickname: "ola" });
  assert.notEqual(other.identity.fingerprint, fingerprint);
  await assert.rejects(control.request("kick", { target: "nobody" }), { code: "not-found" });
  await assert.rejects(control.request("forget", { nickname: "nobody" }), { code: "not-found" });
});

test("a stop says so to the clients, a restart that it comes back, and when", async (context) => {
  const { daemon, registry } = await running(context);
  const control = await controlOf(context, daemon);
  const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
  assert.equal(await control.request("restart", undefined), "restarted");
  assert.equal((await ola.endsBy("restart")).backIn, 2_000);
  const { identity } = ola;
  const again = await Mp2Client.join(context, { registry, nickname: "ola", identity });
  daemon.kill("SIGTERM");
  assert.equal((await again.endsBy("stop")).backIn, undefined);
  assert.equal((await daemon.exit()).code, 0);
});

test("the realm is the configured one, and a reload changes it", async (context) => {
  const { daemon, registry } = await running(context);
  configure(registry, "", 'realm = "kontor"');
  daemon.kill("SIGHUP");
  assert.match(await daemon.line(/Configuration reloaded/), /network\.realm changed/);
  const ola = await Mp2Client.open(context, { registry, nickname: "ola" });
  const dialogue = await ola.dialogue();
  assert.equal((await dialogue.next("challenge")).realm, "kontor");
});

test("what is not sealed, on another stream or sent twice ends the association, and nobody else notices", async (context) => {
  const { daemon, registry } = await running(context);
  const watcher = await Mp2Client.join(context, { registry, nickname: "watcher" });
  const hostile: readonly (readonly [string, (client: Mp2Client) => void])[] = [
    ["bare", (client) => client.tellRaw(Buffer.from("a1001823", "hex"))],
    ["empty", (client) => client.tellRaw(new Uint8Array(1))],
    ["large", (client) => client.tellRaw(new Uint8Array(65_536))],
    ["ppid", (client) => client.tellRaw(new Uint8Array(40), STREAMS.control, 0)],
    ["stream", (client) => client.tellRaw(new Uint8Array(40), 9)],
  ];
  for (const [nickname, act] of hostile) {
    const client = await Mp2Client.join(context, { registry, nickname });
    act(client);
    await client.loses();
    await watcher.sees(nickname, "offline");
  }
  assert.equal(watcher.over, undefined);
  assert.equal(daemon.matching(/Closed the association/).length > 0, true);
});

test("legacy = false: mp2 goes on, mp1 stays out", async (context) => {
  const registry = await makePlace(context);
  configure(registry, "", "legacy = false");
  const daemon = await Multiprotod.start(context, registry);
  await Mp2Client.join(context, { registry, nickname: "ola" });
  for (const flavour of ["own", "original"] as const) {
    const client = await Mp1Client.open(context, { registry, nickname: "old", flavour });
    client.hello();
    await daemon.line(new RegExp(`127\\.0\\.0\\.1:${client.port}: clients of mp1 are switched off`));
  }
});
