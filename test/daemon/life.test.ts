import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connectControl } from "../../src/control/client.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { configure, Multiprotod, makePlace } from "../support/multiprotod.ts";

test("starts, says so, serves, and tells its clients when it goes", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const ports = `udp=${place.port} tcp=${place.port} sctp-udp=${place.encapsulationPort}`;
  assert.match(daemon.lines[0] ?? "", /info {2}A new identity was made, .*: clients see (\d{5} ?){8}$/);
  assert.match(daemon.lines[1] ?? "", new RegExp(`multiproto \\d+\\.\\d+\\.\\d+ ready ${ports}`));

  const ola = await Mp1Client.join(context, { registry: place, nickname: "ola" });
  const eva = await Mp1Client.join(context, { registry: place, nickname: "eva", flavour: "original" });
  assert.deepEqual(await ola.sees("eva"), {
    ip: "127.0.0.1",
    port: eva.port,
    nickname: "eva",
    online: true,
  });
  await eva.sees("ola");
  const [online] = daemon.matching(/ola online/);
  assert.match(
    online ?? "",
    /ola online from 127\.0\.0\.1:\d+ \(mp1, \d+ ms\) path=udp client=own$/,
    "one line an event",
  );

  const asked = performance.now();
  daemon.kill("SIGTERM");
  assert.deepEqual(await daemon.exit(), { code: 0, signal: null });
  assert.ok(performance.now() - asked < 2_000, "within 2 s");
  assert.deepEqual([ola.ended, eva.ended], ["closed", "closed"], "both got a SHUTDOWN");
  assert.deepEqual(daemon.errors, [], "nothing on standard error");
});

test("ends within 2 s although a client does not answer the SHUTDOWN", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const gone = await Mp1Client.join(context, { registry: place, nickname: "gone" });
  await gone.vanish();
  const asked = performance.now();
  daemon.kill("SIGTERM");
  assert.equal((await daemon.exit()).code, 0);
  assert.ok(performance.now() - asked < 2_000, "within 2 s");
});

test("SIGHUP applies a good configuration", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const stays = await Mp1Client.join(context, { registry: place, nickname: "stays" });
  const vanishes = await Mp1Client.join(context, { registry: place, nickname: "vanishes" });

  const extra = '[log]\nlevel = "debug"\n[presence]\nheartbeat = "200ms"\nlost-after = "1s"';
  configure(place, extra, "legacy = false");
  daemon.kill("SIGHUP");
  const line = await daemon.line(/Configuration reloaded/);
  for (const key of ["log.level", "presence.heartbeat", "presence.lost-after", "network.legacy"]) {
    assert.ok(line.includes(key), `${key} in: ${line}`);
  }
  assert.doesNotMatch(line, /needs a restart/);

  const vanished = performance.now();
  await vanishes.vanish();
  await stays.sees("vanishes", false);
  assert.ok(performance.now() - vanished < 2_500, "lost after 1 s, for associations that were up before");
  await daemon.line(/debug vanishes missed a heartbeat/);

  const original = await Mp1Client.open(context, { registry: place, nickname: "old", flavour: "original" });
  original.hello();
  await daemon.line(/clients of mp1 are switched off/);
  await Mp2Client.join(context, { registry: place, nickname: "new" });
  assert.equal(stays.ended, undefined, "who is there stays");
});

test("SIGHUP says what needs a restart", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  configure({ ...place, port: place.port + 1 });
  daemon.kill("SIGHUP");
  await daemon.line(/Configuration reloaded: nothing changed; needs a restart: network\.port/);
  await Mp1Client.join(context, { registry: place, nickname: "ola" });
});

test("SIGHUP refuses a bad configuration, names the line, and runs on", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  configure(place, '[log]\nlevel = "loud"');
  daemon.kill("SIGHUP");
  const line = await daemon.line(/error Configuration refused/);
  assert.match(line, /the running one stays: .*multiproto\.toml, line 5: log\.level: wants one of/);
  await Mp1Client.join(context, { registry: place, nickname: "ola" });
  assert.equal((await daemon.stop()).code, 0);
});

test("a bad configuration ends the start with 78, the line and a suggestion", async (context) => {
  const place = await makePlace(context);
  const cases: readonly [string, RegExp][] = [
    ['[presence]\nhartbeat = "1s"', /line 5: presence\.hartbeat: unknown key \(did you mean heartbeat\?\)/],
    ["[netwrok]\nport = 1", /line 4: netwrok: unknown section or key \(did you mean \[network\]\?\)/],
    ['[log]\nlevel = "inof"', /line 5: log\.level: wants one of a few words \(did you mean info\?\)/],
    ["[log]\nlevel =", /multiproto\.toml, line 5: /],
  ];
  for (const [extra, wanted] of cases) {
    configure(place, extra);
    const daemon = new Multiprotod(context, place);
    assert.deepEqual(await daemon.exit(), { code: 78, signal: null }, extra);
    assert.equal(daemon.lines.length, 1, "one line");
    assert.match(daemon.lines[0] ?? "", wanted);
  }
});

test("a configuration file that was named and is not there ends the start with 78", async (context) => {
  const place = await makePlace(context);
  const daemon = new Multiprotod(context, {
    ...place,
    configurationFile: join(place.directory, "none.toml"),
  });
  assert.equal((await daemon.exit()).code, 78);
  assert.match(daemon.lines[0] ?? "", /none\.toml: cannot be read/);
});

test("wrong usage ends with 2 and says what is wrong", async (context) => {
  const place = await makePlace(context);
  const cases: readonly (readonly string[])[] = [
    ["--colour"],
    ["--foreground-log", "xml"],
    ["now"],
    ["--config"],
  ];
  for (const flags of cases) {
    const daemon = new Multiprotod(context, place, { flags });
    assert.equal((await daemon.exit()).code, 2, flags.join(" "));
    assert.match(daemon.errors.join("\n"), /^error: /, flags.join(" "));
  }
});

test("a port in use ends the start with 1, naming port, reason and what to do", async (context) => {
  const place = await makePlace(context);
  const { port, encapsulationPort } = place;
  const udp = async (taken: number) => {
    const socket = createSocket("udp4").bind(taken);
    await once(socket, "listening");
    return () => socket.close();
  };
  const tcp = async (taken: number) => {
    const server = createServer().listen(taken, "0.0.0.0");
    await once(server, "listening");
    return () => server.close();
  };
  const cases = [
    { take: udp, taken: port, wanted: `UDP ${port} for discovery` },
    { take: tcp, taken: port, wanted: `TCP ${port} for the registry` },
    { take: udp, taken: encapsulationPort, wanted: `UDP ${encapsulationPort} for SCTP` },
  ];
  for (const { take, taken, wanted } of cases) {
    const release = await take(taken);
    const daemon = new Multiprotod(context, place);
    assert.deepEqual(await daemon.exit(), { code: 1, signal: null }, wanted);
    release();
    const [line = "", ...more] = daemon.lines;
    assert.deepEqual(more, [], "one line");
    for (const part of [
      wanted,
      "address in use by",
      `(pid ${process.pid})`,
      "choose another port in multiproto.toml",
    ]) {
      assert.ok(line.includes(part), `"${part}" in: ${line}`);
    }
  }
  await Multiprotod.start(context, place);
});

test("a second registry on the same runtime directory is refused, the first serves on", async (context) => {
  const first = await makePlace(context);
  const daemon = await Multiprotod.start(context, first);
  const other = await makePlace(context);
  const second = new Multiprotod(context, { ...other, runtimeDirectory: first.runtimeDirectory });
  assert.equal((await second.exit()).code, 1);
  assert.match(second.lines.join("\n"), /error Not started: .*control\.sock/);

  const client = await connectControl(daemon.socketPath);
  context.after(() => client.close());
  assert.equal((await client.request("status", undefined)).pid, daemon.pid);
  await Mp1Client.join(context, { registry: first, nickname: "ola" });
});

test("what a killed registry left behind does not matter, and the next one mentions it", async (context) => {
  const place = await makePlace(context);
  const killed = await Multiprotod.start(context, place);
  killed.kill("SIGKILL");
  await killed.exit();
  const left = JSON.parse(readFileSync(join(place.runtimeDirectory, "multiprotod.pid"), "utf8"));
  assert.equal(left.pid, killed.pid, "the stale pid file is there");
  assert.ok(readFileSync(join(place.stateDirectory, "run.json")), "and the record");

  const daemon = await Multiprotod.start(context, place);
  assert.match(
    daemon.lines.join("\n"),
    /warn +The last run, begun \S+Z, was not stopped but ended by a kill/,
  );
  await Mp1Client.join(context, { registry: place, nickname: "ola" });
  const client = await connectControl(daemon.socketPath);
  context.after(() => client.close());
  assert.equal((await client.request("status", undefined)).pid, daemon.pid);
  await daemon.stop();

  const third = await Multiprotod.start(context, place);
  assert.deepEqual(third.matching(/The last run/), [], "a run that was stopped is no news");
});

test("a state directory that cannot be made ends the start with 79: without its key it would be another registry", async (context) => {
  const place = await makePlace(context);
  writeFileSync(join(place.directory, "file"), "");
  const nowhere = { ...place, stateDirectory: join(place.directory, "file", "state") };
  const daemon = new Multiprotod(context, nowhere);
  assert.equal((await daemon.exit()).code, 79);
  assert.match(daemon.lines.join("\n"), /error Not started: Cannot use the identity file .*ENOTDIR/);
});

test("a run record that cannot be written does not stop it", async (context) => {
  const place = await makePlace(context);
  // Even root cannot write over a directory.
  mkdirSync(join(place.stateDirectory, "run.json.new"), { recursive: true });
  const daemon = await Multiprotod.start(context, place);
  assert.match(daemon.lines.join("\n"), /warn +Cannot write the run record: EISDIR/);
  await Mp1Client.join(context, { registry: place, nickname: "ola" });
  assert.equal((await daemon.stop()).code, 0);
});
