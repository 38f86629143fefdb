import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import { Bench } from "./harness.ts";
import { Scene, shown } from "./mp2-scene.ts";

test("hello, cookie, join, dial-back, challenge, register, registered, pages, attach: online, and all know it", () => {
  const scene = new Scene();
  const ola = scene.join("ola", "10.0.0.5");
  scene.pass(100);
  assert.equal(shown(ola.mirror), "ola");
  const kari = scene.join("kari", "10.0.0.6");
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari ola");
  assert.equal(shown(kari.mirror), "kari ola");
  assert.deepEqual(scene.registry.counts, { online: 2, offline: 0, pending: 0 });
  assert.ok(
    scene.logs().some((line) => /^info ola online from 10\.0\.0\.5:51000 \(mp2, \d+ ms\)$/.test(line)),
  );
  assert.equal(ola.counts.page, 0, "nobody needs pages twice");
  const entry = ola.mirror.find("kari");
  assert.equal(entry?.fingerprint, kari.fingerprint);
  assert.equal(entry?.session, kari.registered?.session);
});

test("away and status at registration and later; leave is told as left", () => {
  const scene = new Scene();
  const ola = scene.join("ola", "10.0.0.5");
  const kari = scene.client("kari", "10.0.0.6");
  kari.comeOnline({ away: true, status: "lunch" as StatusText });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari:away ola");
  assert.equal(ola.mirror.find("kari")?.status, "lunch");
  kari.tell({ type: "status", away: false });
  scene.pass(100);
  assert.equal(ola.mirror.find("kari")?.status, undefined);
  assert.equal(shown(ola.mirror), "kari ola");
  kari.tell({ type: "leave" });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "[kari left] ola");
});

test("where somebody with a key was, an association without a session is told nothing, and ended", () => {
  const scene = new Scene();
  const ola = scene.join("ola", "10.0.0.5");
  const kari = scene.join("kari", "10.0.0.6");
  scene.lost(kari.association ?? 0);
  scene.pass(100);
  scene.take();
  const stranger = scene.up("10.0.0.6", 51_000);
  scene.join("per", "10.0.0.7");
  scene.pass(6_000);
  assert.deepEqual(scene.all("push"), []);
  assert.ok(scene.all("abort").some(({ association }) => association === stranger));
  assert.equal(shown(ola.mirror), "[kari lost] ola per");
});

test("suspect, recovered, lost, closed", () => {
  const scene = new Scene();
  const ola = scene.join("ola", "10.0.0.5");
  const kari = scene.join("kari", "10.0.0.6");
  scene.pass(100);
  const id = kari.association ?? 0;
  scene.event({ type: "suspect", id });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari:suspect ola");
  scene.event({ type: "recovered", id, rttMillis: 1 });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari ola");
  scene.lost(id);
  scene.pass(100);
  assert.equal(shown(ola.mirror), "[kari lost] ola");
  kari.comeOnline();
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari ola");
  scene.event({ type: "closed", id: kari.association ?? 0 });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "[kari left] ola");
});

test("mp1 and mp2 side by side: each is told of the other, IPv6 only to mp2", () => {
  const bench = new Bench();
  const scene = new Scene();
  scene.registry = bench.registry;
  const old = bench.join("per", "10.0.0.9", 52_000);
  const ola = scene.join("ola", "10.0.0.5");
  const eva = scene.join("eva", "fe80::1%eth0");
  scene.pass(100);
  bench.outputs.push(...scene.outputs);
  assert.equal(bench.pushed(old), "ola");
  assert.equal(shown(ola.mirror), "eva ola per");
  assert.equal(ola.mirror.find("per")?.kind, "mp1-own");
  assert.equal(ola.mirror.find("per")?.fingerprint, null);
  assert.equal(ola.mirror.find("eva")?.address, "fe80::1");
  assert.equal(scene.all("dial-tls").at(-1)?.address, "fe80::1%eth0");
  assert.equal(shown(eva.mirror), "eva ola per");
});
