import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import { JointLan } from "./joint-lan.ts";
import { ADAM, EVE, key, type Mp2Client, OLA, type Person } from "./mp2-client.ts";
import { nickname } from "./virtual-client.ts";

/** "NAME STATE" of all that a client shows. */
function shown(client: Mp2Client | undefined): readonly string[] {
  const { roster } = client?.client.snapshot() ?? { roster: [] };
  return roster.map(({ nickname: name, state, status }) => [name, state, status].filter(Boolean).join(" "));
}

function started(people: readonly Person[]): JointLan {
  const lan = new JointLan(people);
  for (const { client } of lan.clients) {
    client.start(lan.now);
    lan.pass(100);
  }
  lan.pass(2_000);
  return lan;
}

test("clients join the registry's core, see each other, and each other's status, names and leaving", () => {
  const lan = started([ADAM, OLA, EVE]);
  const [adam, ola, eve] = lan.clients;
  assert.deepEqual(lan.clients.map(shown), [
    ["eve online", "ola online"],
    ["adam online", "eve online"],
    ["adam online", "ola online"],
  ]);
  assert.ok(ola);
  ola.client.setStatus(lan.now, true, "lunch" as StatusText);
  lan.pass(200);
  assert.deepEqual(shown(adam), ["eve online", "ola away lunch"]);
  assert.ok(ola.client.rename(lan.now, nickname("kari")));
  lan.pass(3_000);
  assert.equal(ola.client.snapshot().nickname, "kari");
  assert.ok(!ola.noticeTypes().includes("ended"));
  assert.ok(shown(adam).includes("kari away lunch"), shown(adam).join());
  eve?.client.leave(lan.now);
  lan.pass(500);
  assert.deepEqual(
    adam?.client
      .snapshot()
      .roster.flatMap(({ nickname: name, reason }) => (reason ? [`${name} ${reason}`] : []))
      .filter((text) => text.startsWith("eve")),
    ["eve left"],
  );
});

test("a name that somebody's key has is refused with the holder's key and a free one", () => {
  const lan = started([ADAM, { ...OLA, nick: "adam" }]);
  const refused = lan.clients[1]?.notices().find(({ type }) => type === "refused");
  assert.ok(refused?.type === "refused");
  assert.deepEqual(
    [refused.next, refused.refusal.holderFingerprint, refused.refusal.holder],
    ["ask", ADAM.key, ADAM.address],
  );
  assert.ok(lan.clients[1]?.client.rename(lan.now, nickname(refused.refusal.suggestion ?? "")));
  lan.pass(3_000);
  assert.equal(shown(lan.clients[0]).length, 1);
});

test("a registry that is killed: all come back within seconds, and nobody was seen to leave", () => {
  const people = Array.from({ length: 20 }, (_, index) => ({
    nick: `n${index}`,
    key: key((index + 16).toString(16)),
    address: `10.0.1.${index + 1}`,
  }));
  const lan = started(people);
  lan.pass(3_000);
  for (const client of lan.clients) client.notices();
  const before = lan.clients.map(shown);
  assert.equal(before[0]?.length, 19);
  lan.crash(700);
  for (let look = 0; look < 100; look += 1) {
    lan.pass(100);
    for (const client of lan.clients)
      assert.equal(shown(client).filter((text) => text.endsWith("online")).length, 19);
  }
  for (const client of lan.clients) {
    assert.deepEqual(client.noticeTypes(), ["registry-lost", "online"]);
    assert.ok(client.client.snapshot().registry);
  }
  assert.deepEqual(lan.clients.map(shown), before);
});

test("kicked by the admin: told why, and gone for all", () => {
  const lan = started([ADAM, OLA]);
  lan.registry.command(lan.now, { type: "kick", target: "ola" }, () => undefined);
  lan.pass(1_000);
  const ended = lan.clients[1]?.notices().at(-1);
  assert.equal(ended?.type === "ended" && ended.reason, "kicked");
  assert.deepEqual(shown(lan.clients[0]), ["ola offline"]);
});

test("a registry that stops says so softly", () => {
  const lan = started([ADAM]);
  lan.registry.stop(lan.now, { reason: "restart", backIn: 2_000 });
  lan.pass(500);
  const away = lan.clients[0]?.notices().at(-1);
  assert.deepEqual(away?.type === "registry-away" && [away.reason, away.backInMillis], ["restart", 2_000]);
});
