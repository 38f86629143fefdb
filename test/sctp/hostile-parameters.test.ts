/** Parameters in INIT, INIT ACK and HEARTBEAT, and error causes: every type, and every wrong length (RFC 9260 §3.2.1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { raw, Scene, type Situation } from "./scene.ts";
import { chunk, fromHex, tlv } from "./wire.ts";

const FIXED = fromHex("00002222 00010000 000a 000a 00000005");
const COOKIE = tlv(7, Uint8Array.of(1, 2, 3, 4));
/** Unknown, to be skipped and reported (§3.2.1: 11): tells whether it was reached. */
const BEHIND = tlv(0xc0fe, new Uint8Array(0));

/** What the two highest bits of an unknown type ask for. */
type Treatment = "known" | "stops" | "stops, reported" | "skipped" | "skipped, reported";

const TYPES: readonly [name: string, type: number, treatment: Treatment][] = [
  ["heartbeat information", 0x0001, "stops"],
  ["IPv4 address", 0x0005, "known"],
  ["IPv6 address", 0x0006, "known"],
  ["state cookie", 0x0007, "known"],
  ["unrecognised parameter", 0x0008, "known"],
  ["cookie preservative", 0x0009, "known"],
  ["supported address types", 0x000c, "known"],
  ["ECN", 0x8000, "skipped"],
  ["supported extensions", 0x8008, "known"],
  ["random (AUTH)", 0x8002, "skipped"],
  ["forward TSN", 0xc000, "skipped, reported"],
  ["adaptation layer", 0xc006, "skipped, reported"],
  ["type 0", 0x0000, "stops"],
  ["unknown 00", 0x00aa, "stops"],
  ["unknown 01", 0x40aa, "stops, reported"],
  ["unknown 10", 0x80aa, "skipped"],
  ["unknown 11", 0xc0aa, "skipped, reported"],
  ["type 65,535", 0xffff, "skipped, reported"],
];

/** Not looked up for anybody, so whoever has only that is refused (§3.3.2.1.4). */
const HOST_NAME = 0x000b;

function reported(treatment: Treatment, whole: Uint8Array): Uint8Array[] {
  const own = treatment.endsWith("reported") ? [whole] : [];
  return treatment.startsWith("stops") ? own : [...own, BEHIND];
}

/** The values of parameters of type 8 in an INIT ACK (§3.3.3). */
function reports(initAck: Uint8Array): Buffer[] {
  const found: Buffer[] = [];
  const bytes = Buffer.from(initAck);
  for (let at = 12 + 20; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2);
    if (bytes.readUInt16BE(at) === 8) found.push(bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

const hex = (bytes: readonly Uint8Array[]): string[] =>
  bytes.map((each) => Buffer.from(each).toString("hex"));

for (const [name, type, treatment] of TYPES) {
  for (const size of [0, 1, 4, 16]) {
    test(`INIT with ${name} of ${size} bytes: ${treatment} (§3.2.2)`, () => {
      const scene = new Scene("stranger");
      const whole = tlv(type, new Uint8Array(size).fill(1));
      const init = chunk(1, 0, Buffer.concat([FIXED, whole, BEHIND]));
      assert.equal(scene.giveBytes(raw(scene, init, 0)), "-> init-ack");
      const [answer] = scene.answers;
      assert.ok(answer !== undefined);
      assert.deepEqual(hex(reports(answer.bytes)), hex(reported(treatment, whole)));
    });

    test(`INIT ACK with ${name} of ${size} bytes: ${treatment} (§3.2.2)`, () => {
      const scene = new Scene("cookie-wait");
      const whole = tlv(type, new Uint8Array(size).fill(1));
      const initAck = chunk(2, 0, Buffer.concat([FIXED, COOKIE, whole]));
      const happens = treatment.endsWith("reported") ? "-> cookie-echo + error" : "-> cookie-echo";
      assert.equal(scene.giveBytes(raw(scene, initAck)), happens);
      scene.assertGoesOnAs("cookie-echoed");
    });
  }
}

for (const name of ["", "a.example\0", "x".repeat(300)]) {
  test(`INIT and INIT ACK with a host name of ${name.length} bytes are refused (§3.3.2.1.4)`, () => {
    const host = tlv(HOST_NAME, Buffer.from(name));
    const init = new Scene("stranger");
    assert.equal(init.giveBytes(raw(init, chunk(1, 0, Buffer.concat([FIXED, host])), 0)), "-> abort");
    assert.equal(init.answers[0]?.packet.verificationTag, 0x2222);
    init.assertGoesOnAs("stranger");
    const initAck = new Scene("cookie-wait");
    const happens = initAck.giveBytes(raw(initAck, chunk(2, 0, Buffer.concat([FIXED, COOKIE, host]))));
    assert.equal(happens, "-> abort; lost protocol-violation; #protocol-violation");
    initAck.assertGoesOnAs("over");
  });
}

test("an address list is never used: answers go where the INIT came from, cookie and association too", () => {
  const lists = [
    tlv(5, Uint8Array.of(10, 0, 0, 66)),
    Buffer.concat([tlv(5, Uint8Array.of(10, 0, 0, 66)), tlv(6, new Uint8Array(16).fill(1))]),
    tlv(5, new Uint8Array(0)),
    tlv(6, new Uint8Array(3)),
    Buffer.alloc(8 * 100, tlv(5, Uint8Array.of(10, 0, 0, 66))),
  ];
  for (const list of lists) {
    const scene = new Scene("stranger");
    // `giveBytes` sees to it that nothing is sent to anywhere else.
    assert.equal(scene.giveBytes(raw(scene, chunk(1, 0, Buffer.concat([FIXED, list])), 0)), "-> init-ack");
    const initAck = scene.answers[0]?.packet.chunks[0];
    assert.ok(initAck?.type === "init-ack" && initAck.cookie !== undefined);
    assert.equal(
      scene.give((to) => to.body(10, 0, initAck.cookie ?? list), initAck.tag),
      "-> cookie-ack; up",
    );
    const up = scene.target.endpoint.status(1);
    assert.deepEqual(up?.path, scene.target.path);
    scene.target.pass(3e6);
    for (const answer of scene.target.drain()) assert.deepEqual(answer.path, scene.target.path);
  }
});

/** Wrong forms of a parameter at the end of a chunk. */
const FORMS: readonly [name: string, form: (type: number) => Uint8Array][] = [
  ["length 0", (type) => tlv(type, new Uint8Array(4), 0)],
  ["length 1", (type) => tlv(type, new Uint8Array(4), 1)],
  ["length 3", (type) => tlv(type, new Uint8Array(4), 3)],
  ["one byte more than the chunk", (type) => tlv(type, new Uint8Array(4), 9)],
  ["length 65,535", (type) => tlv(type, new Uint8Array(4), 65_535)],
  ["half a header", (type) => tlv(type, new Uint8Array(0)).subarray(0, 2)],
  ["three bytes", (type) => tlv(type, new Uint8Array(0)).subarray(0, 3)],
  ["1,000 of them", (type) => Buffer.alloc(4_000, tlv(type, new Uint8Array(0)))],
];

const CARRIERS: readonly [name: string, id: number, begin: Uint8Array, situation: Situation][] = [
  ["INIT", 1, FIXED, "stranger"],
  ["INIT", 1, FIXED, "established"],
  ["INIT ACK", 2, Buffer.concat([FIXED, COOKIE]), "cookie-wait"],
  ["HEARTBEAT", 4, new Uint8Array(0), "established"],
  ["HEARTBEAT ACK", 5, new Uint8Array(0), "established"],
];

for (const [carrier, id, begin, situation] of CARRIERS) {
  for (const [name, form] of FORMS) {
    test(`${carrier} with a parameter of ${name}, of every type, ${situation}: refused`, () => {
      for (const type of [...TYPES.map(([, each]) => each), HOST_NAME]) {
        const scene = new Scene(situation);
        const bad = chunk(id, 0, Buffer.concat([begin, form(type)]));
        assert.equal(scene.giveBytes(raw(scene, bad, id === 1 ? 0 : scene.tag)), "#bad-chunk", `${type}`);
        scene.assertGoesOnAs(situation);
      }
    });
  }
}

test("HEARTBEAT holds its information and nothing else (§3.3.5)", () => {
  const info = tlv(1, Uint8Array.of(1));
  for (const id of [4, 5]) {
    for (const body of [
      ...TYPES.slice(1).map(([, type]) => tlv(type, new Uint8Array(4))),
      Buffer.concat([info, info]),
    ]) {
      const scene = new Scene("established");
      assert.equal(scene.giveBytes(raw(scene, chunk(id, 0, body))), "#bad-chunk");
      scene.assertGoesOnAs("established");
    }
  }
});

test("HEARTBEAT with giant information: echoed up to 1,024 bytes, byte for byte, and refused beyond (§8.3)", () => {
  for (const size of [0, 1, 3, 12, 1_023, 1_024, 1_025, 9_000, 65_000]) {
    const scene = new Scene("established");
    const bytes = raw(scene, chunk(4, 0, tlv(1, new Uint8Array(size).fill(7))));
    const fits = size <= 1_024;
    assert.equal(scene.giveBytes(bytes), fits ? "-> heartbeat-ack" : "#bad-chunk", `${size}`);
    const [answer] = scene.answers;
    const ack = answer?.packet.chunks[0];
    if (ack?.type === "heartbeat-ack")
      assert.deepEqual(new Uint8Array(ack.info), new Uint8Array(size).fill(7));
    assert.ok((answer?.bytes.length ?? 0) <= bytes.length);
  }
});

const CAUSES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xa0, 0xffff];

/** Each is one cause, or what looks like one. */
const CAUSE_FORMS: readonly [name: string, form: (code: number) => Uint8Array][] = [
  ["empty", (code) => tlv(code, new Uint8Array(0))],
  ["of one byte", (code) => tlv(code, Uint8Array.of(0x1b))],
  ["of four bytes", (code) => tlv(code, fromHex("00000001"))],
  ["of 1,000 bytes", (code) => tlv(code, new Uint8Array(1_000).fill(0x9b))],
  ["of length 0", (code) => tlv(code, new Uint8Array(4), 0)],
  ["of length 3", (code) => tlv(code, new Uint8Array(4), 3)],
  ["one byte more than the chunk", (code) => tlv(code, new Uint8Array(4), 9)],
  ["of length 65,535", (code) => tlv(code, new Uint8Array(4), 65_535)],
  ["of half a header", (code) => tlv(code, new Uint8Array(0)).subarray(0, 2)],
  ["a thousand times", (code) => Buffer.alloc(8_000, tlv(code, fromHex("1b5b336d")))],
];

for (const [name, form] of CAUSE_FORMS) {
  test(`ABORT with a cause ${name}, of every code: it counts, and what it says can be shown (§3.3.7)`, () => {
    for (const code of CAUSES) {
      const scene = new Scene("established");
      let detail: string | undefined;
      const { target } = scene;
      const bytes = raw(scene, chunk(6, 0, form(code)));
      target.endpoint.receive(target.now, target.path, bytes);
      for (
        let event = target.endpoint.pollEvent();
        event !== undefined;
        event = target.endpoint.pollEvent()
      ) {
        if (event.type === "lost" && event.reason === "aborted") detail = event.detail;
      }
      assert.ok(detail !== undefined, `cause ${code}`);
      assert.match(detail, /^[ -~]{1,1000}$/, `cause ${code}`);
      scene.assertGoesOnAs("over");
    }
  });

  test(`ERROR with a cause ${name}, of every code: changes nothing (§3.3.10)`, () => {
    for (const code of CAUSES) {
      const scene = new Scene("established");
      assert.equal(scene.giveBytes(raw(scene, chunk(9, 0, form(code)))), "nothing", `cause ${code}`);
      scene.assertGoesOnAs("established");
    }
  });

  test(`ERROR with a cause ${name} while we wait for COOKIE ACK: only a stale cookie ends it (§5.2.6)`, () => {
    for (const code of CAUSES) {
      const scene = new Scene("cookie-echoed");
      const happens = scene.giveBytes(raw(scene, chunk(9, 0, form(code))));
      if (happens !== "nothing") {
        assert.deepEqual([code, happens], [3, "lost unreachable"]);
        scene.assertGoesOnAs("over");
      } else scene.assertGoesOnAs("cookie-echoed");
    }
  });
}
