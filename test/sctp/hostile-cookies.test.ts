/** COOKIE ECHO old, forged, replayed and stolen (RFC 9260 §5.1.3–§5.2.6). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Path } from "../../src/sctp/index.ts";
import { Scene, type Situation } from "./scene.ts";
import { OUR_TAG } from "./target.ts";
import { PORT, packet } from "./wire.ts";

const BAD = "#bad-cookie";

function echo(scene: Scene, cookie: Uint8Array, tag: number, path?: Path): string {
  return scene.give((to) => to.body(10, 0, cookie), tag, path);
}

/** Where the replay meets the endpoint: it has no association with the peer, or has one. */
const MEETINGS: readonly Situation[] = ["stranger", "established", "shutdown-sent", "cookie-wait"];

for (const meeting of MEETINGS) {
  test(`a cookie with any bit changed, cut or drawn out, ${meeting}: worth nothing (§5.1.5)`, () => {
    const scene = new Scene(meeting);
    const { tag, cookie } = scene.askCookie();
    for (let bit = 0; bit < 8 * cookie.length; bit += 1) {
      const forged = Uint8Array.from(cookie);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(echo(scene, forged, tag), BAD, `bit ${bit}`);
    }
    for (let length = 0; length < cookie.length; length += 1) {
      assert.equal(echo(scene, cookie.subarray(0, length), tag), BAD, `length ${length}`);
    }
    for (const more of [1, 4, 1_000, 4_000]) {
      assert.equal(echo(scene, Buffer.concat([cookie, new Uint8Array(more)]), tag), BAD, `${more} more`);
    }
    assert.equal(
      scene.give((to) => to.body(10, 0, new Uint8Array(4_097)), tag),
      "#bad-chunk",
    );
    scene.assertGoesOnAs(meeting);
  });

  test(`a good cookie under another tag, ${meeting} (§5.1.5)`, () => {
    const scene = new Scene(meeting);
    const { tag, cookie } = scene.askCookie();
    for (const wrong of [0, tag + 1, tag ^ 0x80000000, OUR_TAG])
      assert.equal(echo(scene, cookie, wrong), BAD);
    scene.assertGoesOnAs(meeting);
  });
}

/** From where somebody may replay a cookie that he saw. */
const ELSEWHERE: readonly [name: string, path: (path: Path) => Path][] = [
  ["another address", (path) => ({ ...path, address: "10.0.0.10" })],
  ["another outer port", (path) => ({ ...path, outerPort: path.outerPort + 1 })],
  ["raw IP instead of UDP", (path) => ({ ...path, via: "raw", outerPort: 0 })],
  ["an IPv6 address that embeds the other", (path) => ({ ...path, address: `::ffff:${path.address}` })],
];

for (const [name, elsewhere] of ELSEWHERE) {
  test(`a cookie replayed from ${name}: worth nothing, before and after (§5.1.3)`, () => {
    const scene = new Scene("stranger");
    const { tag, cookie } = scene.askCookie();
    const path = elsewhere(scene.target.path);
    assert.equal(echo(scene, cookie, tag, path), BAD);
    assert.equal(echo(scene, cookie, tag), "-> cookie-ack; up");
    assert.equal(echo(scene, cookie, tag, path), BAD);
  });
}

test("a cookie replayed from another SCTP port: worth nothing", () => {
  const scene = new Scene("stranger");
  const { tag, cookie } = scene.askCookie();
  const bytes = scene.write((to) => to.body(10, 0, cookie), tag).subarray(12);
  assert.equal(scene.giveBytes(packet(tag, bytes, PORT + 1)), BAD);
  assert.equal(scene.giveBytes(packet(tag, bytes, PORT)), "-> cookie-ack; up");
});

test("a cookie of another endpoint: worth nothing", () => {
  const other = new Scene("stranger", { theirTsn: 5 });
  const { tag, cookie } = other.askCookie();
  assert.equal(echo(new Scene("stranger"), cookie, tag), BAD);
});

test("where it reached us does not matter: we may have several addresses", () => {
  const scene = new Scene("stranger");
  const { tag, cookie } = scene.askCookie();
  const path = { ...scene.target.path, local: "10.0.0.1" };
  assert.equal(echo(scene, cookie, tag, path), "-> cookie-ack; up");
});

const SECOND = 1_000;
/** Age of a cookie when it comes back, and what it is worth (§5.1.3: Valid.Cookie.Life; §5.2.6). */
const AGES: readonly [seconds: number, happens: string][] = [
  [0, "-> cookie-ack; up"],
  [59, "-> cookie-ack; up"],
  [60, "-> cookie-ack; up"],
  [61, "-> error"],
  [119, "-> error"],
  // The key that sealed it is gone.
  [200, BAD],
  [100_000, BAD],
];

for (const [seconds, happens] of AGES) {
  test(`a cookie of ${seconds} s: ${happens}`, () => {
    const scene = new Scene("stranger");
    const { tag, cookie } = scene.askCookie();
    scene.target.pass(seconds * SECOND);
    assert.equal(echo(scene, cookie, tag), happens);
    if (happens !== "-> error") return;
    const error = scene.answers[0]?.packet.chunks[0];
    assert.ok(error?.type === "error" && error.causes[0]?.code === 3);
    // §3.3.10.3: by how many microseconds it is stale.
    const staleness = Buffer.from(error.causes[0].bytes).readUInt32BE();
    assert.equal(staleness, (seconds - 60) * 1e6);
    scene.assertGoesOnAs("stranger");
  });
}

/** How the association ended that the cookie made. */
const ENDS: readonly [name: string, end: (scene: Scene) => void][] = [
  ["ABORT from the peer", (scene) => scene.give((to) => to.bare(6))],
  ["ABORT from us", (scene) => scene.target.endpoint.abort(scene.target.now, scene.id, "")],
  [
    "SHUTDOWN from the peer",
    (scene) => {
      scene.give((to) => to.shutdown(scene.lastTsn));
      scene.give((to) => to.bare(14));
    },
  ],
  [
    "SHUTDOWN from us",
    (scene) => {
      scene.target.endpoint.close(scene.target.now, scene.id);
      scene.target.drain();
      scene.give((to) => to.bare(8));
    },
  ],
  ["a protocol violation", (scene) => scene.give((to) => to.sack(scene.lastTsn + 9, 0, []))],
];

for (const [name, end] of ENDS) {
  test(`a cookie replayed after the end by ${name} raises nothing from the dead, ever`, () => {
    const scene = new Scene("stranger");
    const { tag, tsn, cookie } = scene.askCookie();
    echo(scene, cookie, tag);
    Object.assign(scene, { tag, tsn, id: 1 });
    end(scene);
    scene.target.drain();
    scene.target.events.length = 0;
    for (const seconds of [0, 1, 30, 28]) {
      scene.target.pass(seconds * SECOND);
      assert.equal(withoutCounters(echo(scene, cookie, tag)), "nothing");
    }
    for (const seconds of [2, 10, 100, 1_000]) {
      scene.target.pass(seconds * SECOND);
      assert.match(withoutCounters(echo(scene, cookie, tag)), /^(nothing|-> error)$/);
    }
    assert.equal(scene.target.endpoint.status(1), undefined);
    assert.equal(scene.target.endpoint.nextDeadline(), undefined);
  });
}

function withoutCounters(happens: string): string {
  return (
    happens
      .split("; ")
      .filter((part) => !part.startsWith("#"))
      .join("; ") || "nothing"
  );
}

test("a cookie replayed while its association lives is a lost COOKIE ACK, however often (§5.2.4 D)", () => {
  const scene = new Scene("stranger");
  const { tag, cookie } = scene.askCookie();
  assert.equal(echo(scene, cookie, tag), "-> cookie-ack; up");
  for (let time = 0; time < 100; time += 1) {
    assert.equal(echo(scene, cookie, tag), "-> cookie-ack");
    scene.target.pass(SECOND);
  }
  Object.assign(scene, { tag });
  scene.assertGoesOnAs("established");
});

test("of two cookies asked for before, the second is no restart of the first's association (§5.2.4 C, table 12)", () => {
  const scene = new Scene("stranger");
  const one = scene.askCookie(OUR_TAG);
  const two = scene.askCookie(OUR_TAG + 1);
  assert.equal(echo(scene, one.cookie, one.tag), "-> cookie-ack; up");
  assert.equal(echo(scene, two.cookie, two.tag), "#cookie-unused");
  scene.tag = one.tag;
  scene.assertGoesOnAs("established");
});

test("a restart takes a cookie asked for while the association lived, from the same place, once (§5.2.4 A)", () => {
  const scene = new Scene("established");
  const { tag, cookie } = scene.askCookie(OUR_TAG + 1);
  for (const [, elsewhere] of ELSEWHERE) {
    assert.equal(echo(scene, cookie, tag, elsewhere(scene.target.path)), BAD);
  }
  const old = scene.tag;
  assert.equal(echo(scene, cookie, tag), "-> cookie-ack; restarted");
  assert.equal(echo(scene, cookie, tag), "-> cookie-ack", "the COOKIE ACK was lost");
  // The tag from before is nobody's any more.
  assert.equal(
    scene.give((to) => to.bare(6), old),
    "#bad-tag",
  );
  scene.tag = tag;
  scene.assertGoesOnAs("established");
});

test("the cookie from before a restart does not undo it", () => {
  const scene = new Scene("stranger");
  const first = scene.askCookie(OUR_TAG);
  echo(scene, first.cookie, first.tag);
  const second = scene.askCookie(OUR_TAG + 1);
  assert.equal(echo(scene, second.cookie, second.tag), "-> cookie-ack; restarted");
  assert.equal(withoutCounters(echo(scene, first.cookie, first.tag)), "nothing");
  scene.tag = second.tag;
  scene.assertGoesOnAs("established");
});

test("INITs by the thousand make nothing: no association, no timer, no event (§5.1.3)", () => {
  const scene = new Scene("stranger");
  for (let number = 0; number < 4_000; number += 1) scene.askCookie(1 + number);
  assert.equal(scene.target.endpoint.nextDeadline(), undefined);
  assert.equal(scene.target.events.length, 0);
});
