import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { fingerprintText } from "../../src/base/fingerprint.ts";
import type { MessageId } from "../../src/wire/mp2-values.ts";
import { nickname } from "../chat/virtual-client.ts";
import { MemoryArchive } from "./memory-archive.ts";
import {
  AT,
  DOWN,
  ESCAPE,
  message,
  OWN,
  PAGE_DOWN,
  PAGE_UP,
  peer,
  ScreenScene,
  THEIRS,
  UP,
} from "./screen-scene.ts";

/** Keys and notices in, what stands on the screen out. */

const FIRST = "1".padStart(32, "e") as MessageId;

function isAsked(scene: ScreenScene, what: string): boolean {
  return scene.asked.includes(what);
}

test("a newcomer is told what happens, who is here, and what to type", () => {
  const scene = new ScreenScene();
  scene.hasRegistry = false;
  scene.hear({ type: "searching" });
  assert.match(scene.screen, /Looking for a registry: the machine/);
  assert.match(scene.screen, /looking for a registry by multicast on eth0/);
  scene.hasRegistry = true;
  assert.match(scene.screen, /You are online as adam, and nobody else is there yet/);
  scene.roster = [peer("ola")];
  assert.match(scene.screen, /▸ ● ola +online +known key/);
  assert.match(scene.screen, /Type a message and press Enter: it goes to ola/);
  scene.type("hello\r");
  assert.ok(isAsked(scene, "send ola hello"));
  assert.match(scene.screen, /12:00 you +hello …$/m);
});

test("with several people none is addressed before one is chosen, and what was typed stays", () => {
  const scene = new ScreenScene({ roster: [peer("ola"), peer("bob")] });
  scene.type("hello\r");
  assert.match(scene.screen, /to whom\?/);
  assert.match(scene.screen, /^> hello$/m);
  scene.type("\x15", DOWN, DOWN);
  assert.match(scene.screen, /▸ ● bob/);
  scene.type("hello\r");
  assert.deepEqual(
    scene.asked.filter((what) => what.startsWith("send")),
    ["send bob hello"],
  );
});

test("quit alone is asked about, stays in the input, and goes when Enter says so again", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  scene.type("quit\r");
  assert.match(scene.screen, /not sent: \/quit leaves/);
  assert.match(scene.screen, /> quit$/m);
  assert.ok(!isAsked(scene, "send ola quit"));
  scene.type("\r");
  assert.deepEqual(
    scene.asked.filter((each) => each.startsWith("send")),
    ["send ola quit"],
  );
});

test("marks: on its way, delivered, read, waiting in words, failed with the reason", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  scene.type("one\r");
  const to = "ola";
  scene.hear({ type: "delivered", messageId: FIRST, to, text: "one" });
  assert.match(scene.screen, /you +one ✓$/m);
  scene.hear({ type: "read", messageId: FIRST, to, text: "one" });
  assert.match(scene.screen, /you +one ✓✓$/m);
  scene.type("two\r");
  const second = "2".padStart(32, "e") as MessageId;
  const none = { destination: undefined, partsDelivered: 0, parts: 1, uncertain: false, waited: false };
  scene.hear({
    type: "undelivered",
    message: { messageId: second, to, text: "two", why: "offline", ...none },
  });
  assert.match(scene.screen, /you +two ✗\n +not delivered: ola went offline/);
  const archive = new MemoryArchive();
  archive.outgoing("ola", "later", { state: "waiting" });
  const kept = new ScreenScene({ roster: [peer("ola", { state: "offline", online: false })], archive });
  kept.type("\x1b1");
  assert.match(kept.screen, /later ◷ waiting\n +kept for ola: it goes out when both of you are here/);
});

test("what another program of the user sends is shown here as well", () => {
  const archive = new MemoryArchive();
  archive.outgoing("ola", "before");
  const scene = new ScreenScene({ roster: [peer("ola")], archive });
  scene.type("\x1b1");
  archive.outgoing("ola", "by a script");
  const messageId = archive.conversations()[0]?.last.messageId;
  assert.ok(messageId !== undefined);
  const notice = { type: "delivered", messageId, to: "ola", text: "by a script" } as const;
  scene.hear(notice);
  scene.hear(notice);
  assert.match(scene.screen, /you +before.*\n.*you +by a script ✓\n(?!.*by a script)/s);
});

test("what comes while nothing is typed opens; while something is, it is counted and a key shows it", () => {
  const scene = new ScreenScene({ roster: [peer("ola"), peer("bob")] });
  scene.hear(message("ola", "good morning"));
  assert.match(scene.screen, /\[1 ola \(1 new\)\]/);
  assert.match(scene.screen, / new ─+\n.*ola +good morning/);
  assert.ok(!scene.asked.some((what) => what.startsWith("read")), "nobody was at the keyboard");
  scene.type("x");
  assert.ok(isAsked(scene, "read ola 1"));
  scene.hear(message("bob", "hey"), message("bob", "you there?"));
  assert.match(scene.screen, /2 bob \(2 new\)/);
  assert.match(scene.screen, /2 new elsewhere · Alt-A/);
  assert.match(scene.screen, /^to ola> x$/m);
  scene.type("\x1ba");
  assert.match(scene.screen, / new ─+\n.*bob +hey\n.*bob +you there\?/);
  assert.match(scene.screen, /^to bob>$/m);
  scene.type("\x1b1");
  assert.match(scene.screen, /^to ola> x$/m, "what was being typed waits in its conversation");
  assert.ok(isAsked(scene, "read bob 2"));
});

test("several lines: Ctrl-J and Alt-Enter, a paste as it is, sent as one message", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  scene.type("first\nsecond\x1b\rthird");
  assert.match(scene.screen, /^to ola> first\n {8}second\n {8}third$/m);
  scene.type(UP, UP, "X");
  assert.match(scene.screen, /firstX/);
  scene.type("\x03", "\x1b[200~if (a) {\r\n\tb();\r\n}\r\n\x1b[201~");
  assert.match(scene.screen, /^to ola> if \(a\) \{\n {8} {4}b\(\);\n {8}\}$/m);
  assert.deepEqual(
    scene.asked.filter((what) => what.startsWith("send")),
    [],
  );
  scene.type("\r");
  assert.ok(isAsked(scene, "send ola if (a) {\n    b();\n}"));
  assert.match(scene.screen, /you +if \(a\) \{\n +b\(\);\n +\} …/);
  scene.type(UP);
  assert.match(scene.screen, /^to ola> if \(a\) \{/m);
});

test("scrolls through all that was said, with a bounded part of it in memory", () => {
  const archive = new MemoryArchive();
  for (let number = 1; number <= 5_000; number += 1) archive.incoming("ola", `message ${number}.`);
  const scene = new ScreenScene({ roster: [peer("ola")], archive }).type("\x1b1");
  assert.match(scene.screen, /message 5000\./);
  let pages = 0;
  while (!scene.screen.includes("message 1.")) {
    scene.type(PAGE_UP);
    pages += 1;
    assert.ok(pages < 400);
  }
  assert.match(scene.screen, /older messages · Ctrl-End: newest/);
  assert.match(scene.screen, /Sun 1 Nov 2026/);
  const seen: number[] = [];
  for (let page = 0; page < pages; page += 1) {
    for (const [, number] of scene.screen.matchAll(/message (\d+)\./g)) seen.push(Number(number));
    scene.type(PAGE_DOWN);
  }
  assert.equal(new Set(seen).size >= 4_980, true, "each was shown on the way down");
  scene.type("\x1b>");
  assert.match(scene.screen, /message 5000\./);
  scene.hear(message("ola", "news"));
  assert.match(scene.screen, /ola +news/);
  scene.type(PAGE_UP);
  scene.hear(message("ola", "does not move what is read"));
  assert.doesNotMatch(scene.screen, /does not move/);
});

test("search finds in everything that was said, and shows it where it was said", () => {
  const archive = new MemoryArchive();
  for (let number = 1; number <= 900; number += 1) archive.incoming("ola", `message ${number}.`);
  archive.incoming("ola", "the password of the printer is on its back");
  for (let number = 1; number <= 900; number += 1) archive.outgoing("bob", `to bob ${number}.`);
  const scene = new ScreenScene({ roster: [peer("ola"), peer("bob")], archive });
  scene.type("\x06", "printer pass");
  assert.match(scene.screen, /▸ \d+ Nov 2026 \d\d:\d\d +ola +the password of the printer/);
  scene.type("\r");
  assert.match(scene.screen, /▸\d\d:\d\d ola +the password of the printer/);
  assert.match(scene.screen, /message 900\./);
  scene.type("\x06", "zebra");
  assert.match(scene.screen, /nothing found/);
  scene.type(ESCAPE);
  assert.match(scene.screen, /^to ola>$/m);
});

test("an answer quotes what it answers, on both sides", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  scene.hear(message("ola", "one?"), message("ola", "two?"));
  scene.type("\x1br", "\x1br", "yes, one\r");
  const [sent = ""] = scene.asked.filter((what) => what.startsWith("send"));
  const [, id] = /^send ola yes, one \(to (\w{32})\)$/.exec(sent) ?? [];
  assert.match(scene.screen, /you +↳ ola: one\?\n +yes, one …/);
  assert.ok(id !== undefined);
  scene.hear(message("ola", "thanks", { reply: FIRST }));
  assert.match(scene.screen, /ola +↳ you: yes, one\n +thanks/);
  scene.hear(message("ola", "what?", { reply: "9".repeat(32) as MessageId }));
  assert.match(scene.screen, /↳ a message that is not here/);
});

test("a warning stays until somebody says to have read it, with words that need no colour", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  const changed = {
    type: "peer-changed",
    nickname: nickname("ola"),
    address: "10.0.0.9",
    proved: true,
  } as const;
  scene.hear({ ...changed, pinned: THEIRS, offered: OWN });
  scene.type("typing goes on");
  for (const what of [
    /!!! WARNING: whoever is at 10\.0\.0\.9/,
    /ANOTHER KEY/,
    /!!! Esc: I have read this/,
    /typing goes on/,
  ])
    assert.match(scene.screen, what);
  scene.type("\x1b1", "\x10", "\x0e");
  assert.match(scene.screen, /!!! WARNING/);
  scene.type(ESCAPE);
  assert.doesNotMatch(scene.screen, /I have read this/);
});

test("/verify shows both keys to be read aloud", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  scene.type("/verify ola\r");
  assert.ok(scene.screen.includes(`you:  ${fingerprintText(OWN)}`));
  assert.ok(scene.screen.includes(`ola:  ${fingerprintText(THEIRS)}`));
  assert.match(scene.screen, /by telephone or face to face/);
  scene.type(ESCAPE, "/trust accept ola\r");
  assert.ok(isAsked(scene, "accept ola"));
});

test("a nickname that is taken is asked for, and what was being typed comes back", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  scene.type("half a text");
  const refusal = { code: "nickname-taken", text: "taken", suggestion: "adam~2" } as const;
  scene.hear({ type: "refused", nickname: nickname("adam"), refusal, next: "ask" });
  assert.match(scene.screen, /^another nickname \[adam~2\]:/m);
  scene.type("a b\r");
  assert.match(scene.screen, /no white space/);
  scene.type("\x15", "eve\r");
  assert.ok(isAsked(scene, "rename eve"));
  assert.match(scene.screen, /^to ola> half a text$/m);
});

test("typing is told and seen, in words; leaving needs Ctrl-C twice, or Ctrl-D on an empty input", () => {
  const scene = new ScreenScene({ roster: [peer("ola")] });
  scene.type("h");
  assert.ok(isAsked(scene, "writing ola"));
  scene.hear({ type: "typing", from: nickname("ola"), active: true });
  assert.match(scene.screen, /ola is writing …/);
  scene.model.close();
  scene.type("\x04");
  assert.ok(!isAsked(scene, "leave"));
  scene.type("\x03");
  assert.match(scene.screen, /Ctrl-C again leaves/);
  scene.clock.at += 3_000;
  scene.type("\x03");
  assert.ok(!isAsked(scene, "leave"));
  scene.type("\x03");
  assert.ok(isAsked(scene, "leave"));
});

test("help is made of the tables that the keys and commands are looked up in", () => {
  const scene = new ScreenScene({ size: { columns: 100, rows: 80 } });
  scene.type("\x1bOP");
  for (const what of [
    /Alt-Enter, Ctrl-J +a new line/,
    /Ctrl-F +search/,
    /\/verify NAME +your key/,
    /✓✓ +somebody was at/,
  ])
    assert.match(scene.screen, what);
});

test("people: state, reason, last seen, trust and status in words at 200 columns", () => {
  const roster = [
    peer("ola", { trust: "verified", state: "away", status: "back at 3" }),
    peer("kari", { trust: "unverified", fingerprint: undefined, kind: "mp1" }),
    peer("per", { trust: "changed" }),
    peer("tom", { state: "offline", online: false, reason: "left", lastSeen: AT - 3_600_000 }),
  ];
  const scene = new ScreenScene({ roster, size: { columns: 200, rows: 60 } });
  for (const what of [
    /◐ ola +away +verified +“back at 3”/,
    /● kari\* +online +unverified/,
    /● per\(!\) +online +OTHER KEY/,
    /○ tom +offline since 11:00 \(left\)/,
    /│ ◐ ola +“back at 3”$/m,
    /│ ○ tom +seen 11:00$/m,
  ])
    assert.match(scene.screen, what);
});

test("any size, with 500 people and hostile names and texts, gives a whole screen", () => {
  const roster = Array.from({ length: 500 }, (_, index) => peer(`p${index}`, { status: "\u202e[2J👩‍💻" }));
  const scene = new ScreenScene({ roster });
  scene.hear(message("p1", `\x1b[2J\x1b]0;owned\x07${"z\u0335\u0336\u0337\u0338\u0339".repeat(50)}`));
  scene.hear(message("p1", "x".repeat(16_384)), message("p1", "\n".repeat(500)), message("p1", "שלום 你好"));
  const alarm = {
    type: "peer-changed",
    nickname: nickname("p2"),
    address: "10.0.0.9",
    proved: true,
  } as const;
  scene.hear({ ...alarm, pinned: THEIRS, offered: undefined });
  for (const [columns, rows] of [
    [80, 24],
    [200, 60],
    [20, 6],
    [1, 1],
    [100, 10],
    [130, 7],
    [300, 100],
  ] as const) {
    scene.resize(columns, rows);
    for (const keys of ["\x1b0", "\x1b1", PAGE_UP, "\x1bOP", "\x1bOP", "\x06", "\x1b", "\x1b>"]) {
      scene.type(keys);
      const painted = stripVTControlCharacters(scene.painted);
      assert.doesNotMatch(painted.replace(/\n/g, ""), /(?!\u200D)[\p{Cc}\p{Cf}]/u, `${columns}x${rows}`);
      assert.ok(scene.rows.length > 0);
    }
  }
});

test("another program goes on: what the last one stored and told nobody is shown, once", () => {
  const archive = new MemoryArchive();
  archive.incoming("ola", "one");
  const scene = new ScreenScene({ roster: [peer("ola"), peer("bob")], archive });
  scene.type("\x1b1");
  const two = archive.incoming("ola", "two", { state: "unread" });
  archive.incoming("bob", "three", { state: "unread" });
  for (let count = 0; count < 2; count += 1) scene.hear({ type: "presence-moved", here: true });
  assert.equal(scene.screen.match(/ola +two$/gm)?.length, 1);
  assert.match(scene.screen, /bob \(1 new\)/);
  assert.match(scene.screen, /the program that held your presence has ended; this one goes on/);
  // It had been told all the same.
  if (two.messageId !== undefined) scene.hear(message("ola", "two", { messageId: two.messageId }));
  assert.equal(scene.screen.match(/ola +two$/gm)?.length, 1);
  scene.type("\x1b2");
  assert.match(scene.screen, /bob +three/);
});
