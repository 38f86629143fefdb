import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { nodeFlags } from "../support/node-flags.ts";

const SPARE = new URL("../../src/service/spare-memory.ts", import.meta.url).href;

/** A process of its own, so that nothing but what it does is in its memory. It prints MiB. */
const PROGRAM = `
import { dlopen } from "node:ffi";
import { openGiveBack } from ${JSON.stringify(SPARE)};
const giveBack = await openGiveBack();
const { functions: libc } = dlopen(null, {
  malloc: { arguments: ["u64"], return: "u64" },
  free: { arguments: ["u64"], return: "void" },
  memset: { arguments: ["u64", "i32", "u64"], return: "u64" },
});
const resident = () => process.memoryUsage.rss() / 1_048_576;
const atFirst = resident();
// As OpenSSL does: blocks too small to be mapped apart, and one behind them that stays.
const blocks = Array.from({ length: 10_000 }, () => libc.memset(libc.malloc(4_096n), 1, 4_096n));
libc.malloc(4_096n);
let clients = Array.from({ length: 300_000 }, (_, index) => ({ name: "client " + index, peers: [index] }));
const full = resident();
for (const block of blocks) libc.free(block);
clients = [];
giveBack();
console.log(JSON.stringify({ atFirst, full, after: resident() }));
`;

test("what V8 and the C library have free goes back to the system", () => {
  const flags = [...nodeFlags("multiprotod"), "--input-type=module", "--eval", PROGRAM];
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: "utf8" });
  assert.notEqual(stdout, "", stderr);
  const { atFirst, full, after } = JSON.parse(stdout) as Record<"atFirst" | "full" | "after", number>;
  assert.ok(full - atFirst > 80, `40 MiB of blocks and 50 of objects: ${stdout}`);
  assert.ok(after - atFirst < 20, `without either of the two 40 stay: ${stdout}`);
});
