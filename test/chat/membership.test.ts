import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8 } from "../../src/base/text.ts";
import { FALLBACK_MILLIS } from "../../src/chat/searching.ts";
import { encodeRefusal } from "../../src/wire/mp1-roster.ts";
import { nickname, OLA, REGISTRY, rosterBytes, VirtualClient } from "./virtual-client.ts";

function online(again: boolean) {
  const unknown = { realm: undefined, fingerprint: undefined };
  const standing = { protocol: "mp1", address: REGISTRY, ...unknown, trust: "unverified" };
  return { type: "online", nickname: "adam", registry: REGISTRY, standing, again };
}

test("hello is repeated with growing pauses, and after ten seconds there is a hint, once", () => {
  const bench = new VirtualClient();
  bench.start();
  const times: number[] = [];
  for (let time = 0; time <= 40_000; time += 50) {
    if (bench.hellos().length > 0) times.push(time);
    bench.pass(50);
  }
  assert.deepEqual(times.slice(0, 8), [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 25_750]);
  const notices = bench.notices().map((notice) => notice.type);
  assert.deepEqual(notices, ["searching", "search-hint"]);
});

test("what is sent is our hello", () => {
  const bench = new VirtualClient();
  bench.start();
  assert.equal(decodeUtf8(bench.hellos()[0]?.bytes ?? new Uint8Array()), "SERVER DISCOVERY multiproto/1");
});

test("dial-back, roster, association: online, and the first message is the byte 0", () => {
  const bench = new VirtualClient();
  bench.start();
  const dial = bench.dialBack();
  assert.equal(dial?.told, "adam\n");
  bench.handle({ type: "dial-back-answer", connection: dial.connection, bytes: rosterBytes(OLA) });
  const [associate] = bench.take("associate");
  assert.equal(associate?.address, REGISTRY);
  bench.handle({ type: "association-up", association: associate.association });
  assert.equal(decodeUtf8(bench.take("association-send")[0]?.bytes ?? new Uint8Array()), "0");
  assert.deepEqual(bench.notices().at(-1), online(false));
  assert.deepEqual(bench.listed(), [OLA]);
});

test("one dial-back at a time; by unicast only from whom we asked; none when we are online", () => {
  const bench = new VirtualClient();
  bench.client.start(0);
  assert.equal(bench.dialBack(), undefined);
  bench.pass(FALLBACK_MILLIS);
  const to = ["10.0.0.1", "10.0.0.9"].map((address) => ({ host: "registry", address }));
  bench.handle({ type: "hello-sent", protocol: "mp1", to });
  assert.equal(bench.dialBack("10.6.6.6"), undefined);
  assert.match(JSON.stringify(bench.notices().at(-1)), /search-failing.*10\.6\.6\.6.*--registry 10\.6\.6\.6/);
  assert.equal(bench.dialBack("10.6.6.7"), undefined);
  assert.deepEqual(bench.notices(), [], "told once");
  assert.ok(bench.dialBack("10.0.0.9"));
  assert.equal(bench.dialBack("10.0.0.1"), undefined);
  const online = new VirtualClient();
  online.online();
  assert.equal(online.dialBack(), undefined);
});

test("a dial-back that says nothing, breaks or answers garbage is given up and the search goes on", () => {
  for (const how of ["silent", "broken", "garbage"] as const) {
    const bench = new VirtualClient();
    bench.start();
    bench.hellos();
    const dial = bench.dialBack();
    assert.ok(dial);
    const { connection } = dial;
    if (how === "broken") bench.handle({ type: "dial-back-failed", connection });
    if (how === "garbage")
      bench.handle({ type: "dial-back-answer", connection, bytes: new Uint8Array([0xff]) });
    bench.pass(5_000);
    if (how === "silent") assert.equal(bench.take("close-dial-back").length, 1);
    bench.pass(500);
    assert.ok(bench.hellos().length > 0, how);
    bench.goOnline();
    assert.equal(bench.notices().at(-1)?.type, "online", how);
  }
});

const TAKEN = encodeRefusal({
  code: "nickname-taken",
  text: "taken",
  holder: "10.0.0.2:51000",
  suggestion: "adam~2",
});

test("a taken nickname: the user is asked, and nothing is sent until there is another", () => {
  const bench = new VirtualClient({ whenTaken: "ask" });
  bench.start();
  bench.answer(TAKEN);
  const refused = bench.notices().at(-1);
  assert.equal(refused?.type === "refused" && refused.next, "ask");
  bench.hellos();
  bench.pass(60_000);
  assert.deepEqual(bench.hellos(), []);
  bench.client.rename(bench.now, nickname("eve"));
  bench.pass(500);
  assert.equal(bench.hellos().length, 1);
  assert.equal(bench.dialBack()?.told, "eve\n");
});

test("a taken nickname: a script takes the suggestion, or ends", () => {
  const suggestion = new VirtualClient({ whenTaken: "suggestion" });
  suggestion.start();
  suggestion.answer(TAKEN);
  suggestion.pass(500);
  assert.equal(suggestion.dialBack()?.told, "adam~2\n");
  const end = new VirtualClient({ whenTaken: "end" });
  end.start();
  end.answer(TAKEN);
  assert.deepEqual(
    end.notices().map((notice) => notice.type),
    ["searching", "refused", "ended"],
  );
  assert.equal(end.client.nextDeadline(), undefined);
});

test("a suggestion that is what we asked for, or no nickname, ends instead of looping", () => {
  for (const suggested of ["adam", "two words", "\u001b[2J"]) {
    const bench = new VirtualClient({ whenTaken: "suggestion" });
    bench.start();
    bench.answer(encodeRefusal({ code: "nickname-taken", text: "", suggestion: suggested }));
    assert.equal(bench.notices().at(-1)?.type, "ended", suggested);
  }
});

test("a full registry is tried again later", () => {
  const bench = new VirtualClient({ whenTaken: "end" });
  bench.start();
  bench.answer(encodeRefusal({ code: "registry-full", text: "10000 clients" }));
  bench.hellos();
  bench.pass(3_000);
  assert.deepEqual(bench.hellos(), []);
  bench.pass(1_600);
  assert.equal(bench.hellos().length, 1);
});

test("a registry that is gone: said once, looked for closely, and back without anybody told to be gone", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.endAssociation("closed");
  assert.deepEqual(bench.notices(), [{ type: "registry-lost", registry: REGISTRY, how: "closed" }]);
  assert.equal(bench.client.snapshot().registry, undefined);
  assert.equal(bench.client.snapshot().registryLostAt, bench.now);
  assert.deepEqual(bench.listed(), [OLA]);
  bench.pass(10_000);
  assert.ok(bench.hellos().length >= 10);
  assert.deepEqual(bench.notices(), []);
  // The new registry knows nobody yet; ola comes back a second after us.
  bench.goOnline();
  bench.pass(1_000);
  bench.push(OLA);
  bench.pass(10_000);
  assert.deepEqual(bench.notices(), [online(true)]);
});

test("who did not come back after a restart is told after it settled", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.endAssociation("lost");
  bench.pass(1_000);
  bench.goOnline();
  bench.notices();
  bench.pass(7_900);
  assert.deepEqual(bench.notices(), []);
  bench.pass(200);
  assert.deepEqual(bench.notices(), [{ type: "presence", online: [], offline: ["ola"] }]);
});

test("registered but no association: said, and tried again", () => {
  const bench = new VirtualClient();
  bench.start();
  bench.answer(rosterBytes());
  const [associate] = bench.take("associate");
  assert.ok(associate);
  bench.hellos();
  bench.pass(6_000);
  assert.equal(bench.take("abandon")[0]?.association, associate.association);
  assert.equal(bench.notices().at(-1)?.type, "presence-failed");
  bench.pass(5_000);
  assert.ok(bench.hellos().length > 0);
  bench.answer(rosterBytes());
  bench.pass(6_000);
  assert.deepEqual(bench.notices(), [], "said once");
});

test("events of an association that is over change nothing", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.handle({ type: "association-ended", association: 99, how: "lost" });
  bench.handle({ type: "association-message", association: 99, stream: 0, ppid: 0, bytes: rosterBytes() });
  bench.handle({ type: "association-up", association: 99 });
  assert.deepEqual(bench.notices(), []);
  assert.deepEqual(bench.listed(), [OLA]);
});

test("leaving: by SHUTDOWN, and after a second all the same", () => {
  const polite = new VirtualClient();
  polite.online();
  polite.client.leave(polite.now);
  polite.client.leave(polite.now);
  assert.equal(polite.take("dissociate").length, 1);
  assert.deepEqual(polite.notices(), []);
  polite.endAssociation("closed");
  assert.deepEqual(polite.notices(), [{ type: "ended", reason: "left", text: undefined }]);
  const silent = new VirtualClient();
  silent.online();
  silent.client.leave(silent.now);
  silent.pass(1_000);
  assert.equal(silent.take("abandon").length, 1);
  assert.deepEqual(silent.notices(), [{ type: "ended", reason: "left", text: undefined }]);
  const searching = new VirtualClient();
  searching.start();
  searching.client.leave(searching.now);
  assert.equal(searching.notices().at(-1)?.type, "ended");
  assert.equal(searching.client.nextDeadline(), undefined);
});

test("a hello that cannot be sent is said once", () => {
  const bench = new VirtualClient();
  bench.start();
  bench.handle({ type: "hello-failed", text: "Cannot resolve x" });
  bench.handle({ type: "hello-failed", text: "Cannot resolve x" });
  bench.handle({ type: "hello-failed", text: "Network unreachable" });
  const failing = bench.notices().filter((notice) => notice.type === "search-failing");
  assert.equal(failing.length, 2);
});
