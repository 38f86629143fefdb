import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { aeadOpen } from "../../src/base/aead.ts";
import { MisuseError } from "../../src/base/errors.ts";
import { REPLAY_WINDOW_WIDTH, ReplayWindow } from "../../src/base/replay-window.ts";
import { LAST_COUNTER, type Opened, SEAL_BYTES, type SealKeys, Seals } from "../../src/base/seal.ts";
import { encodeUtf8 } from "../../src/base/text.ts";

const KEYS: SealKeys = { toClient: new Uint8Array(32).fill(1), toRegistry: new Uint8Array(32).fill(2) };
const TEXT = encodeUtf8("attach");

function pair(firstCounter = 0): { readonly registry: Seals; readonly client: Seals } {
  return {
    registry: new Seals("registry", KEYS, firstCounter),
    client: new Seals("client", KEYS, firstCounter),
  };
}

function sealed(seals: Seals, stream: number, text = TEXT): Uint8Array {
  const bytes = seals.seal(stream, text);
  assert.ok(bytes !== undefined);
  return bytes;
}

function outcome(opened: Opened): string {
  return opened.ok ? "ok" : opened.fault;
}

test("both directions, every stream, the empty message", () => {
  const { registry, client } = pair();
  for (const stream of [0, 1, 2, 255, 256, 65_535]) {
    for (const text of [TEXT, new Uint8Array(), new Uint8Array(16_384).fill(7)]) {
      for (const [from, to] of [
        [registry, client],
        [client, registry],
      ] as const) {
        const bytes = sealed(from, stream, text);
        assert.equal(bytes.length, text.length + SEAL_BYTES);
        const opened = to.open(stream, bytes);
        assert.ok(opened.ok);
        assert.deepEqual(new Uint8Array(opened.text), text);
      }
    }
  }
});

test("the layout: counter, then RFC 8439 under four zero bytes and the counter, with stream and direction", () => {
  const { registry, client } = pair(0x0102030405);
  const cases = [
    [registry, KEYS.toClient, 0],
    [client, KEYS.toRegistry, 1],
  ] as const;
  for (const [from, key, direction] of cases) {
    const bytes = sealed(from, 0x0a0b);
    assert.equal(Buffer.from(bytes.subarray(0, 8)).toString("hex"), "0000000102030405");
    const nonce = Buffer.from("000000000000000102030405", "hex");
    const text = aeadOpen(key, nonce, Uint8Array.of(0x0a, 0x0b, direction), bytes.subarray(8));
    assert.deepEqual(text && new Uint8Array(text), TEXT);
  }
});

test("refused: another stream, the own direction, another session, every changed bit, every cut", () => {
  const { registry, client } = pair();
  const bytes = sealed(registry, 1);
  assert.equal(outcome(client.open(2, bytes)), "forged");
  assert.equal(outcome(registry.open(1, bytes)), "forged", "sent back to its sender");
  const other = new Seals("client", { ...KEYS, toClient: new Uint8Array(32).fill(3) });
  assert.equal(outcome(other.open(1, bytes)), "forged");
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = bytes.slice();
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    assert.ok(["forged", "exhausted"].includes(outcome(client.open(1, changed))), `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 1) {
    const expected = length < SEAL_BYTES ? "short" : "forged";
    assert.equal(outcome(client.open(1, bytes.subarray(0, length))), expected, `${length} bytes`);
  }
  assert.equal(outcome(client.open(1, bytes)), "ok", "no forgery has moved the window");
});

test("a message is opened once, on whatever stream it is repeated", () => {
  const { registry, client } = pair();
  const bytes = sealed(registry, 1);
  assert.equal(outcome(client.open(1, bytes)), "ok");
  for (const stream of [0, 1, 2]) assert.equal(outcome(client.open(stream, bytes)), "replayed");
});

/** Counters in the order in which they come, and what becomes of each. */
const REPLAYS: readonly (readonly [name: string, ...steps: (readonly [number, string])[]])[] = [
  ["in order", [0, "ok"], [1, "ok"], [2, "ok"], [1, "replayed"]],
  ["streams overtake each other", [2, "ok"], [0, "ok"], [1, "ok"], [0, "replayed"], [2, "replayed"]],
  ["the edge of the window", [63, "ok"], [0, "ok"], [0, "replayed"], [64, "ok"], [0, "too-old"], [1, "ok"]],
  ["a leap by one word", [0, "ok"], [32, "ok"], [0, "replayed"], [1, "ok"], [31, "ok"], [31, "replayed"]],
  ["a leap within the window", [10, "ok"], [50, "ok"], [10, "replayed"], [11, "ok"], [49, "ok"]],
  [
    "small leaps",
    [0, "ok"],
    [20, "ok"],
    [40, "ok"],
    [60, "ok"],
    [0, "replayed"],
    [20, "replayed"],
    [21, "ok"],
  ],
  ["a leap by the window", [5, "ok"], [69, "ok"], [5, "too-old"], [6, "ok"], [6, "replayed"]],
  ["a leap beyond", [5, "ok"], [199, "ok"], [5, "too-old"], [135, "too-old"], [136, "ok"]],
];

for (const [name, ...steps] of REPLAYS) {
  test(`replay window: ${name}`, () => {
    const { registry, client } = pair();
    const messages = Array.from({ length: 200 }, () => sealed(registry, 1));
    for (const [counter, expected] of steps) {
      assert.equal(outcome(client.open(1, messages[counter] ?? TEXT)), expected, `counter ${counter}`);
    }
  });
}

test("the window is as the set of all counters would judge", () => {
  const leaps = fc.oneof(fc.integer({ min: -70, max: 3 }), fc.integer({ min: -70, max: 140 }));
  fc.assert(
    fc.property(fc.array(leaps, { maxLength: 300 }), (steps) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      for (const leap of steps) {
        const highest = Math.max(-1, ...seen);
        const counter = Math.max(0, highest + leap);
        const tooOld = counter <= highest - REPLAY_WINDOW_WIDTH;
        const expected = tooOld ? "too-old" : seen.has(counter) ? "replayed" : "new";
        assert.equal(window.judge(counter), expected);
        if (expected !== "new") continue;
        window.accept(counter);
        seen.add(counter);
      }
    }),
  );
});

test("counters end before they could repeat", () => {
  const { registry, client } = pair(LAST_COUNTER);
  const last = sealed(registry, 0);
  assert.equal(registry.seal(0, TEXT), undefined);
  assert.equal(registry.seal(0, TEXT), undefined);
  assert.equal(outcome(client.open(0, last)), "ok");
  const beyond = last.slice();
  for (const [high, low] of [
    [0x00200000, 0],
    [0xffffffff, 0xffffffff],
  ] as const) {
    const view = new DataView(beyond.buffer);
    view.setUint32(0, high);
    view.setUint32(4, low);
    assert.equal(outcome(client.open(0, beyond)), "exhausted");
  }
});

test("misuse is told: short keys, one key for both directions, no such stream", () => {
  const key = new Uint8Array(32);
  assert.throws(
    () => new Seals("client", { toClient: key, toRegistry: new Uint8Array(31).fill(1) }),
    MisuseError,
  );
  assert.throws(() => new Seals("client", { toClient: key, toRegistry: key.slice() }), MisuseError);
  const { client } = pair();
  for (const stream of [-1, 65_536, 1.5]) assert.throws(() => client.seal(stream, TEXT), MisuseError);
});
