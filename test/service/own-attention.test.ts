import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attention } from "../../src/chat/alerts.ts";
import { OwnAttention } from "../../src/service/own-attention.ts";

/** Which keys of a face the holder of the presence is told of. */

const LOOKING: Attention = { conversation: "@ola", isFocused: true, isActive: false };
const TYPING: Attention = { ...LOOKING, isActive: true };

function scene() {
  const state = { now: 0, isIdle: false };
  const told: string[] = [];
  const attention = new OwnAttention({
    clock: { now: () => state.now, wall: () => 0 },
    isIdle: () => state.isIdle,
    tell: ({ conversation, isFocused, isActive }) =>
      void told.push(`${conversation} ${isFocused ? "focused" : "blurred"} ${isActive ? "key" : "still"}`),
  });
  return { state, told, attention };
}

test("that keys are pressed is told every ten seconds, however many there are", () => {
  const { state, told, attention } = scene();
  for (state.now = 0; state.now < 20_000; state.now += 100) attention.attend(TYPING);
  assert.deepEqual(told, ["@ola focused key", "@ola focused key"]);
});

test("the first key of who was away is told at once", () => {
  const { state, told, attention } = scene();
  attention.attend(TYPING);
  Object.assign(state, { now: 1, isIdle: true });
  attention.attend(TYPING);
  assert.deepEqual(told, ["@ola focused key", "@ola focused key"]);
});

test("another conversation or focus is told at once, the same without a key is not", () => {
  const { told, attention } = scene();
  attention.attend(LOOKING);
  attention.attend(LOOKING);
  attention.attend({ ...LOOKING, isFocused: false });
  attention.attend({ ...LOOKING, conversation: "#den" });
  assert.deepEqual(told, ["@ola focused still", "@ola blurred still", "#den focused still"]);
});

test("a new holder is told what is on the screen, not of a key of before; with nothing on it, nothing", () => {
  const { told, attention } = scene();
  attention.again();
  assert.deepEqual(told, []);
  attention.attend(TYPING);
  attention.again();
  assert.deepEqual(told, ["@ola focused key", "@ola focused still"]);
});
