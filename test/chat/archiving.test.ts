import assert from "node:assert/strict";
import { test } from "node:test";
import type { ArchiveChange } from "../../src/chat/archive.ts";
import { Archiving } from "../../src/chat/archiving.ts";
import type { ChatOutput } from "../../src/chat/events.ts";
import { id, received, sent } from "../contract/archive-store.ts";

const START = 1_000;

/** What it asks to be stored, by type. */
function begin() {
  const changes: ArchiveChange[] = [];
  const emit = (output: ChatOutput): void => {
    if (output.type === "archive") changes.push(output.change);
  };
  const archiving = new Archiving({ unixAt: (at) => at, retentionMillis: undefined, emit });
  return { archiving, taken: () => changes.splice(0).map(({ type }) => type) };
}

test("what was left unindexed by a process that was killed is indexed at the start", () => {
  const { archiving, taken } = begin();
  archiving.start(START);
  assert.deepEqual(taken(), ["prune", "index"]);
});

test("what is said is indexed a second after the first of it, once; nothing said, nothing to do", () => {
  const { archiving, taken } = begin();
  archiving.put(START, sent(1, "ola", "one"));
  assert.equal(archiving.nextDeadline(), START + 1_000);
  archiving.put(START + 900, received(2, "ola", "two"));
  archiving.advance(START + 999);
  assert.deepEqual(taken(), ["sent", "received"]);
  archiving.advance(START + 1_000);
  assert.deepEqual(taken(), ["index"]);
  assert.equal(archiving.nextDeadline(), undefined);
  archiving.put(START + 5_000, { type: "waiting", messageId: id(1) });
  assert.equal(archiving.nextDeadline(), undefined);
});

test("many messages, or a few long ones, are not left to that second", () => {
  const { archiving, taken } = begin();
  const indexed = (): number => taken().filter((type) => type === "index").length;
  for (let number = 1; number <= 511; number += 1) archiving.put(START, sent(number, "ola", "x"));
  assert.equal(indexed(), 0);
  archiving.put(START, sent(512, "ola", "x"));
  assert.equal(indexed(), 1);
  assert.equal(archiving.nextDeadline(), undefined);
  for (let number = 1; number <= 15; number += 1)
    archiving.put(START, received(number, "ola", "x".repeat(16_384)));
  assert.equal(indexed(), 0);
  archiving.put(START, received(16, "ola", "x".repeat(16_384)));
  assert.equal(indexed(), 1);
});

test("who leaves has it indexed before", () => {
  const { archiving, taken } = begin();
  archiving.leave(START);
  assert.deepEqual(taken(), []);
  archiving.put(START, sent(1, "ola", "one"));
  archiving.leave(START);
  assert.deepEqual(taken(), ["sent", "index"]);
});
