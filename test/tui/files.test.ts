import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseCommand } from "../../src/chat/commands.ts";
import type { Transfer, TransferChange, TransferWhy } from "../../src/chat/files/transfer.ts";
import { FileAnswers } from "../../src/tui/file-answers.ts";
import { complete } from "../../src/tui/line-complete.ts";
import { pathsFrom } from "../../src/tui/path-complete.ts";
import { fileLines, sizeText, stateText, whyText } from "../../src/tui/wording-files.ts";
import type { TransferId } from "../../src/wire/mp2-files.ts";
import { scratchDirectory } from "../support/chat-shell.ts";
import { AT, ScreenScene, THEIRS } from "./screen-scene.ts";

function transfer(number: number, change: Partial<Transfer> = {}): Transfer {
  return {
    ...{
      id: number.toString(16).padStart(32, "0") as TransferId,
      direction: "in",
      peer: "ola",
      fingerprint: THEIRS,
    },
    ...{ name: "photo.jpg", size: 3_000_000, time: AT + number, path: "", why: undefined, state: "offered" },
    ...{ bytes: 0, bytesPerSecond: 0, ...change },
  };
}

const text = (file: Transfer, change: TransferChange): string =>
  fileLines(file, change, 1)
    .map((line) => line.text)
    .join("\n");

test("commands about files: what is typed, and what it means", () => {
  for (const [typed, wanted] of [
    ["/send-file ola a.txt", { type: "send-file", to: "ola", path: "a.txt" }],
    ["/send-file ola my holiday.jpg", { type: "send-file", to: "ola", path: "my holiday.jpg" }],
    ["/send-file ola 'my holiday.jpg'", { type: "send-file", to: "ola", path: "my holiday.jpg" }],
    ["/send-file ola my\\ holiday.jpg", { type: "send-file", to: "ola", path: "my holiday.jpg" }],
    ["/send-file ~/a.txt", { type: "send-file", to: undefined, path: "~/a.txt" }],
    ['/send-file "/tmp/a b"', { type: "send-file", to: undefined, path: "/tmp/a b" }],
    ["/files", { type: "files" }],
    ["/accept", { type: "file", action: "accept", number: undefined }],
    ["/pause 12", { type: "file", action: "pause", number: 12 }],
  ] as const)
    assert.deepEqual(parseCommand(typed), wanted, typed);
  for (const wrong of ["/send-file", "/send-file ola", "/accept x", "/accept 0", "/accept 1234567"])
    assert.equal(parseCommand(wrong).type, "wrong", wrong);
  // They are words of people, too.
  assert.equal(parseCommand("accept").type, "say");
});

test("an offer says what to do; every reason is a sentence; hostile names are escaped", () => {
  assert.equal(
    text(transfer(1), "offered"),
    "ola wants to send you photo.jpg (2.9 MiB). To take it: /accept 1, else: /refuse 1",
  );
  const hostile = transfer(1, { name: "a\u001b[2J\u202e.jpg", peer: "o\u001bla" as never });
  for (const change of ["offered", "done", "refused", "failed", "paused", "cancelled"] as const)
    assert.doesNotMatch(text(hostile, change), /[\p{Cc}\p{Cf}]/u, change);
  const whys: readonly TransferWhy[] = [
    "unknown-name",
    "not-found",
    "changed",
    "corrupt",
    "storage",
    "too-many",
  ];
  for (const why of whys)
    for (const direction of ["in", "out"] as const)
      assert.ok(whyText(transfer(1, { why, direction, path: "/a" })).length > 10, why);
});

test("how far it is, how fast, and how long it takes", () => {
  const running = (bytes: number, bytesPerSecond: number, size = 3_000_000): string =>
    stateText(transfer(1, { state: "running", bytes, bytesPerSecond, size }));
  assert.equal(running(0, 0), "0 %");
  assert.equal(running(1_500_000, 1_048_576), "50 % at 1.0 MiB/s, 2 s left");
  assert.equal(running(0, 10_000, 3_000_000), "0 % at 9.8 KiB/s, 5:00 min left");
  assert.equal(running(0, 1, 30_000), "0 % at 1 bytes/s, 8:20 h left");
  assert.equal(running(0, 0, 0), "100 %");
  assert.deepEqual([0, 1_023, 1_024, 1_048_575, 2 ** 50].map(sizeText), [
    "0 bytes",
    "1023 bytes",
    "1.0 KiB",
    "1.0 MiB",
    "1024.0 TiB",
  ]);
});

function answers(...files: readonly Transfer[]) {
  const asked: string[] = [];
  const made = new FileAnswers({
    files,
    sendFile: (to, path) => {
      asked.push(`send ${to} ${path}`);
      return transfer(99).id;
    },
    changeFile: (id, action) => void asked.push(`${action} ${Number.parseInt(id, 16)}`),
  });
  const enter = (typed: string, partner?: string): string => {
    const command = parseCommand(typed);
    if (command.type !== "send-file" && command.type !== "files" && command.type !== "file")
      throw new Error(typed);
    return made
      .to(command, partner)
      .map((line) => line.text)
      .join("\n");
  };
  for (const { id } of files) made.numberOf(id);
  return { asked, enter };
}

test("without a number the only file is meant that can be; of several it is asked which", () => {
  const one = answers(transfer(1), transfer(2, { direction: "out", state: "running" }));
  assert.equal(one.enter("/accept"), "");
  assert.equal(one.enter("/pause"), "");
  assert.deepEqual(one.asked, ["accept 1", "pause 2"]);
  assert.match(one.enter("/resume"), /there is no file to resume/);
  assert.match(one.enter("/accept 2"), /there is no file 2 to accept/);
  const two = answers(transfer(1), transfer(2));
  assert.match(two.enter("/accept"), /which\? \/accept N\n +1 {2}photo\.jpg .*\n +2 {2}photo/);
  two.enter("/refuse 2");
  assert.deepEqual(two.asked, ["refuse 2"]);
});

test("a file goes to whom one talks to, by an absolute path; not to a room, not to nobody", () => {
  const { asked, enter } = answers();
  enter("/send-file ./a.txt", "ola");
  enter("/send-file eva b.txt", "ola");
  assert.deepEqual(asked, [`send ola ${process.cwd()}/a.txt`, `send eva ${process.cwd()}/b.txt`]);
  assert.match(enter("/send-file ./a.txt"), /^to whom\?/);
  assert.match(enter("/send-file ./a.txt", "#lab"), /to one person/);
  assert.match(enter("/files"), /^no files/);
});

test("Tab completes the name, then the path, folders with a slash", (t) => {
  const directory = scratchDirectory(t);
  mkdirSync(join(directory, "letters"));
  for (const name of ["report 1.txt", "report 2.txt", ".hidden"]) writeFileSync(join(directory, name), "");
  const tab = (before: string) => complete(before, ["ola"], pathsFrom);
  assert.equal(tab("/send-file o").before, "/send-file ola ");
  assert.equal(tab(`/send-file ola ${directory}/l`).before, `/send-file ola ${directory}/letters/`);
  assert.equal(tab(`/send-file ${directory}/rep`).before, `/send-file ${directory}/report `);
  assert.equal(tab(`/send-file ola ${directory}/`).candidates.length, 3);
  assert.equal(
    tab(`/send-file ola ${directory}/report 1`).before,
    `/send-file ola ${directory}/report 1.txt`,
  );
  assert.deepEqual(tab("/send-file ola /nowhere/at/all/x").candidates, []);
});

test("on the full screen a file stands in its place, with a bar that grows, and opens who offers it", () => {
  const scene = new ScreenScene();
  const hear = (file: Transfer, change: TransferChange): void => {
    scene.files = [file];
    scene.hear({ type: "file", transfer: file, change });
  };
  hear(transfer(1), "offered");
  assert.match(scene.screen, /\d\d:\d\d file 1 from ola: photo\.jpg, 2\.9 MiB/);
  assert.match(scene.screen, /to take it: \/accept 1, else: \/refuse 1/);
  hear(transfer(1, { state: "running", bytes: 1_500_000, bytesPerSecond: 1_048_576 }), "progress");
  assert.match(scene.screen, /\[##########-{10}\] 50 % at 1\.0 MiB\/s, 2 s left/);
  hear(transfer(1, { state: "paused", why: "disk-full", bytes: 1_500_000 }), "paused");
  assert.match(
    scene.screen,
    /paused at 50 %: there is not enough room on the\n +disk \(free some, then: \/resume\)/,
  );
  hear(transfer(1, { state: "done", path: "/home/adam/Downloads/photo.jpg", bytes: 3_000_000 }), "done");
  assert.match(scene.screen, /✓ \/home\/adam\/Downloads\/photo\.jpg/);
  assert.equal(scene.screen.match(/photo\.jpg, 2\.9 MiB/g)?.length, 1, "one entry");
  for (const columns of [20, 40, 80, 200]) {
    scene.resize(columns, 24);
    assert.equal(scene.rows.length, 24);
  }
});

test("a hostile file name tears no screen", () => {
  const scene = new ScreenScene();
  for (const name of ["a\u001b[2J", "\u202eabc", "家".repeat(80), "e\u0301".repeat(100), "x".repeat(200)])
    scene.hear({ type: "file", transfer: transfer(name.length, { name }), change: "offered" });
  for (const row of scene.rows) assert.doesNotMatch(row, /[\p{Cc}\p{Cf}]/u);
});
