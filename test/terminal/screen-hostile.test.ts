import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";

/** What a stranger sends, and a key that is another one: on the full screen of the real program. */

async function meeting(t: TestContext): Promise<{ people: People; registry: Registry }> {
  const registry = await Registry.start({ realm: "office" });
  const people = new People(registry);
  t.after(async () => {
    await people.dispose();
    await registry.dispose();
  });
  return { people, registry };
}

/** Says something by mp1, as anybody on the network can. */
function say(to: { address: string; port: number }, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(to.port + 1, to.address, () => socket.write(bytes));
    socket.resume();
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
}

test("hostile text is shown and does nothing, at 80x24 and after a resize to 200x60", async (t) => {
  const { people, registry } = await meeting(t);
  const zoe = await people.screen("zoe");
  await zoe.shows("You are online as zoe");
  const { stdout } = await registry.run("--nick", "eye", "list", "--json").finished;
  const [at] = JSON.parse(stdout).clients;
  await zoe.type("do not touch");
  await zoe.shows("do not touch");
  await say(at, "evil \u001b[2J\u001b[H\u001b]0;owned\u0007\u001b[31mred \u202erevo\u202c \u009b2J");
  await say(at, `evil ${"z\u0335\u0336\u0337\u0338\u0339\u033a\u033b".repeat(20)} zalgo`);
  await say(at, `evil ${"w".repeat(900)}`);
  await say(at, "evil \u202e\u2066שלום عليكم\u2069 👩‍💻 ❤️ 🇳🇴 你好 rtl");
  await zoe.shows("4 new elsewhere");
  await zoe.shows(/> do not touch$/m);
  await zoe.keys("M-1");
  const screen = await zoe.shows("rtl");
  assert.match(screen, /^── evil.* ─+$/m);
  await zoe.shows(/w{40}\n +w{40}/);
  await zoe.resize(200, 60);
  await zoe.shows("│ 0 online, 1 offline");
  // Rows are drawn from the top.
  const wide = await zoe.shows(
    /\\x1b\[2J\\x1b\[H\\x1b\]0;owned\\x07\\x1b\[31mred \\u\{202e\}revo\\u\{202c\} \\x9b2J[\s\S]*^to evil>/m,
  );
  assert.match(wide, /evil\(\?\) +\\x1b/);
  assert.match(wide, /suspicious: without a key, from [\d.]+/);
  const rows = wide.split("\n");
  assert.equal(rows.length, 60);
  assert.match(rows[0] ?? "", /^ multiproto .*zoe at office/);
  assert.equal(Array.from(rows[1] ?? "").length, 200);
  assert.equal(rows[58], "─".repeat(200));
  await zoe.resize(80, 24);
  await zoe.shows("[1 evil");
  await people.leave(zoe);
});

test("a message of 16 KB without a space scrolls from its start to its end", async (t) => {
  const { people, registry } = await meeting(t);
  const ned = await people.screen("ned");
  await ned.shows("You are online as ned");
  const text = `START${"x".repeat(16_000)}END`;
  const sent = await registry.run("--nick", "long", "send", "ned", text).finished;
  assert.equal(sent.code, 0, sent.stderr);
  await ned.shows(/xEND$/m);
  await ned.keys("C-Home");
  await ned.shows(/long +STARTx+$/m);
  await ned.keys("C-End");
  await ned.shows(/xEND$/m);
  await people.leave(ned);
});

/** A screen without the words that ask for Esc. */
const NO_WARNING = /^(?![\s\S]*I have read this)/;

for (const [columns, rows, otherColumns, otherRows] of [
  [80, 24, 200, 60],
  [200, 60, 80, 24],
] as const) {
  test(`another key: the warning stays until it is confirmed to be read; /verify and /trust accept end it, at ${columns}x${rows}`, async (t) => {
    const { people, registry } = await meeting(t);
    const mona = await people.screen("mona");
    await mona.shows("You are online as mona");
    const other = "c3".repeat(32);
    await registry.run("--nick", "nora", "trust", "accept", "mona", "--kind", "peer", other).finished;
    const nora = await people.screen("nora", columns, rows, { NO_COLOR: "1" });
    await nora.shows("!!! WARNING: the registry lists mona with ANOTHER KEY than the one you know.");
    await nora.shows(/● mona\(!\) .*OTHER KEY/);
    await nora.keys("C-n", "C-p");
    await nora.type("/msg mona secret");
    await nora.keys("Enter");
    await nora.shows("!!! Esc: I have read this");
    await nora.resize(otherColumns, otherRows);
    await nora.shows("!!! Esc: I have read this");
    await nora.keys("Escape");
    await nora.shows(NO_WARNING);
    await nora.shows(/secret ◷ waiting[^\n]*\n[^\n]* held: mona has another key/);
    assert.doesNotMatch(await mona.screen(), /secret/);
    await nora.type("/verify mona");
    await nora.keys("Enter");
    await nora.shows(/you:( +\d{5}){8}/);
    await nora.shows(/mona:( +\d{5}){8}/);
    await nora.keys("Escape");
    await nora.shows(/^(?![\s\S]*Esc closes)/);
    await nora.type("/trust accept mona");
    await nora.keys("Enter");
    await nora.shows("accepted: mona");
    await nora.type("hello");
    await nora.keys("Enter");
    await nora.shows(/you +hello ✓/);
    // What was held goes out first.
    await mona.shows(/nora +secret[\s\S]*nora +hello/);
    await people.leave(mona, nora);
  });

  test(`a nickname that is taken is asked for, with a free one to take; typing is not lost, at ${columns}x${rows}`, async (t) => {
    const { people, registry } = await meeting(t);
    const first = await people.screen("pia");
    await first.shows("You are online as pia");
    const { argv, environment } = registry.client("other", "--nick", "pia");
    const second = await people.run({ argv, environment }, columns, rows);
    await second.shows("another nickname [pia~2]:");
    await second.shows("the nickname pia is taken, held by the key");
    await second.resize(otherColumns, otherRows);
    await second.shows("another nickname [pia~2]:");
    await second.keys("Enter");
    await second.shows("pia~2 at office");
    await first.shows("● pia~2");
    await people.leave(first, second);
  });
}
