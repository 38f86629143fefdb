import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { numberedName, safeFileName } from "../../src/base/file-name.ts";

const TABLE: readonly [given: string, safe: string][] = [
  ["photo of us.jpg", "photo of us.jpg"],
  ["żółw 🐢.txt", "żółw 🐢.txt"],
  ["../../etc/passwd", "_.._etc_passwd"],
  ["..", "file"],
  [".", "file"],
  ["", "file"],
  ["   ", "file"],
  ["/", "_"],
  ["a/b\\c", "a_b_c"],
  ["a\0b\nc\x1b[2J", "a_b_c_[2J"],
  ["invoice\u202efdp.exe", "invoice_fdp.exe"],
  ["zero\u200bwidth", "zero_width"],
  [".bashrc", "bashrc"],
  ["...hidden", "hidden"],
  ["dots...", "dots"],
  ["-rf", "_rf"],
  ["CON", "_CON"],
  ["con.txt", "_con.txt"],
  ["COM1.log", "_COM1.log"],
  ["console.log", "console.log"],
  ['a:b*c?d"e<f>g|h', "a_b_c_d_e_f_g_h"],
  ["a  \t b", "a _ b"],
  ["\ud800half", "_half"],
];

for (const [given, safe] of TABLE)
  test(`${JSON.stringify(given)} is stored as ${JSON.stringify(safe)}`, () =>
    assert.equal(safeFileName(given), safe));

test("a long name is cut at a character and keeps its extension", () => {
  for (const [given, extension] of [
    [`${"x".repeat(5_000)}.tar.gz`, ".tar.gz"],
    [`${"🐢".repeat(300)}.jpg`, ".jpg"],
    ["ż".repeat(5_000), ""],
    [`a.${"y".repeat(5_000)}`, ""],
  ] as const) {
    const name = safeFileName(given);
    assert.ok(Buffer.byteLength(name) <= 200 && Buffer.byteLength(name) >= 190, name);
    assert.ok(name.endsWith(extension) && name.isWellFormed());
  }
});

test("whatever is given: one segment, visible, not hidden, bounded, and safe already", () => {
  const anything = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc.string({
      unit: fc.constantFrom(".", "/", "\\", " ", "-", "\0", "con", "🐢", "\u202e"),
      maxLength: 60,
    }),
  );
  fc.assert(
    fc.property(anything, (given) => {
      const name = safeFileName(given);
      assert.ok(name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name) && !/^[.-]/.test(name));
      assert.doesNotMatch(name, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      assert.ok(Buffer.byteLength(numberedName(name, 1_000)) <= 255);
      assert.equal(safeFileName(name), name);
    }),
  );
});

test("numbers stand before the extension", () => {
  assert.equal(numberedName("a.txt", 1), "a.txt");
  assert.equal(numberedName("a.txt", 2), "a (2).txt");
  assert.equal(numberedName("a.tar.gz", 3), "a (3).tar.gz");
  assert.equal(numberedName("README", 2), "README (2)");
  assert.equal(numberedName("v1.2 notes", 2), "v1.2 notes (2)");
});
