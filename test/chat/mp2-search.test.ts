import assert from "node:assert/strict";
import { test } from "node:test";
import type { Millis } from "../../src/base/clock.ts";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { ChatOutput, Source } from "../../src/chat/events.ts";
import { Mp2Search } from "../../src/chat/mp2-search.ts";
import type { PauseKind } from "../../src/chat/pauses.ts";
import { DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { key, seeded } from "./mp2-client.ts";

/** When who is asked for a registry. */

const KNOWN = key("ee");
const STRANGER = key("dd");
const PLACE: Source = { address: "10.0.0.1", port: 10_001 };
const PLACE6: Source = { address: "fe80::1%eth0", port: 10_001 };
const COOKIE = new Uint8Array(20).fill(7);

/** A search alone, and what it sent when: "hello", "hello to …", "join to …". */
class Bench {
  readonly search: Mp2Search;
  now: Millis = 0;
  #sent: { readonly at: Millis; readonly what: string }[] = [];

  constructor(options: { readonly pinned?: readonly Fingerprint[] } = {}) {
    const pinned = options.pinned ?? [];
    this.search = new Mp2Search({
      random: seeded(3),
      emit: (output) => this.#note(output),
      hosts: [],
      isPinned: (fingerprint) => pinned.includes(fingerprint),
      resumable: () => undefined,
      knowsAny: () => pinned.length > 0,
    });
  }

  start(pauses: PauseKind = "first", former?: Source): this {
    const fields = { fingerprint: KNOWN, host: undefined, cookie: COOKIE, attempt: 1 };
    this.search.start(this.now, pauses, 0, former === undefined ? undefined : { ...fields, source: former });
    return this.pass(0);
  }

  pass(time: Millis): this {
    const end = this.now + time;
    for (;;) {
      const next = this.search.nextDeadline();
      if (next === undefined || next > end) break;
      this.now = Math.max(this.now, next);
      this.search.advance(this.now);
    }
    this.now = end;
    return this;
  }

  cookie(fingerprint = KNOWN, from = PLACE): "joined" | "ignored" | "stranger" {
    const { nonce } = this.search;
    assert.ok(nonce);
    return this.search.cookie(this.now, from, { type: "cookie", nonce, fingerprint, cookie: COOKIE });
  }

  /** What was sent since the last look. */
  sent(): readonly string[] {
    return this.#sent.splice(0).map(({ what }) => what);
  }

  /** … and when. */
  times(): readonly Millis[] {
    return this.#sent.splice(0).map(({ at }) => at);
  }

  #note(output: ChatOutput): void {
    if (output.type !== "hello" && output.type !== "datagram") return;
    const decoded = DISCOVERY_TO_REGISTRY.decode(output.bytes);
    assert.ok(decoded.ok);
    const to = output.type === "datagram" ? ` to ${output.to.address}` : "";
    this.#sent.push({ at: this.now, what: decoded.value.type + to });
  }
}

function isAbout(actual: Millis | undefined, expected: Millis): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= 0.2 * expected,
    `${actual}, not ${expected}`,
  );
}

test("once a join is out it alone is repeated, and nobody is asked for as long as a busy registry may take", () => {
  const bench = new Bench().start();
  assert.equal(bench.cookie(), "joined");
  bench.pass(4_300);
  assert.deepEqual(bench.sent(), ["hello", ...Array(4).fill("join to 10.0.0.1")]);
  bench.pass(3_500);
  const next = bench.sent();
  assert.equal(next[0], "hello", "nothing came");
  assert.equal(bench.cookie(), "joined", "its cookie counts again");
});

test("what gets lost costs half a second: a hello, a join", () => {
  const bench = new Bench().start();
  bench.pass(700);
  const [first = 0, second = 0] = bench.times();
  isAbout(second - first, 250);
  bench.cookie();
  bench.pass(700);
  const [join = 0, again = 0] = bench.times();
  isAbout(again - join, 500);
});

test("one way at a time: IPv6 is not taken while a join by IPv4 is out, nor while its dial-back is under way", () => {
  const bench = new Bench().start();
  bench.pass(300);
  bench.cookie();
  assert.equal(bench.cookie(KNOWN, PLACE6), "ignored");
  bench.search.called(bench.now, KNOWN);
  bench.sent();
  bench.pass(4_900);
  assert.equal(bench.cookie(KNOWN, PLACE6), "ignored");
  assert.deepEqual(bench.sent(), []);
  bench.search.failed(KNOWN);
  bench.pass(0);
  assert.deepEqual(bench.sent(), ["hello"]);
  assert.equal(bench.cookie(KNOWN, PLACE6), "joined", "it came to nothing");
});

test("a dial-back that takes its time holds up the search for five seconds, and is not asked for twice", () => {
  const bench = new Bench().start();
  bench.cookie();
  bench.search.called(bench.now, KNOWN);
  bench.sent();
  bench.pass(4_999);
  assert.deepEqual(bench.sent(), []);
  bench.pass(20_000);
  const sent = bench.sent();
  assert.ok(sent.length >= 3 && sent.every((what) => what === "hello"), sent.join());
  assert.equal(bench.cookie(), "ignored");
  assert.equal(bench.cookie(STRANGER, { address: "10.0.0.2", port: 10_001 }), "joined");
});

test("`blocked`: others are asked at once, another way is taken at once, the same one after one more hello", () => {
  const bench = new Bench().start();
  bench.cookie();
  assert.equal(
    bench.search.blocked({ type: "blocked", cookie: COOKIE, port: 50_000, reason: "refused" })?.source,
    PLACE,
  );
  bench.sent();
  bench.pass(300);
  assert.deepEqual(bench.sent(), ["hello"]);
  assert.equal(bench.cookie(), "ignored");
  assert.equal(bench.cookie(KNOWN, PLACE6), "joined");
  const same = new Bench().start();
  same.cookie();
  same.search.blocked({ type: "blocked", cookie: COOKIE, port: 50_000, reason: "refused" });
  same.pass(900);
  assert.equal(same.cookie(), "joined");
});

test("who comes back asks where the registry was, and by turns everybody", () => {
  const bench = new Bench({ pinned: [KNOWN] }).start("return", PLACE);
  assert.deepEqual(bench.sent(), ["hello to 10.0.0.1"]);
  bench.pass(390);
  assert.deepEqual(bench.sent(), []);
  bench.pass(3_000);
  assert.deepEqual(bench.sent().slice(0, 3), ["hello", "hello to 10.0.0.1", "hello"]);
  const ipv6 = new Bench({ pinned: [KNOWN] }).start("return", PLACE6);
  assert.deepEqual(ipv6.sent(), ["hello to fe80::1%eth0", "hello"], "IPv4 may work again");
});

test("a beacon of who is waited for: it may know nothing of an older join, but of the one of just now", () => {
  const bench = new Bench({ pinned: [KNOWN] }).start("return", PLACE);
  bench.cookie();
  const beacon = { fingerprint: KNOWN, place: PLACE, after: 0 };
  bench.pass(400);
  bench.sent();
  bench.search.beacon(bench.now, beacon);
  bench.pass(700);
  assert.deepEqual(bench.sent(), ["join to 10.0.0.1"]);
  bench.search.beacon(bench.now, beacon);
  bench.pass(0);
  assert.deepEqual(bench.sent(), ["hello to 10.0.0.1"]);
  assert.equal(bench.cookie(), "joined");
});

test("beacons of strangers do not disturb a join that is out; other interfaces do", () => {
  const bench = new Bench().start();
  bench.cookie();
  bench.pass(2_000);
  bench.sent();
  bench.search.beacon(bench.now);
  bench.pass(1_400);
  assert.deepEqual(bench.sent(), []);
  bench.search.moved(bench.now);
  bench.pass(0);
  assert.deepEqual(bench.sent(), ["hello"]);
});

test("who only says that it is a registry does not keep us from asking for the one that we know", () => {
  const bench = new Bench({ pinned: [KNOWN] }).start();
  assert.equal(bench.cookie(STRANGER, { address: "10.0.0.66", port: 10_001 }), "joined");
  bench.search.called(bench.now, STRANGER);
  bench.pass(2_000);
  const hellos = bench.sent().filter((what) => what === "hello");
  assert.ok(hellos.length >= 3, `${hellos.length}`);
});
