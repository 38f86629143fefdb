import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeChunk } from "../../src/sctp/decode/chunks.ts";
import { decodePacket } from "../../src/sctp/decode/packet.ts";
import * as encode from "../../src/sctp/encode.ts";
import { PORT } from "./pair.ts";
import { fromHex, packet } from "./wire.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(fromHex(text));

/** Chunk by chunk: what is on the wire, and what it means. */
const CHUNKS: readonly [name: string, hex: string, meaning: object][] = [
  [
    "DATA, whole",
    "00 03 0013 00000001 0002 0003 00000004 616263",
    {
      type: "data",
      tsn: 1,
      stream: 2,
      ssn: 3,
      ppid: 4,
      begins: true,
      ends: true,
      unordered: false,
      immediate: false,
      bytes: bytes("616263"),
    },
  ],
  [
    "DATA, middle, unordered, immediate",
    "00 0c 0011 ffffffff ffff ffff ffffffff 61",
    {
      type: "data",
      tsn: 0xffffffff,
      stream: 0xffff,
      ssn: 0xffff,
      ppid: 0xffffffff,
      begins: false,
      ends: false,
      unordered: true,
      immediate: true,
      bytes: bytes("61"),
    },
  ],
  [
    "I-DATA, first fragment: MID and PPID",
    "40 02 0017 00000001 0002 0000 80000003 00000004 616263",
    {
      type: "i-data",
      tsn: 1,
      stream: 2,
      mid: 0x80000003,
      ppid: 4,
      fsn: 0,
      begins: true,
      ends: false,
      unordered: false,
      immediate: false,
      bytes: bytes("616263"),
    },
  ],
  [
    "I-DATA, last fragment: MID and FSN",
    "40 05 0015 00000002 0002 0000 80000003 00000009 61",
    {
      type: "i-data",
      tsn: 2,
      stream: 2,
      mid: 0x80000003,
      ppid: 0,
      fsn: 9,
      begins: false,
      ends: true,
      unordered: true,
      immediate: false,
      bytes: bytes("61"),
    },
  ],
  [
    "INIT that offers interleaving and names a host",
    "01 00 0026 00000001 00010000 000a 0010 00000002 8008 0006 c040 0000 000b 000a 686f73742e00",
    {
      type: "init",
      tag: 1,
      window: 65_536,
      outboundStreams: 10,
      inboundStreams: 16,
      initialTsn: 2,
      cookie: undefined,
      interleaves: true,
      namesHost: true,
      unrecognised: [],
    },
  ],
  [
    "INIT with an address, ECN (skip), an unknown one (report, go on) and one that stops",
    "01 00 002c 00000001 00010000 000a 0010 00000002 0005 0008 7f000001 8000 0004 c000 0004 4001 0004 c002 0004",
    {
      type: "init",
      tag: 1,
      window: 65_536,
      outboundStreams: 10,
      inboundStreams: 16,
      initialTsn: 2,
      cookie: undefined,
      interleaves: false,
      namesHost: false,
      unrecognised: [bytes("c0000004"), bytes("40010004")],
    },
  ],
  [
    "INIT ACK with a cookie",
    "02 00 001b 00000001 00010000 000a 0010 00000002 0007 0007 aabbcc",
    {
      type: "init-ack",
      tag: 1,
      window: 65_536,
      outboundStreams: 10,
      inboundStreams: 16,
      initialTsn: 2,
      cookie: bytes("aabbcc"),
      interleaves: false,
      namesHost: false,
      unrecognised: [],
    },
  ],
  [
    "SACK",
    "03 00 001c 00000005 00000006 0002 0001 0002 0003 0005 0005 00000004",
    {
      type: "sack",
      cumulativeTsn: 5,
      window: 6,
      gaps: [
        { start: 2, end: 3 },
        { start: 5, end: 5 },
      ],
    },
  ],
  [
    "SACK whose blocks overlap: none of them count",
    "03 00 0018 00000005 00000006 0002 0000 0002 0009 0003 0005",
    { type: "sack", cumulativeTsn: 5, window: 6, gaps: [] },
  ],
  [
    "SACK whose blocks share a TSN: none of them count",
    "03 00 0018 00000005 00000006 0002 0000 0002 0003 0003 0005",
    { type: "sack", cumulativeTsn: 5, window: 6, gaps: [] },
  ],
  ["HEARTBEAT", "04 00 000c 0001 0008 01020304", { type: "heartbeat", info: bytes("01020304") }],
  ["HEARTBEAT ACK", "05 00 0009 0001 0005 01", { type: "heartbeat-ack", info: bytes("01") }],
  ["ABORT, bare, reflected", "06 01 0004", { type: "abort", reflected: true, causes: [] }],
  [
    "ABORT with a cause and one of length 0 behind it",
    "06 00 0010 000c 0006 6869 0000 000d 0000",
    { type: "abort", reflected: false, causes: [{ code: 12, bytes: bytes("6869") }] },
  ],
  [
    "ABORT with a cause longer than the chunk",
    "06 00 000a 000c 0020 6869",
    { type: "abort", reflected: false, causes: [] },
  ],
  ["SHUTDOWN", "07 00 0008 00000009", { type: "shutdown", cumulativeTsn: 9 }],
  ["SHUTDOWN ACK", "08 00 0004", { type: "shutdown-ack" }],
  ["ERROR", "09 00 0008 0003 0004", { type: "error", causes: [{ code: 3, bytes: bytes("") }] }],
  ["COOKIE ECHO", "0a 00 0006 aabb", { type: "cookie-echo", cookie: bytes("aabb") }],
  ["COOKIE ACK", "0b 00 0004", { type: "cookie-ack" }],
  ["SHUTDOWN COMPLETE", "0e 01 0004", { type: "shutdown-complete", reflected: true }],
  ["unknown", "c1 00 0005 aa", { type: "unknown", id: 0xc1, whole: bytes("c1000005aa") }],
];

for (const [name, hex, meaning] of CHUNKS) {
  test(`decodes ${name}`, () => {
    assert.deepEqual(normal(decodeChunk(fromHex(hex))), meaning);
  });
}

/** Buffers compare unequal to the Uint8Arrays they are. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, normal(inner)]));
}

const MALFORMED: readonly [name: string, hex: string][] = [
  ["DATA without its header", "00 03 000f 00000001 0002 0003 000000"],
  ["INIT cut short", "01 00 0013 00000001 00010000 000a 0010 000000"],
  ["INIT with a parameter of length 0", "01 00 0018 00000001 00010000 000a 0010 00000002 8000 0000"],
  ["INIT with a parameter of length 3", "01 00 0018 00000001 00010000 000a 0010 00000002 8000 0003"],
  ["INIT with a parameter beyond its end", "01 00 0018 00000001 00010000 000a 0010 00000002 8000 0005"],
  ["INIT with half a parameter header", "01 00 0016 00000001 00010000 000a 0010 00000002 8000"],
  [
    "INIT ACK with a cookie longer than any",
    `02 00 1019 00000001 00010000 000a 0010 00000002 0007 1005 ${"00".repeat(4097)}`,
  ],
  ["SACK with fewer blocks than it says", "03 00 0014 00000005 00000006 0002 0000 0002 0003"],
  ["SACK with 65,535 blocks and none", "03 00 0010 00000005 00000006 ffff ffff"],
  ["SACK with more than it says", "03 00 0014 00000005 00000006 0000 0000 0002 0003"],
  ["HEARTBEAT without information", "04 00 0004"],
  ["HEARTBEAT with two parameters", "04 00 000c 0001 0004 0001 0004"],
  ["HEARTBEAT ACK without information", "05 00 0004"],
  ["HEARTBEAT ACK with another parameter", "05 00 0008 0007 0004"],
  ["SHUTDOWN without its TSN", "07 00 0004"],
  ["SHUTDOWN ACK with a body", "08 00 0008 00000000"],
  ["COOKIE ACK with a body", "0b 00 0008 00000000"],
  ["COOKIE ECHO longer than any cookie", `0a 00 1005 ${"00".repeat(4097)}`],
];

for (const [name, hex] of MALFORMED) {
  test(`refuses ${name}`, () => {
    assert.equal(decodeChunk(fromHex(hex)), undefined);
    assert.equal(decodePacket(packet(1, fromHex(hex)), PORT), "bad-chunk");
  });
}

test("§3.3.4: 360 gap blocks of a SACK are read, what a packet of 1,500 bytes holds", () => {
  const gaps = Array.from({ length: 400 }, (_, index) => ({ start: 2 * index + 2, end: 2 * index + 2 }));
  const sack = decodeChunk(encode.encodeSack(5, 6, gaps, []));
  assert.ok(sack?.type === "sack");
  assert.deepEqual(sack.gaps, gaps.slice(0, 360));
});

const COOKIE_ACK = "0b000004";

test("refuses packets whose frame is wrong", () => {
  const good = packet(7, fromHex(COOKIE_ACK));
  assert.equal(typeof decodePacket(good, PORT), "object");
  assert.equal(decodePacket(good, PORT + 1), "other-port");
  assert.equal(decodePacket(good.subarray(0, 15), PORT), "wrong-size");
  assert.equal(decodePacket(new Uint8Array(0), PORT), "wrong-size");
  assert.equal(decodePacket(new Uint8Array(65_536), PORT), "wrong-size");
  for (let index = 4; index < good.length; index += 1) {
    const flipped = Uint8Array.from(good);
    flipped[index] = (flipped[index] ?? 0) ^ 0x10;
    assert.equal(decodePacket(flipped, PORT), "bad-checksum", `byte ${index}`);
  }
});

const FRAMES: readonly [name: string, chunks: string, chunkCount: number | "bad-chunk"][] = [
  ["a chunk of length 0", "0b000000", "bad-chunk"],
  ["a chunk of length 3", "0b000003", "bad-chunk"],
  ["a chunk longer than the packet", "0b000005", "bad-chunk"],
  ["half a chunk header behind a good chunk", `${COOKIE_ACK}0b00`, "bad-chunk"],
  ["length 0 behind a good chunk", `${COOKIE_ACK}0b000000`, "bad-chunk"],
  ["256 chunks", COOKIE_ACK.repeat(256), 256],
  ["257 chunks", COOKIE_ACK.repeat(257), "bad-chunk"],
  ["an odd length, padded", `0a000005aa000000${COOKIE_ACK}`, 2],
  ["an odd length at the end, not padded", `${COOKIE_ACK}0a000005aa`, 2],
];

for (const [name, chunks, count] of FRAMES) {
  test(`frames ${name}`, () => {
    const decoded = decodePacket(packet(7, fromHex(chunks)), PORT);
    assert.equal(typeof decoded === "string" ? decoded : decoded.chunks.length, count);
  });
}

test("what the package encodes is what RFC 9260 says", () => {
  const hex = (chunk: Uint8Array): string => Buffer.from(chunk).toString("hex");
  const fields = { tag: 1, window: 2, outboundStreams: 3, inboundStreams: 4, initialTsn: 5 };
  const table: readonly [Uint8Array, string][] = [
    [
      encode.encodeData({
        tsn: 1,
        stream: 2,
        ssn: 3,
        ppid: 4,
        begins: true,
        ends: false,
        bytes: bytes("616263"),
      }),
      "00020013 00000001 00020003 00000004 61626300",
    ],
    [encode.encodeInit(fields), "01000014 00000001 00000002 00030004 00000005"],
    [
      encode.encodeInitAck(fields, bytes("aabbcc"), [bytes("c0000004")]),
      "02000024 00000001 00000002 00030004 00000005 00070007 aabbcc00 00080008 c0000004",
    ],
    [
      encode.encodeSack(5, 6, [{ start: 2, end: 3 }], [4]),
      "03000018 00000005 00000006 00010001 00020003 00000004",
    ],
    [encode.encodeHeartbeat(bytes("0102")), "0400000a 00010006 01020000"],
    [encode.encodeHeartbeatAck(bytes("0102")), "0500000a 00010006 01020000"],
    [encode.encodeAbort(true, undefined), "06010004"],
    [encode.encodeAbort(false, { code: 12, bytes: bytes("6869") }), "0600000a 000c0006 68690000"],
    [encode.encodeError({ code: 3, bytes: bytes("00000001") }), "0900000c 00030008 00000001"],
    [encode.encodeShutdown(9), "07000008 00000009"],
    [encode.encodeShutdownAck(), "08000004"],
    [encode.encodeShutdownComplete(true), "0e010004"],
    [encode.encodeCookieEcho(bytes("aabb")), "0a000006 aabb0000"],
    [encode.encodeCookieAck(), "0b000004"],
  ];
  for (const [actual, expected] of table) assert.equal(hex(actual), expected.replaceAll(" ", ""));
});
