import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownPeers } from "../../src/chat/known-peers.ts";
import { Pins } from "../../src/chat/pins.ts";
import { Trusted } from "../../src/chat/trust.ts";
import { ADAM, entry, OLA, UNIX } from "./mp2-client.ts";

function begin() {
  const trusted = new Trusted({ pins: Pins.none, unixAt: (at) => at, emit: () => undefined });
  const peers = new KnownPeers({
    own: ADAM.key,
    judge: trusted.judgePeer,
    basis: () => trusted.pins,
  });
  peers.changed(undefined, entry(OLA));
  return { trusted, peers, shown: () => peers.list().map(({ nickname, state }) => `${nickname} ${state}`) };
}

test("who is listed is put in order once, and again when anything of it has changed", () => {
  const { trusted, peers, shown } = begin();
  assert.deepEqual(shown(), ["ola online"]);
  assert.equal(peers.list(), peers.list());
  const ola = peers.list()[0];
  assert.deepEqual([ola?.trust, ola?.restriction], ["new", undefined]);

  trusted.meet(UNIX, { kind: "peer", name: "ola" }, OLA.key);
  assert.equal(peers.list()[0]?.trust, "pinned");
  assert.equal(peers.find("ola")?.trust, "pinned");
  trusted.restrict(UNIX, { name: "ola", fingerprint: OLA.key }, "ignored");
  assert.equal(peers.list()[0]?.restriction, "ignored");
  trusted.replace(Pins.none);
  assert.deepEqual([peers.list()[0]?.trust, peers.find("ola")?.restriction], ["new", undefined]);

  peers.changed(entry(OLA), entry(OLA, { state: "offline", reason: "left" }));
  assert.deepEqual(shown(), ["ola offline"]);
  peers.changed(entry(OLA, { state: "offline", reason: "left" }), undefined);
  assert.deepEqual(shown(), []);
});

test("another protocol's roster, those who are kept over a restart, and their end are other lists", () => {
  const { peers, shown } = begin();
  shown();
  peers.keep();
  assert.deepEqual(shown(), ["ola online"]);
  peers.changed(entry(OLA), entry(OLA, { state: "offline", reason: "lost" }));
  assert.deepEqual(shown(), ["ola online"], "kept until the registry has heard of all");
  peers.settle();
  assert.deepEqual(shown(), ["ola offline"]);
  peers.follow("mp1");
  assert.deepEqual(shown(), []);
  const eva = { nickname: "eva", ip: "10.0.0.9", port: 50_001, online: true };
  peers.replace([eva as Parameters<typeof peers.replace>[0][number]]);
  assert.deepEqual(shown(), ["eva online"]);
  peers.replace([]);
  assert.deepEqual(shown(), []);
});
