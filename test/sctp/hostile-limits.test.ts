/** Limits on what strangers and peers may make an endpoint do, keep and believe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as encode from "../../src/sctp/encode.ts";
import { askCookie, associate, data, INIT, OUR_TSN, Target } from "./target.ts";

test("unknown parameters are reported, within bounds", () => {
  const target = new Target();
  const unknown = Buffer.alloc(40);
  unknown.writeUInt16BE(0xc123, 0);
  unknown.writeUInt16BE(40, 2);
  const many = Buffer.concat(Array.from({ length: 50 }, () => unknown));
  const init = Buffer.concat([INIT, many]);
  init.writeUInt16BE(init.length, 2);
  const [answer] = target.hit(0, init);
  assert.ok(answer !== undefined && answer.bytes.length < 12 + 20 + 60 + 3 * 44 + 1);
  assert.ok(Buffer.from(answer.bytes).includes(unknown));
});

test("INITs are limited in all and by address", () => {
  const target = new Target();
  let answers = 0;
  for (let index = 0; index < 6_000; index += 1) answers += target.hit(0, INIT).length;
  assert.equal(answers, 5_000);
  const other = { ...target.path, address: "10.0.0.10" };
  assert.equal(target.hit(0, INIT, other).length, 1, "another address still gets through");
  target.pass(1_000);
  assert.equal(target.hit(0, INIT).length, 1);
});

test("DATA may travel with COOKIE ECHO, as the original client sends its byte", () => {
  const target = new Target();
  const { tag, cookie } = askCookie(target);
  const chunks = [encode.encodeCookieEcho(cookie), data(OUR_TSN, { bytes: Buffer.from("0") })];
  const answers = target.hit(tag, chunks);
  assert.equal(answers[0]?.packet.chunks[0]?.type, "cookie-ack");
  assert.deepEqual(target.kinds(), ["up", "message"]);
});

test("a message without end is stopped at the limit", () => {
  const target = new Target({ maxMessageBytes: 10_000 });
  const { tag } = associate(target);
  for (let index = 0; index < 20; index += 1) {
    target.hit(
      tag,
      data(OUR_TSN + index, { begins: index === 0, ends: false, bytes: new Uint8Array(1_000) }),
    );
  }
  assert.deepEqual(target.kinds(), ["up", "lost"]);
});

test("what is held out of order stays within the window, and so does a SACK", () => {
  const target = new Target();
  const { tag } = associate(target);
  let largest = 0;
  // Every second TSN, so that each would be a gap block of its own.
  for (let index = 1; index < 4_000; index += 2) {
    for (const answer of target.hit(
      tag,
      data(OUR_TSN + index, { ends: false, bytes: new Uint8Array(1_000) }),
    )) {
      largest = Math.max(largest, answer.bytes.length);
    }
  }
  assert.ok(largest > 250 && largest < 400, `a SACK of ${largest} bytes`);
  assert.ok(target.count("data-dropped") > 1_900);
  // In one run, until the window is full.
  const wide = new Target();
  const other = associate(wide);
  for (let index = 1; index < 1_000; index += 1) {
    wide.hit(other.tag, data(OUR_TSN + index, { ssn: index, bytes: new Uint8Array(1_000) }));
  }
  const kept = 999 - wide.count("data-dropped");
  assert.ok(kept > 200 && kept <= 262_144 / 1_000, `${kept} held`);
  wide.hit(other.tag, data(OUR_TSN));
  assert.equal(wide.kinds().filter((kind) => kind === "message").length, kept + 1);
});

test("the number of associations is bounded", () => {
  const target = new Target({ maxAssociations: 3 });
  for (let index = 0; index < 5; index += 1) {
    const path = { ...target.path, outerPort: 5_000 + index };
    const [answer] = target.hit(0, INIT, path);
    const initAck = answer?.packet.chunks[0];
    if (initAck?.type !== "init-ack" || initAck.cookie === undefined) continue;
    target.hit(initAck.tag, encode.encodeCookieEcho(initAck.cookie), path);
  }
  assert.deepEqual(target.kinds(), ["up", "up", "up"]);
  assert.equal(target.count("full"), 2);
});

test("a peer that answers heartbeats and never acknowledges data is given up", () => {
  const target = new Target();
  const { tag } = associate(target);
  const up = target.events[0];
  assert.ok(up?.type === "up");
  target.endpoint.send(target.now, up.id, 0, 0, new Uint8Array(100));
  for (let second = 0; second < 300 && target.kinds().length === 1; second += 1) {
    for (const { packet: sent } of target.pass(100)) {
      for (const chunk of sent.chunks) {
        if (chunk.type === "heartbeat") target.hit(tag, encode.encodeHeartbeatAck(chunk.info));
      }
    }
  }
  const last = target.events.at(-1);
  assert.ok(last?.type === "lost" && last.detail === "data were not acknowledged", target.kinds().join());
});

test("HEARTBEAT ACK with the right nonce and any time: no round trip comes of it that cannot be (§8.3)", () => {
  const times = [NaN, Infinity, -Infinity, -0, -1, 1e300, -1e300, 5e-324, 4_999, 5_001, 1e9];
  for (const time of times) {
    const target = new Target();
    const { tag } = associate(target);
    const sent = target.pass(1_000).flatMap((answer) => answer.packet.chunks);
    const heartbeat = sent.find((chunk) => chunk.type === "heartbeat");
    assert.ok(heartbeat?.type === "heartbeat");
    const info = Buffer.from(heartbeat.info);
    // Ours to know and not the peer's: the time stands first.
    info.writeDoubleBE(time, 0);
    target.hit(tag, encode.encodeHeartbeatAck(info));
    const { rttMillis } = target.endpoint.status(1) ?? {};
    assert.ok(rttMillis === undefined || (rttMillis >= 0 && rttMillis <= 2_800), `${time}: ${rttMillis}`);
    target.pass(60_000);
    assert.equal(target.endpoint.nextDeadline(), undefined, "it is over in time all the same");
  }
});

test("§3.2.1, §3.2: a last parameter whose padding the chunk's length does not count is reported as any other", () => {
  for (const size of [4, 5, 6, 7, 8]) {
    const unknown = Buffer.alloc(size);
    unknown.writeUInt16BE(0xc0fe, 0);
    unknown.writeUInt16BE(size, 2);
    const init = Buffer.concat([INIT, unknown]);
    init.writeUInt16BE(init.length, 2);
    const [answer] = new Target().hit(0, init);
    assert.ok(answer !== undefined && Buffer.from(answer.bytes).includes(unknown), `${size} bytes`);
  }
});
