import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../src/base/text.ts";
import { Mp1Sender, SEND_LIMIT_MILLIS, type SenderOutput } from "../../src/peer/mp1-sender.ts";

const MESSAGE = encodeUtf8("ola hello");

function drain(sender: Mp1Sender): readonly SenderOutput[] {
  const outputs: SenderOutput[] = [];
  for (let out = sender.poll(); out !== undefined; out = sender.poll()) outputs.push(out);
  return outputs;
}

function failed(failure: string, sent: boolean): readonly unknown[] {
  return [{ type: "finish", outcome: { type: "failed", failure, sent } }];
}

function connected(): Mp1Sender {
  const sender = new Mp1Sender(0, MESSAGE);
  sender.connected(10);
  assert.deepEqual(drain(sender), [{ type: "write", bytes: MESSAGE }]);
  return sender;
}

test("a message is written whole on connecting and confirmed by OK, without waiting for the close", () => {
  const sender = connected();
  sender.received(encodeUtf8("OK"));
  assert.deepEqual(drain(sender), [{ type: "finish", outcome: { type: "confirmed" } }]);
  assert.equal(sender.nextDeadline(), undefined);
  sender.ended();
  sender.failed("ECONNRESET");
  assert.deepEqual(drain(sender), []);
});

test("an OK may come in two pieces, and with something behind it", () => {
  const sender = connected();
  sender.received(encodeUtf8("O"));
  assert.deepEqual(drain(sender), []);
  sender.received(encodeUtf8("K\n"));
  assert.deepEqual(drain(sender), [{ type: "finish", outcome: { type: "confirmed" } }]);
});

test("another answer and a close without one are not confirmations", () => {
  const wrong = connected();
  wrong.received(encodeUtf8("ERR"));
  assert.deepEqual(drain(wrong), failed("not-confirmed", true));
  const silent = connected();
  silent.ended();
  assert.deepEqual(drain(silent), failed("not-confirmed", true));
});

test("the system's codes become reasons", () => {
  const table: readonly [string, string][] = [
    ["ECONNREFUSED", "refused"],
    ["EHOSTUNREACH", "unreachable"],
    ["ENETUNREACH", "unreachable"],
    ["ETIMEDOUT", "timeout"],
    ["EMFILE", "system"],
  ];
  for (const [code, failure] of table) {
    const sender = new Mp1Sender(0, MESSAGE);
    sender.failed(code);
    assert.deepEqual(drain(sender), failed(failure, false), code);
  }
  const reset = connected();
  reset.failed("ECONNRESET");
  assert.deepEqual(drain(reset), failed("not-confirmed", true));
});

test("connecting and answering each have five seconds", () => {
  const connecting = new Mp1Sender(0, MESSAGE);
  connecting.advance(SEND_LIMIT_MILLIS - 1);
  assert.deepEqual(drain(connecting), []);
  connecting.advance(SEND_LIMIT_MILLIS);
  assert.deepEqual(drain(connecting), failed("timeout", false));
  const waiting = connected();
  assert.equal(waiting.nextDeadline(), 10 + SEND_LIMIT_MILLIS);
  waiting.advance(10 + SEND_LIMIT_MILLIS);
  assert.deepEqual(drain(waiting), failed("timeout", true));
});
