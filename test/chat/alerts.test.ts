import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AlertChoice,
  Attentions,
  alertFor,
  callOf,
  conversationOf,
  DEFAULT_ALERTS,
  isMentioned,
} from "../../src/chat/alerts.ts";
import type { Transfer } from "../../src/chat/files/transfer.ts";
import type { ReceivedMessage } from "../../src/chat/notices.ts";
import type { RoomName } from "../../src/wire/mp2-values.ts";
import { nickname } from "./virtual-client.ts";

function message(text: string, room?: string): ReceivedMessage {
  const unknown = { messageId: undefined, time: undefined, fingerprint: undefined };
  const about = { from: nickname("ola"), address: "10.0.0.2", text, standing: "pinned", ...unknown } as const;
  return room === undefined ? about : { ...about, room: room as RoomName };
}

test("a nickname is mentioned as a word, however it is written", () => {
  for (const text of [
    "ola",
    "Ola: hi",
    "hi, OLA!",
    "(ola)",
    "@ola",
    "@OLA",
    "ola's",
    "ｏｌａ",
    "x ola-ola",
    "hi 👍ola",
  ])
    assert.equal(isMentioned(text, "ola"), true, text);
  for (const text of ["", "cola", "olaf", "ola_2", "ola7", "o la", "olá", "ola\u0301", "𝕏ola"])
    assert.equal(isMentioned(text, "ola"), false, text);
  assert.equal(isMentioned("olaf and ola", "ola"), true, "not only the first one");
  assert.equal(isMentioned("hei åse", "Åse"), true);
  assert.equal(isMentioned("anything", ""), false);
});

test("what is looked through is linear in the text", () => {
  const began = performance.now();
  assert.equal(isMentioned("a".repeat(65_536), "aaaa"), false);
  assert.ok(performance.now() - began < 1_000);
});

test("what calls the user: to us alone, with our name, or all; bell and desktop each as it is set", () => {
  const cases: readonly [AlertChoice, boolean, string][] = [
    ["private-and-mentions", true, "private nb, room -, mention nb"],
    ["private-and-mentions", false, "private n, room -, mention n"],
    ["all", true, "private nb, room nb, mention nb"],
    ["none", true, "private b, room -, mention b"],
    ["none", false, "private -, room -, mention -"],
  ];
  for (const [notify, bell, wanted] of cases) {
    const mark = (of: ReceivedMessage): string => {
      const alert = alertFor({ type: "message", message: of }, "adam", { notify, bell });
      return `${alert.notify ? "n" : ""}${alert.bell ? "b" : ""}` || "-";
    };
    const said = [message("hi"), message("hi", "lab"), message("adam: hi", "lab")].map(mark);
    assert.equal(`private ${said[0]}, room ${said[1]}, mention ${said[2]}`, wanted);
  }
});

test("a file that is offered calls as what is said to us alone; what becomes of it, and our own, do not", () => {
  const transfer: Transfer = {
    ...{ id: "0".repeat(32) as Transfer["id"], peer: "ola", name: "a.jpg", size: 5, time: 1, path: "" },
    ...{
      direction: "in",
      why: undefined,
      fingerprint: undefined,
      state: "offered",
      bytes: 0,
      bytesPerSecond: 0,
    },
  };
  const call = callOf({ type: "file", transfer, change: "offered" });
  assert.deepEqual(call, { type: "file", transfer });
  assert.ok(call);
  assert.deepEqual(alertFor(call, "adam", DEFAULT_ALERTS), { bell: true, notify: true });
  assert.deepEqual(alertFor(call, "adam", { bell: true, notify: "none" }), { bell: true, notify: false });
  assert.equal(conversationOf(call), "@ola");
  assert.equal(callOf({ type: "file", transfer, change: "done" }), undefined);
  const ours = { ...transfer, direction: "out" } as const;
  assert.equal(callOf({ type: "file", transfer: ours, change: "offered" }), undefined);
});

test("what somebody sees calls nobody; else it is the face where the last key was pressed", () => {
  const faces = new Attentions<string>();
  assert.equal(faces.latest(), undefined);
  faces.attend(1, "first", { conversation: "@ola", isFocused: true, isActive: true });
  faces.attend(2, "second", { conversation: undefined, isFocused: true, isActive: true });
  faces.attend(3, "first", { conversation: "@ola", isFocused: true, isActive: false });
  assert.equal(faces.latest(), "second");
  assert.deepEqual([faces.isSeen("@ola"), faces.isSeen("#lab")], [true, false]);
  faces.attend(4, "first", { conversation: "@ola", isFocused: false, isActive: false });
  assert.equal(faces.isSeen("@ola"), false, "on a screen that nobody looks at");
  faces.gone("second");
  assert.equal(faces.latest(), "first");
});
