import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { type ControlClient, connectControl } from "../../src/control/client.ts";
import type { StatusReport } from "../../src/control/reports.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";

/** What the registry must not forget, and what it does when the state directory is not as it should be. */

async function asked<Answer>(
  daemon: Multiprotod,
  ask: (client: ControlClient) => Promise<Answer>,
): Promise<Answer> {
  const client = await connectControl(daemon.socketPath);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

function statusOf(daemon: Multiprotod): Promise<StatusReport> {
  return asked(daemon, (client) => client.request("status", undefined));
}

async function killed(daemon: Multiprotod): Promise<void> {
  daemon.kill("SIGKILL");
  await daemon.exit();
}

function file(place: Place, name: string): string {
  return join(place.stateDirectory, name);
}

/** Does not start, says why in one line, and leaves the file as it is. */
async function refusesToStart(
  context: TestContext,
  place: Place,
  path: string,
  pattern: RegExp,
): Promise<void> {
  const before = readFileSync(path);
  const daemon = new Multiprotod(context, place);
  assert.deepEqual(await daemon.exit(), { code: 79, signal: null });
  const [line, ...more] = daemon.matching(/error/);
  assert.match(line ?? "", pattern);
  assert.deepEqual(more, []);
  assert.deepEqual(readFileSync(path), before);
}

test("killed at any moment: key, names and bans are kept, and no number of the roster comes twice", async (context) => {
  const registry = await makePlace(context);
  let daemon = await Multiprotod.start(context, registry);
  const first = await statusOf(daemon);
  const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
  const { identity } = ola;
  let highest = 0;
  for (let round = 1; round <= 3; round += 1) {
    // Acknowledged a moment ago.
    const name = `eva${round}`;
    const eva = await Mp2Client.open(context, { registry, nickname: name });
    assert.equal((await eva.register()).type, "registered");
    const { seq } = await statusOf(daemon);
    assert.ok((seq ?? 0) >= highest);
    highest = seq ?? 0;
    await killed(daemon);
    daemon = await Multiprotod.start(context, registry);
    const after = await statusOf(daemon);
    assert.deepEqual([after.fingerprint, after.epoch], [first.fingerprint, first.epoch]);
    assert.ok((after.seq ?? 0) >= highest, `${after.seq} after ${highest}`);
    const thief = await Mp2Client.open(context, { registry, nickname: name });
    const refused = await thief.register();
    assert.ok(refused.type === "refused");
    assert.deepEqual([refused.code, refused.holder?.fingerprint], ["nick-taken", eva.identity.fingerprint]);
  }
  const again = await Mp2Client.join(context, { registry, nickname: "ola", identity });
  assert.ok((again.registered?.seq ?? 0) >= highest);

  await asked(daemon, (client) => client.request("ban", { target: "ola", reason: "spam" }));
  await killed(daemon);
  daemon = await Multiprotod.start(context, registry);
  const [ban] = await asked(daemon, (client) => client.request("bans", undefined));
  assert.deepEqual([ban?.nickname, ban?.fingerprint, ban?.reason], ["ola", identity.fingerprint, "spam"]);
  const banned = await (await Mp2Client.open(context, { registry, nickname: "ola", identity })).register();
  assert.equal(banned.type === "refused" && banned.code, "banned");
});

test("the identity file is private, and what is wrong with it keeps the registry from starting", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const { fingerprint } = await statusOf(daemon);
  await daemon.stop();
  const path = file(place, "identity.pem");
  const good = readFileSync(path, "utf8");

  chmodSync(path, 0o640);
  await refusesToStart(
    context,
    place,
    path,
    /Not started: Cannot use the identity file .*other users may read/,
  );
  chmodSync(path, 0o600);
  writeFileSync(path, good.slice(0, 100));
  await refusesToStart(
    context,
    place,
    path,
    /it is not one key and one certificate; it was left as it is \(put/,
  );
  writeFileSync(path, "");
  await refusesToStart(context, place, path, /Cannot use the identity file/);

  writeFileSync(path, good);
  const again = await Multiprotod.start(context, place);
  assert.equal((await statusOf(again)).fingerprint, fingerprint);
});

test("a damaged database is set aside, named in the journal, and what is sound of it is kept", async (context) => {
  const registry = await makePlace(context);
  const daemon = await Multiprotod.start(context, registry);
  const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
  const { epoch } = await statusOf(daemon);
  await daemon.stop();
  const path = file(registry, "registry.sqlite");
  writeFileSync(path, "none of ours, and longer than a header of SQLite's would be, by some bytes at least");

  const again = await Multiprotod.start(context, registry);
  const line = again.lines.find((text) => text.includes("damaged")) ?? "";
  assert.match(
    line,
    /error The registry's database was damaged and is now \S*registry\.sqlite\.damaged-\S+;/,
  );
  assert.ok(readdirSync(registry.stateDirectory).some((name) => name.startsWith("registry.sqlite.damaged-")));
  assert.notEqual((await statusOf(again)).epoch, epoch, "another lineage");
  await Mp2Client.join(context, { registry, nickname: "ola", identity: ola.identity });
  await killed(again);
  const third = await Multiprotod.start(context, registry);
  assert.deepEqual(third.matching(/damaged/), []);
});

test("a database of a newer version keeps the registry from starting", async (context) => {
  const place = await makePlace(context);
  await (await Multiprotod.start(context, place)).stop();
  const path = file(place, "registry.sqlite");
  const database = new DatabaseSync(path);
  database.exec("PRAGMA user_version = 999");
  database.close();
  await refusesToStart(
    context,
    place,
    path,
    /Cannot use .*registry\.sqlite: its schema has version 999, .*newer version/,
  );
});

test("a second registry with the same state directory does not start, the first goes on", async (context) => {
  const first = await makePlace(context);
  const daemon = await Multiprotod.start(context, first);
  const other = await makePlace(context);
  const second = new Multiprotod(context, { ...other, stateDirectory: first.stateDirectory });
  assert.equal((await second.exit()).code, 79);
  assert.match(
    second.lines.join("\n"),
    /Not started: .*is another registry running with this state directory/,
  );
  await Mp2Client.join(context, { registry: first, nickname: "ola" });
  assert.equal((await statusOf(daemon)).store?.bindings, 1);
});

/** In a mount namespace of its own, with the state directory on a small disk. */
function onSmallDisk(place: Place, size: string): readonly string[] {
  const script = `mount -t tmpfs -o size=${size},mode=700 none "$0" && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, place.stateDirectory];
}

const needsRoot = process.geteuid?.() === 0 ? {} : { skip: "needs root" };

test(
  "a full disk: who is known comes in, new names are refused, everything else goes on",
  needsRoot,
  async (context) => {
    const registry = await makePlace(context);
    // With a database and an identity to begin with.
    const before = await Multiprotod.start(context, registry);
    const ola = await Mp2Client.join(context, { registry, nickname: "ola" });
    await before.stop();
    const { identity } = ola;
    const copies = ["identity.pem", "registry.sqlite"].map((name) => join(registry.directory, name));
    for (const copy of copies) copyFileSync(file(registry, copy.split("/").at(-1) ?? ""), copy);
    const fill = `cp -p ${copies.join(" ")} "$0" && dd if=/dev/zero of="$0/filling" bs=4096 2>/dev/null; exec "$@"`;
    const prefix = [...onSmallDisk(registry, "256k"), "sh", "-c", fill, registry.stateDirectory];
    const daemon = await Multiprotod.start(context, registry, { prefix });

    await Mp2Client.join(context, { registry, nickname: "ola", identity });
    const newcomer = await Mp2Client.open(context, { registry, nickname: "eva" });
    const refused = await newcomer.register();
    assert.equal(refused.type === "refused" && refused.code, "storage");
    const { store, state } = await statusOf(daemon);
    assert.deepEqual([state, store?.state], ["ready", "failing"]);
    assert.match(store?.trouble ?? "", /free some space/);
    await daemon.line(/error .*free some space; .*new nicknames are refused until it can be written/);
    await Mp1Client.join(context, { registry, nickname: "original", flavour: "original" });
  },
);

test("a read-only state: the same", needsRoot, async (context) => {
  const registry = await makePlace(context);
  const before = await Multiprotod.start(context, registry);
  const { identity } = await Mp2Client.join(context, { registry, nickname: "ola" });
  await before.stop();
  const script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"';
  const prefix = ["unshare", "--mount", "sh", "-c", script, registry.stateDirectory];
  const daemon = await Multiprotod.start(context, registry, { prefix });
  await Mp2Client.join(context, { registry, nickname: "ola", identity });
  const refused = await (await Mp2Client.open(context, { registry, nickname: "eva" })).register();
  assert.equal(refused.type === "refused" && refused.code, "storage");
  assert.match((await statusOf(daemon)).store?.trouble ?? "", /read-only/);
  await daemon.line(/error .*read-only/);
});

test(
  "no identity and no place for one: it does not start, and says what to do",
  needsRoot,
  async (context) => {
    const place = await makePlace(context);
    await (await Multiprotod.start(context, place)).stop();
    const script = 'mount -t tmpfs -o ro none "$0" && exec "$@"';
    const prefix = ["unshare", "--mount", "sh", "-c", script, place.stateDirectory];
    const daemon = new Multiprotod(context, place, { prefix });
    assert.equal((await daemon.exit()).code, 79);
    assert.match(daemon.lines.join("\n"), /Cannot create the identity file .*the file system is read-only/);
  },
);
