import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import { Mp2Client, UNIX } from "./mp2-client.ts";

const LIMIT = 600_000;
const LUNCH = "at lunch" as StatusText;

/** What the registry is told of us since the last look. */
function told(adam: Mp2Client): readonly unknown[] {
  return adam
    .fromClient()
    .flatMap((message) => (message.type === "status" ? [[message.away, message.status]] : []));
}

function idle(adam: Mp2Client): readonly boolean[] {
  return adam.notices().flatMap((notice) => (notice.type === "idle" ? [notice.isIdle] : []));
}

function idleClient(): Mp2Client {
  return new Mp2Client({ autoAwayMillis: LIMIT }).online();
}

/** Without what the registry would have said meanwhile. */
function later(adam: Mp2Client, millis: number): void {
  adam.now += millis;
  adam.client.advance(adam.now);
}

test("without a key for so long we are away, with what we said of ourselves; the next key ends it", () => {
  const adam = idleClient();
  adam.client.setStatus(adam.now, false, LUNCH);
  told(adam);
  later(adam, LIMIT / 2);
  adam.client.active(adam.now);
  later(adam, LIMIT - 1);
  assert.deepEqual(idle(adam), []);
  later(adam, 1);
  assert.deepEqual(idle(adam), [true]);
  assert.deepEqual([adam.client.snapshot().away, adam.client.snapshot().isIdle], [true, true]);
  adam.client.active(adam.now);
  assert.deepEqual(idle(adam), [false]);
  assert.deepEqual([adam.client.snapshot().away, adam.client.snapshot().status], [false, LUNCH]);
  adam.client.active(adam.now);
  assert.deepEqual(idle(adam), [], "told once");
});

test("who said to be away stays away, whatever keys are pressed, and is not idle beside that", () => {
  const adam = idleClient();
  adam.client.setStatus(adam.now, true, LUNCH);
  later(adam, 2 * LIMIT);
  adam.client.active(adam.now);
  assert.deepEqual(idle(adam), []);
  assert.deepEqual([adam.client.snapshot().away, adam.client.snapshot().isIdle], [true, false]);
});

test("who says to be away while idle is so by word", () => {
  const adam = idleClient();
  later(adam, LIMIT);
  adam.client.setStatus(adam.now, true, LUNCH);
  adam.client.active(adam.now);
  assert.deepEqual([adam.client.snapshot().away, adam.client.snapshot().isIdle], [true, false]);
});

test("never is never", () => {
  const adam = new Mp2Client().online();
  later(adam, 100 * LIMIT);
  assert.equal(adam.client.snapshot().away, false);
});

test("do not disturb ends by itself, by word, or is over before it begins; others do not learn of it", () => {
  const adam = new Mp2Client().online();
  told(adam);
  const quiet = (): readonly unknown[] =>
    adam.notices().flatMap((notice) => (notice.type === "quiet" ? [notice.until] : []));
  const until = UNIX + adam.now + 30_000;
  adam.client.setQuiet(adam.now, until);
  assert.equal(adam.client.snapshot().quietUntil, until);
  adam.pass(29_999);
  assert.deepEqual(quiet(), [until]);
  adam.pass(1);
  assert.deepEqual(quiet(), [undefined]);
  adam.client.setQuiet(adam.now, UNIX + adam.now + 30_000);
  adam.client.setQuiet(adam.now, undefined);
  adam.client.setQuiet(adam.now, UNIX - 1);
  assert.equal(adam.client.snapshot().quietUntil, undefined);
  assert.deepEqual(told(adam), []);
});
