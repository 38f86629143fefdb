import assert from "node:assert/strict";
import { test } from "node:test";
import * as encode from "../../src/sctp/encode.ts";
import { askCookie, associate, data, INIT, OUR_TAG, OUR_TSN, Target } from "./target.ts";

test("no answer to a stranger is larger than three times what was asked", () => {
  const target = new Target();
  const strangers: Uint8Array[] = [
    INIT,
    data(1),
    encode.encodeShutdown(1),
    encode.encodeShutdownAck(),
    encode.encodeCookieEcho(new Uint8Array(51)),
    encode.encodeCookieEcho(new Uint8Array(1)),
    encode.encodeSack(1, 1, [], []),
    encode.encodeHeartbeat(new Uint8Array(1)),
    Uint8Array.of(0xff, 0, 0, 4),
    Buffer.concat([INIT.subarray(0, 3), Uint8Array.of(24), INIT.subarray(4), Uint8Array.of(0xc0, 1, 0, 4)]),
  ];
  for (const chunk of strangers) {
    for (const tag of [0, 5]) {
      for (const answer of target.hit(tag, chunk)) {
        assert.ok(
          answer.bytes.length <= 3 * (12 + chunk.length),
          `${answer.bytes.length} for ${chunk.length}`,
        );
        assert.deepEqual(answer.path, target.path);
      }
    }
  }
  assert.equal(target.events.length, 0);
});

test("out of the blue: what is answered, and what never is (RFC 9260 §8.4)", () => {
  const target = new Target();
  const answerTo = (chunk: Uint8Array): string => {
    const [answer, second] = target.hit(77, chunk);
    assert.equal(second, undefined);
    if (answer === undefined) return "nothing";
    assert.equal(answer.packet.verificationTag, 77, "the tag comes back");
    const [first] = answer.packet.chunks;
    return first !== undefined && "reflected" in first && first.reflected ? `${first.type} T` : "wrong";
  };
  assert.equal(answerTo(data(1)), "abort T");
  assert.equal(answerTo(encode.encodeHeartbeat(Uint8Array.of(1))), "abort T");
  assert.equal(answerTo(encode.encodeShutdownAck()), "shutdown-complete T");
  assert.equal(answerTo(encode.encodeShutdownComplete(false)), "nothing");
  assert.equal(answerTo(encode.encodeAbort(false, undefined)), "nothing");
  assert.equal(answerTo(Buffer.concat([data(1), encode.encodeAbort(false, undefined)])), "nothing");
  assert.equal(answerTo(encode.encodeCookieAck()), "nothing");
  assert.equal(answerTo(encode.encodeError({ code: 3, bytes: new Uint8Array(4) })), "nothing");
  assert.equal(answerTo(INIT), "nothing", "INIT under a tag");
  assert.deepEqual(target.hit(0, [INIT, data(1)]), [], "INIT with company");
});

test("INIT without a tag or streams makes nothing", () => {
  const target = new Target();
  const fields = { tag: 0, window: 1, outboundStreams: 1, inboundStreams: 1, initialTsn: 1 };
  assert.deepEqual(target.hit(0, encode.encodeInit(fields)), []);
  const [answer] = target.hit(0, encode.encodeInit({ ...fields, tag: 9, inboundStreams: 0 }));
  assert.equal(answer?.packet.chunks[0]?.type, "abort");
  assert.equal(answer?.packet.verificationTag, 9);
});

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

test("a cookie is worth something only once, fresh, unchanged, and from where it was asked", () => {
  const target = new Target();
  const { tag, cookie } = askCookie(target);
  const echo = encode.encodeCookieEcho(cookie);
  for (const elsewhere of [
    { ...target.path, address: "10.0.0.10" },
    { ...target.path, outerPort: 4_001 },
    { ...target.path, via: "raw" as const, outerPort: 0 },
  ]) {
    assert.deepEqual(target.hit(tag, echo, elsewhere), []);
  }
  assert.deepEqual(target.hit(tag + 1, echo), [], "under another tag");
  for (let index = 0; index < cookie.length; index += 1) {
    const forged = Uint8Array.from(cookie);
    forged[index] = (forged[index] ?? 0) ^ 1;
    assert.deepEqual(target.hit(tag, encode.encodeCookieEcho(forged)), [], `byte ${index}`);
  }
  assert.deepEqual(target.kinds(), []);
  assert.equal(target.hit(tag, echo)[0]?.packet.chunks[0]?.type, "cookie-ack");
  assert.equal(target.hit(tag, echo)[0]?.packet.chunks[0]?.type, "cookie-ack", "the COOKIE ACK was lost");
  assert.deepEqual(target.kinds(), ["up"]);
  target.hit(tag, encode.encodeAbort(false, undefined));
  assert.deepEqual(target.hit(tag, echo), [], "replayed after the end");
  assert.deepEqual(target.kinds(), ["up", "lost"]);
});

test("a stale cookie is told so, an ancient one is not even opened", () => {
  const target = new Target();
  const { tag, cookie } = askCookie(target);
  target.pass(70_000);
  const [answer] = target.hit(tag, encode.encodeCookieEcho(cookie));
  const error = answer?.packet.chunks[0];
  assert.ok(error?.type === "error" && error.causes[0]?.code === encode.CAUSE.staleCookie);
  assert.equal(answer?.packet.verificationTag, OUR_TAG);
  target.pass(70_000);
  askCookie(target);
  assert.deepEqual(target.hit(tag, encode.encodeCookieEcho(cookie)), []);
  assert.deepEqual(target.kinds(), []);
});

test("DATA may travel with COOKIE ECHO, as the original client sends its byte", () => {
  const target = new Target();
  const { tag, cookie } = askCookie(target);
  const chunks = [encode.encodeCookieEcho(cookie), data(OUR_TSN, { bytes: Buffer.from("0") })];
  const answers = target.hit(tag, chunks);
  assert.equal(answers[0]?.packet.chunks[0]?.type, "cookie-ack");
  assert.deepEqual(target.kinds(), ["up", "message"]);
});

test("spoofed ABORT, SHUTDOWN and the like, without the tag, change nothing", () => {
  const target = new Target();
  const { tag } = associate(target);
  const spoofs = [
    encode.encodeAbort(false, undefined),
    encode.encodeAbort(true, undefined),
    encode.encodeShutdown(0),
    encode.encodeShutdownAck(),
    encode.encodeShutdownComplete(false),
    encode.encodeShutdownComplete(true),
    encode.encodeError({ code: 3, bytes: new Uint8Array(4) }),
    data(OUR_TSN),
  ];
  const elsewhere = { ...target.path, address: "10.0.0.66" };
  for (const chunk of spoofs) {
    assert.deepEqual(target.hit(tag + 1, chunk), [], "wrong tag");
    target.hit(tag, chunk, elsewhere);
  }
  // The T bit means the peer's own tag, never ours.
  target.hit(tag, encode.encodeAbort(true, undefined));
  target.hit(OUR_TAG, encode.encodeAbort(false, undefined));
  assert.deepEqual(target.kinds(), ["up"]);
  target.hit(OUR_TAG, encode.encodeAbort(true, undefined));
  assert.deepEqual(target.kinds(), ["up", "lost"]);
});

test("chunks that do not belong to the state are passed over", () => {
  const target = new Target();
  const { tag } = associate(target);
  target.hit(tag, encode.encodeShutdownAck());
  target.hit(tag, encode.encodeShutdownComplete(false));
  target.hit(tag, encode.encodeCookieAck());
  target.hit(
    tag,
    encode.encodeInitAck(
      { tag: 3, window: 1, outboundStreams: 1, inboundStreams: 1, initialTsn: 1 },
      new Uint8Array(8),
      [],
    ),
  );
  target.hit(tag, encode.encodeError({ code: 3, bytes: new Uint8Array(4) }));
  target.hit(tag, encode.encodeHeartbeatAck(new Uint8Array(12)));
  target.hit(tag, encode.encodeHeartbeatAck(new Uint8Array(1)));
  assert.deepEqual(target.kinds(), ["up"]);
  assert.equal(target.count("bad-heartbeat-ack"), 2);
});

/** What a peer with the right tag may do and still be heard, and what ends it. */
const TOLERATED: readonly [name: string, chunks: (tsn: number) => Uint8Array[]][] = [
  ["a TSN far ahead", () => [data(OUR_TSN + 1_000_000)]],
  ["a TSN far behind", () => [data(OUR_TSN - 1_000_000)]],
  ["a TSN half the circle away", () => [data(OUR_TSN + 2 ** 31)]],
  ["a stream that does not exist", () => [data(OUR_TSN, { stream: 60_000 })]],
  ["an old SACK", (tsn) => [encode.encodeSack(tsn - 5, 1_000, [], [])]],
  [
    "a SACK with 300 gap blocks beyond anything sent",
    (tsn) => [
      encode.encodeSack(
        tsn - 1,
        1_000,
        Array.from({ length: 300 }, (_, i) => ({ start: 100 + 2 * i, end: 100 + 2 * i })),
        [],
      ),
    ],
  ],
  [
    "a SACK with one block of 65,534",
    (tsn) => [encode.encodeSack(tsn - 1, 1_000, [{ start: 2, end: 65_535 }], [])],
  ],
  [
    "unknown chunks of all four kinds",
    () => [Uint8Array.of(0xff, 0, 0, 4), Uint8Array.of(0xbf, 0, 0, 4), Uint8Array.of(0x7f, 0, 0, 4)],
  ],
];

for (const [name, chunks] of TOLERATED) {
  test(`tolerates ${name}`, () => {
    const target = new Target();
    const { tag, tsn } = associate(target);
    target.hit(tag, chunks(tsn));
    assert.deepEqual(target.kinds(), ["up"]);
    target.pass(1_000);
    target.hit(tag, data(OUR_TSN));
    target.hit(tag, data(OUR_TSN + 1, { ssn: name.includes("stream") ? 0 : 1 }));
    assert.equal(target.kinds().at(-1), "message", `still taken after ${name}`);
  });
}

const VIOLATIONS: readonly [name: string, chunks: (tsn: number) => Uint8Array[]][] = [
  ["DATA without user data", () => [data(OUR_TSN, { bytes: new Uint8Array(0) })]],
  ["a SACK for what was never sent", (tsn) => [encode.encodeSack(tsn + 5, 1_000, [], [])]],
  ["a SHUTDOWN that acknowledges what was never sent", (tsn) => [encode.encodeShutdown(tsn + 5)]],
  ["a message inside a message", () => [data(OUR_TSN, { ends: false }), data(OUR_TSN + 1, { ends: false })]],
  ["a fragment without a beginning", () => [data(OUR_TSN, { begins: false })]],
  ["a broken stream sequence", () => [data(OUR_TSN, { ssn: 9 })]],
  [
    "fragments of two streams mixed",
    () => [data(OUR_TSN, { ends: false }), data(OUR_TSN + 1, { begins: false, stream: 1 })],
  ],
];

for (const [name, chunks] of VIOLATIONS) {
  test(`ends an association for ${name}`, () => {
    const target = new Target();
    const { tag, tsn } = associate(target);
    const answers = target.hit(tag, chunks(tsn));
    assert.ok(answers.some((answer) => answer.packet.chunks.some((chunk) => chunk.type === "abort")));
    const last = target.events.at(-1);
    assert.ok(last?.type === "lost" && last.reason === "protocol-violation");
    assert.equal(target.endpoint.nextDeadline(), undefined);
  });
}

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

test("a heartbeat is echoed to the byte, never larger than it came", () => {
  const target = new Target();
  const { tag } = associate(target);
  const info = Uint8Array.from({ length: 41 }, (_, index) => index);
  const heartbeat = encode.encodeHeartbeat(info);
  const [answer] = target.hit(tag, heartbeat);
  const ack = answer?.packet.chunks[0];
  assert.ok(ack?.type === "heartbeat-ack");
  assert.deepEqual(new Uint8Array(ack.info), info);
  assert.ok((answer?.bytes.length ?? 0) <= heartbeat.length + 12);
  assert.deepEqual(target.hit(tag, encode.encodeHeartbeat(new Uint8Array(1_025))), []);
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
