import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../src/base/text.ts";
import {
  Mp1Receiver,
  ONE_SEGMENT_BYTES,
  RECEIVE_GRACE_MILLIS,
  RECEIVE_LIMIT_MILLIS,
  type ReceiverOutput,
} from "../../src/peer/mp1-receiver.ts";
import { CHAT_MESSAGE_BYTES, CHAT_OK } from "../../src/wire/mp1-chat.ts";

function drain(receiver: Mp1Receiver): readonly ReceiverOutput[] {
  const outputs: ReceiverOutput[] = [];
  for (let out = receiver.poll(); out !== undefined; out = receiver.poll()) outputs.push(out);
  return outputs;
}

function delivered(from: string, text: string): readonly unknown[] {
  return [
    { type: "message", message: { from, text } },
    { type: "confirm", bytes: CHAT_OK },
  ];
}

test("a short message is taken as it arrives: delivered first, then confirmed", () => {
  const receiver = new Mp1Receiver(0);
  receiver.received(1, encodeUtf8("ola hello there"));
  assert.deepEqual(drain(receiver), delivered("ola", "hello there"));
  assert.equal(receiver.nextDeadline(), undefined);
  receiver.received(2, encodeUtf8("more"));
  assert.deepEqual(drain(receiver), []);
});

test("what is longer than one segment may come in pieces: it is whole after a pause", () => {
  const receiver = new Mp1Receiver(0);
  const long = `ola ${"x".repeat(ONE_SEGMENT_BYTES)}`;
  receiver.received(1, encodeUtf8(long));
  assert.deepEqual(drain(receiver), []);
  assert.equal(receiver.nextDeadline(), 1 + RECEIVE_GRACE_MILLIS);
  receiver.received(30, encodeUtf8("yz"));
  receiver.advance(1 + RECEIVE_GRACE_MILLIS);
  assert.deepEqual(drain(receiver), []);
  receiver.advance(30 + RECEIVE_GRACE_MILLIS);
  assert.deepEqual(drain(receiver), delivered("ola", `${long.slice(4)}yz`));
});

test("a name alone is no message yet; the text may follow", () => {
  const receiver = new Mp1Receiver(0);
  receiver.received(1, encodeUtf8("ola "));
  assert.deepEqual(drain(receiver), []);
  receiver.received(500, encodeUtf8("hello"));
  receiver.advance(500 + RECEIVE_GRACE_MILLIS);
  assert.deepEqual(drain(receiver), delivered("ola", "hello"));
});

test("a character cut between two segments is put together", () => {
  const receiver = new Mp1Receiver(0);
  const bytes = encodeUtf8("ola 你好");
  receiver.received(1, bytes.subarray(0, bytes.length - 1));
  assert.deepEqual(drain(receiver), []);
  receiver.received(2, bytes.subarray(bytes.length - 1));
  receiver.ended();
  assert.deepEqual(drain(receiver), delivered("ola", "你好"));
});

test("too long, no message, too slow: dropped without an OK", () => {
  const long = new Mp1Receiver(0);
  long.received(1, new Uint8Array(CHAT_MESSAGE_BYTES + 1).fill(120));
  assert.deepEqual(drain(long), [{ type: "drop", why: "too-long" }]);
  const empty = new Mp1Receiver(0);
  empty.ended();
  assert.deepEqual(drain(empty), [{ type: "drop", why: "not-a-message" }]);
  const slow = new Mp1Receiver(0);
  slow.received(1, encodeUtf8("ola"));
  slow.advance(RECEIVE_LIMIT_MILLIS);
  assert.deepEqual(drain(slow), [{ type: "drop", why: "too-slow" }]);
});

test("one that trickles is cut off at the limit with what there is", () => {
  const receiver = new Mp1Receiver(0);
  receiver.received(1, encodeUtf8(`ola ${"x".repeat(ONE_SEGMENT_BYTES)}`));
  for (let now = 40; now < RECEIVE_LIMIT_MILLIS; now += 40) {
    receiver.advance(now);
    receiver.received(now, encodeUtf8("x"));
  }
  assert.deepEqual(drain(receiver), []);
  receiver.advance(RECEIVE_LIMIT_MILLIS);
  assert.deepEqual(
    drain(receiver).map((out) => out.type),
    ["message", "confirm"],
  );
});

test("never throws and always ends, whatever comes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 6 }), (chunks) => {
      const receiver = new Mp1Receiver(0);
      for (const chunk of chunks) receiver.received(1, chunk);
      receiver.advance(RECEIVE_LIMIT_MILLIS);
      const last = drain(receiver).at(-1)?.type;
      assert.ok(last === "confirm" || last === "drop");
    }),
  );
});
