import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../lab/command.ts";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";
import { Terminal } from "./terminal.ts";

/** The full screen of the real program against a real registry: keys in, screen out. */

/** People who are alone with each other. */
async function meeting(t: TestContext): Promise<{ people: People; registry: Registry }> {
  const registry = await Registry.start({ realm: "office" });
  const people = new People(registry);
  t.after(async () => {
    await people.dispose();
    await registry.dispose();
  });
  return { people, registry };
}

/** The frame is whole: a rule below the header and above the input, none of it torn. */
async function isWhole(terminal: Terminal, columns: number, rows: number): Promise<void> {
  const look = async (): Promise<true | undefined> => {
    const lines = (await terminal.screen()).split("\n");
    const [, header = ""] = lines;
    const hasInputRule = lines.some(
      (line, index) => index > 1 && line.startsWith("────") && width(line) === columns,
    );
    const isHeader = /^── .* ─+$/.test(header) && width(header) === columns;
    return lines.length <= rows && isHeader && hasInputRule ? true : undefined;
  };
  await until(`a whole frame of ${columns}x${rows}`, look, 30_000);
}

function width(line: string): number {
  return Array.from(line).length;
}

for (const [columns, rows] of [
  [80, 24],
  [200, 60],
] as const) {
  test(`from the first screen to an answer, at ${columns}x${rows}`, async (t) => {
    const { people } = await meeting(t);
    const adam = await people.screen(`adam${columns}`, columns, rows);
    await adam.shows(`You are online as adam${columns}, and nobody else is there yet`);
    const ola = await people.screen(`ola${columns}`, columns, rows);
    await ola.shows(new RegExp(`▸ ● adam${columns} +online`));
    await ola.shows(`Type a message and press Enter: it goes to adam${columns}`);
    await ola.type("hi adam, 你好 👍 ok?");
    await ola.shows("hi adam, 你好 👍 ok?");
    await adam.shows(`● ola${columns} online`);
    await ola.keys("Enter");
    await ola.shows(/\d\d:\d\d you +hi adam, 你好 👍 ok\? ✓/);
    // Who writes first is opened, with a line above what is new.
    await adam.shows(/ new ─+/);
    await adam.shows(new RegExp(`\\d\\d:\\d\\d ola${columns} +hi adam, 你好 👍 ok\\?`));
    await adam.shows(`you are in touch with ola${columns} for the first time`);
    await adam.type("first");
    await ola.shows("ok? ✓✓");
    await ola.shows(`adam${columns} is writing …`);
    await adam.keys("C-j");
    await adam.type("second");
    await adam.shows(/first\n +second$/);
    await adam.keys("Enter");
    await adam.shows(/you +first .*\n.* second ✓|you +first\n.* second ✓/);
    await ola.shows(new RegExp(`adam${columns} +first.*\\n.* second`));
    await ola.keys("M-r");
    await ola.shows(`answer adam${columns}>`);
    await ola.type("both seen");
    await ola.keys("Enter");
    await adam.shows(/↳ you: first second.*\n.* both seen/);
    await isWhole(adam, columns, rows);
    await isWhole(ola, columns, rows);
    await adam.keys("C-d");
    // What the terminal showed before is there again.
    assert.doesNotMatch(await adam.shows("ended with 0"), /office/);
    await ola.shows(/○ adam\d+ · offline since \d\d:\d\d \(left\)/);
    await ola.shows(`adam${columns} is offline`);
    await people.leave(ola);
  });
}

test("resize at any moment: lists come and go, nothing is torn, what is typed stays", async (t) => {
  const { people } = await meeting(t);
  const ida = await people.screen("ida", 80, 24);
  await ida.shows("You are online as ida");
  const bea = await people.screen("bea", 80, 24);
  await bea.shows("it goes to ida");
  await bea.type("one two three four five six seven eight nine ten eleven twelve thirteen fourteen");
  await bea.keys("Enter");
  await ida.shows("thirteen fourteen");
  await ida.type("half a text");
  for (const [columns, rows, what] of [
    [200, 60, /│ 1 online, /],
    [120, 30, /▸ 1 ● bea/],
    [40, 12, /\[1 bea\]/],
    [80, 24, /\[1 bea\]/],
  ] as const) {
    await ida.resize(columns, rows);
    const lines = (await ida.shows(what)).split("\n");
    await ida.shows(/^to bea> half a text$/m);
    assert.ok(lines.length <= rows);
    await isWhole(ida, columns, rows);
    await ida.shows(/thirteen\s+(?:│\s+)*fourteen/);
  }
  await people.leave(ida, bea);
});

test("keys: editing, completion, history, help, conversations, leaving by Ctrl-C twice", async (t) => {
  const { people } = await meeting(t);
  const eve = await people.screen("eve");
  await eve.shows("online as eve");
  await eve.type("wörld 你好");
  await eve.keys("Home");
  await eve.type("hello ");
  await eve.keys("End", "BSpace", "C-Left", "X");
  await eve.shows(/^> hello wörld X你$/m);
  assert.equal(await eve.cursor(), `${"> hello wörld X".length},23`);
  await eve.keys("Enter");
  await eve.shows("nobody is here yet: your text stays");
  await eve.shows(/^> hello wörld X你$/m);
  await eve.keys("C-c");
  await eve.shows("Ctrl-C again leaves");
  await eve.type("/ver");
  await eve.keys("Tab");
  await eve.shows(/^> \/verify$/m);
  await eve.keys("C-u");
  await eve.type("/nonsense");
  await eve.keys("Enter");
  await eve.shows("unknown command /nonsense; see /help");
  await eve.keys("F1");
  await eve.shows("Alt-Enter, Ctrl-J");
  await eve.keys("PageDown");
  await eve.shows("COMMANDS");
  await eve.keys("Escape");
  await eve.shows("People");
  await eve.type("/msg nobody hello");
  await eve.keys("Enter");
  await eve.shows(/you +hello ✗\n +not delivered: nobody here is called nobody/);
  await eve.keys("M-0");
  await eve.shows("[0 people]");
  await eve.keys("C-n");
  await eve.shows("[1 nobody]");
  await eve.keys("Up");
  await eve.shows(/^to nobody> \/msg nobody hello$/m);
  await eve.keys("C-c");
  await eve.shows("Ctrl-C again leaves");
  await eve.keys("C-c");
  await eve.shows("ended with 0");
});

test("a paste of many lines is one message with its lines; scroll-back shows all of it", async (t) => {
  const { people } = await meeting(t);
  const ann = await people.screen("ann");
  await ann.shows("You are online as ann");
  const bob = await people.screen("bob");
  await bob.shows("it goes to ann");
  const lines = Array.from({ length: 60 }, (_, index) => `line ${index + 1}.`);
  await bob.paste(`${lines.join("\n")}\n`);
  await bob.shows(/line 60\.$/);
  await bob.keys("Enter");
  await bob.shows("line 60. ✓");
  await ann.shows("line 60.");
  await ann.keys("PageUp", "PageUp", "PageUp");
  await ann.shows(/bob +line 1\.$/m);
  await ann.shows("older messages · Ctrl-End: newest");
  await ann.keys("End");
  await ann.shows("line 60.");
  await bob.paste("x".repeat(65_536));
  await bob.shows("the text was cut at 16384 characters");
  await bob.keys("Enter");
  await bob.shows(/x ✓$/m);
  await ann.shows(/x{60}\n.*x{60}/);
  await isWhole(ann, 80, 24);
  await people.leave(ann, bob);
});

test("suspended and brought back: the terminal is given back, then everything is there again", async (t) => {
  const { registry } = await meeting(t);
  const { argv, environment } = registry.client("tom", "--nick", "tom");
  const shell = await Terminal.run(
    { argv: ["bash", "--norc", "-i"], environment: { ...environment, PS1: "shell> " } },
    { columns: 80, rows: 24 },
  );
  t.after(() => shell.dispose());
  await shell.shows("shell>");
  await shell.type(argv.join(" "));
  await shell.keys("Enter");
  await shell.shows("online as tom");
  await shell.type("half a text");
  await shell.shows(/^> half a text$/m);
  await shell.keys("C-z");
  assert.doesNotMatch(await shell.shows("Stopped"), /People/);
  await shell.type("fg");
  await shell.keys("Enter");
  await shell.shows(/^> half a text$/m);
  await isWhole(shell, 80, 24);
  await shell.keys("C-l");
  await shell.type("!");
  await shell.shows(/^> half a text!$/m);
  await isWhole(shell, 80, 24);
  await shell.keys("C-c", "C-c");
  await shell.shows(/shell> $|shell>$/);
});

test("colours are off with NO_COLOR, and a dumb terminal gets lines", async (t) => {
  const { people } = await meeting(t);
  const [colored, plain] = [
    await people.screen("mia"),
    await people.screen("max", 80, 24, { NO_COLOR: "1" }),
  ];
  await colored.shows("online as mia");
  await plain.shows("online as max");
  const colors = new RegExp(`${"\u001b"}\\[(?:\\d+;)*3[0-7]m`);
  await until(
    "mia sees max",
    async () => ((await colored.screen()).includes("● max") ? true : undefined),
    10_000,
  );
  await plain.type("/nonsense");
  await plain.keys("Enter");
  await colored.type("/nonsense");
  await colored.keys("Enter");
  await plain.shows("unknown command");
  await colored.shows("unknown command");
  assert.match(await colored.painted(), colors);
  assert.doesNotMatch(await plain.painted(), colors);
  await people.leave(colored, plain);
  const directory = await mkdtemp(join(tmpdir(), "multiproto-test-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const dumb = await people.screen("dan", 80, 24, { TERM: "dumb" });
  await dumb.record(join(directory, "written"));
  await dumb.shows(/^online as dan/m);
  const eve = await people.screen("eve");
  await dumb.shows("eve is online");
  await dumb.type("msg eve hello");
  await dumb.keys("Enter");
  await dumb.shows("to eve: hello ✓");
  await eve.shows(/dan +hello/);
  await dumb.keys("C-d");
  await dumb.shows("ended with 0");
  const written = await readFile(join(directory, "written"), "utf8");
  assert.match(written, /to eve: hello ✓/);
  assert.ok(!written.includes("\u001b"), JSON.stringify(written));
  await people.leave(eve);
});

test("a room: who is in it, what is said there, by whom", async (t) => {
  const { people } = await meeting(t);
  const [ada, ben] = [await people.screen("ada"), await people.screen("ben", 200, 60)];
  await ada.shows("● ben");
  await ben.shows("● ada");
  await ada.type("/join #dev");
  await ada.keys("Enter");
  await ada.shows("#dev · 1 here: you, nobody else yet");
  await ben.type("/join #dev");
  await ben.keys("Enter");
  await ben.shows("#dev · 2 here: you, ada");
  await ada.shows("ben joined #dev");
  await ada.type("hello all");
  await ada.keys("Enter");
  await ada.shows(/you +hello all ✓ 1$/m);
  await ben.shows(/ada +hello all/);
  await people.leave(ada, ben);
});
