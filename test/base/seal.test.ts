import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { aeadOpen } from "../../src/base/aead.ts";
import { MisuseError } from "../../src/base/errors.ts";
import {
  LAST_COUNTER,
  type Opened,
  SEAL_BYTES,
  SEALED_STREAMS,
  type SealKeys,
  Seals,
} from "../../src/base/seal.ts";
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
  for (const stream of [0, 1, 2]) {
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
    const bytes = sealed(from, 2);
    assert.equal(Buffer.from(bytes.subarray(0, 8)).toString("hex"), "0000000102030405");
    const nonce = Buffer.from("000000000000000102030405", "hex");
    const text = aeadOpen(key, nonce, Uint8Array.of(0, 2, direction), bytes.subarray(8));
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
  assert.equal(outcome(client.open(1, bytes)), "ok", "no forgery has moved the counters");
});

test("a message is opened once, on whatever stream it is repeated", () => {
  const { registry, client } = pair();
  const bytes = sealed(registry, 1);
  assert.equal(outcome(client.open(1, bytes)), "ok");
  assert.equal(outcome(client.open(1, bytes)), "replayed");
  for (const stream of [0, 2]) assert.equal(outcome(client.open(stream, bytes)), "forged");
  for (const stream of [3, 15, 65_535]) assert.equal(outcome(client.open(stream, bytes)), "bad-stream");
});

/** Streams and counters in the order in which they come, and what becomes of each. */
const ORDERS: readonly (readonly [name: string, ...steps: (readonly [number, number, string])[]])[] = [
  ["in order", [1, 0, "ok"], [1, 1, "ok"], [1, 2, "ok"], [1, 1, "replayed"]],
  ["streams overtake each other", [2, 9, "ok"], [0, 0, "ok"], [1, 3, "ok"], [0, 4, "ok"], [2, 9, "replayed"]],
  ["one that is missing", [1, 0, "ok"], [1, 7, "ok"], [1, 3, "replayed"], [1, 8, "ok"]],
  [
    "a leap closes nothing on other streams",
    [1, 199, "ok"],
    [0, 1, "ok"],
    [2, 0, "ok"],
    [1, 198, "replayed"],
  ],
];

for (const [name, ...steps] of ORDERS) {
  test(`counters of streams: ${name}`, () => {
    const { registry, client } = pair();
    const needed = new Map(steps.map(([stream, counter]) => [counter, stream]));
    const messages = Array.from({ length: 200 }, (_, counter) => sealed(registry, needed.get(counter) ?? 1));
    for (const [stream, counter, expected] of steps) {
      const opened = client.open(stream, messages[counter] ?? TEXT);
      assert.equal(outcome(opened), expected, `counter ${counter}`);
    }
  });
}

test("whatever order messages come in, those of a stream that are opened ascend, each once", () => {
  const sent = fc.array(fc.nat(SEALED_STREAMS - 1), { minLength: 1, maxLength: 40 });
  const order = fc.array(fc.nat(39), { maxLength: 200 });
  fc.assert(
    fc.property(sent, order, (streams, picks) => {
      const { registry, client } = pair();
      const messages = streams.map((stream) => sealed(registry, stream));
      const next = new Map<number, number>();
      for (const pick of picks) {
        const counter = pick % messages.length;
        const stream = streams[counter] ?? 0;
        const expected = counter >= (next.get(stream) ?? 0) ? "ok" : "replayed";
        assert.equal(outcome(client.open(stream, messages[counter] ?? TEXT)), expected);
        if (expected === "ok") next.set(stream, counter + 1);
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
  for (const stream of [-1, 3, 65_536, 1.5]) assert.throws(() => client.seal(stream, TEXT), MisuseError);
});
