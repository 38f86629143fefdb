import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";

/** What a person sees in multiproto-chat: the real program against a real registry, keys in, screen out. */

let registry: Registry;
let people: People;

before(async () => {
  registry = await Registry.start();
  people = new People(registry);
});

after(async () => {
  await people.dispose();
  await registry.dispose();
});

/** Where a client is, as others see it. */
async function listed(nickname: string): Promise<{ address: string; port: number }> {
  const { stdout } = await registry.run("list", "--json").finished;
  const clients: { nickname: string; address: string; port: number }[] = JSON.parse(stdout).clients;
  const found = clients.find((client) => client.nickname === nickname);
  assert.ok(found, `${nickname} is listed`);
  return found;
}

/** Sends raw bytes to a client's chat port; returns what it answered. */
function raw(to: { address: string; port: number }, bytes: Uint8Array | string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(to.port + 1, to.address, () => socket.write(bytes));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
  });
}

test("two people find each other and talk; what comes in does not tear what is being typed", async () => {
  const adam = await people.chat("adam", 80, 24);
  await adam.shows("online as adam");
  const ola = await people.chat("ola", 120, 40);
  await ola.shows("what you type goes to adam");
  await adam.shows("ola is online");
  await ola.type("hi adam, 你好 👍 ok?");
  await ola.keys("Enter");
  await ola.shows(/^\d\d:\d\d to adam: hi adam, 你好 👍 ok\? ✓$/m);
  await adam.shows(/^\d\d:\d\d ola: hi adam, 你好 👍 ok\?$/m);
  await adam.type("half a sent");
  await adam.shows(/^to ola> half a sent$/m);
  await ola.type("are you there?");
  await ola.keys("Enter");
  await adam.shows(/^\d\d:\d\d ola: are you there\?\nto ola> half a sent$/m);
  await adam.type("ence");
  await adam.keys("Enter");
  await ola.shows(/adam: half a sentence$/m);
  await people.leave(adam);
  await ola.shows("adam is offline");
  await people.leave(ola);
});

test("editing: cursor, words, wide characters, history, completion, a text longer than the row", async () => {
  const eve = await people.chat("eve");
  await eve.shows("online as eve");
  await eve.type("wörld 你好");
  await eve.keys("Home");
  await eve.type("hello ");
  await eve.keys("End", "BSpace", "C-Left", "X");
  await eve.shows(/^> hello wörld X你$/m);
  assert.equal(
    await eve.cursor(),
    `${"> hello wörld X".length},${(await eve.screen()).split("\n").length - 1}`,
  );
  await eve.keys("C-u", "C-k");
  await eve.type("/nonsense");
  await eve.keys("Enter");
  await eve.shows("unknown command /nonsense; see /help");
  await eve.keys("Up");
  await eve.shows(/> \/nonsense$/m);
  await eve.keys("Down");
  await eve.type("/he");
  await eve.keys("Tab");
  await eve.shows(/> \/help$/m);
  await eve.keys("Enter");
  await eve.hasShown(/^msg NAME TEXT +write to NAME/m);
  await eve.shows(/not verified/);
  await eve.type(`${"0123456789".repeat(20)}END`);
  const [last] = (await eve.shows(/END$/)).split("\n").slice(-1);
  assert.match(last ?? "", /> ….*END$/);
  assert.ok((last ?? "").length < 80);
  await eve.keys("Home");
  await eve.shows(/> 01234/m);
  await people.leave(eve);
});

test("history is kept for the next session, for its owner alone", async () => {
  const first = await people.chat("mia");
  await first.shows("online as mia");
  await first.type("/list");
  await first.keys("Enter");
  await first.shows("offline");
  await people.leave(first);
  const file = join(registry.directory, "mia", "multiproto", "chat-history");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal(await readFile(file, "utf8"), "/list\n");
  const second = await people.chat("mia");
  await second.shows("online as mia");
  await second.keys("Up");
  await second.shows(/> \/list$/m);
  await people.leave(second);
});

test("a paste of several lines is one message on one line", async () => {
  const ann = await people.chat("ann");
  await ann.shows("online as ann");
  await ann.paste("first line\n  second line\r\nthird\tline\n");
  await ann.shows(/> first line +second line third line$/m);
  await ann.keys("C-u");
  await ann.paste("x".repeat(65_536));
  await ann.shows("the text was cut at 16384 characters");
  await ann.shows(/> …x+$/m);
  await people.leave(ann);
});

test("hostile text: shown, never acted on; too much: dropped; the prompt stays", async () => {
  const zoe = await people.chat("zoe");
  await zoe.shows("online as zoe");
  const at = await listed("zoe");
  await zoe.type("do not touch");
  await zoe.shows("> do not touch");
  assert.equal(
    await raw(at, "evil \u001b[2J\u001b]0;owned\u0007\u001b[31mred \u202erevo\u202c \u009b2J"),
    "OK",
  );
  await zoe.shows("evil(?) at ");
  const screen = await zoe.shows(String.raw`\x1b[2J\x1b]0;owned\x07\x1b[31mred \u{202e}revo\u{202c} \x9b2J`);
  assert.match(screen, /online as zoe/);
  assert.equal(await raw(at, `evil ${"y".repeat(1_000)}`), "OK");
  // Both: the prompt is drawn after what came.
  await zoe.shows(/y{80}[\s\S]*^> do not touch$/m);
  assert.equal(await raw(at, `evil ${"z".repeat(65_536)}`), "");
  assert.equal(await raw(at, new Uint8Array([0xff, 0xfe, 0x20, 0x41])), "");
  assert.equal(await raw(at, "evil still works"), "OK");
  await zoe.shows(/still works[\s\S]*^> do not touch$/m);
  assert.doesNotMatch(await zoe.everything(), /zzzz/);
  await people.leave(zoe);
});

test("a flood is bounded and the terminal stays usable", async () => {
  const tom = await people.chat("tom");
  await tom.shows("online as tom");
  const at = await listed("tom");
  let confirmed = 0;
  for (let round = 0; round < 100; round += 1) {
    const answers = await Promise.all(Array.from({ length: 4 }, () => raw(at, `evil flood ${round}`)));
    confirmed += answers.filter((answer) => answer === "OK").length;
  }
  assert.ok(confirmed >= 200 && confirmed < 400, `${confirmed} of 400 taken`);
  await tom.type("/help");
  await tom.keys("Enter");
  await tom.shows(/> *$/m);
  await tom.hasShown("msg NAME TEXT");
  await people.leave(tom);
});

test("resizing keeps the conversation and the text being typed", async () => {
  const kim = await people.chat("kim", 120, 40);
  await kim.shows("online as kim");
  await kim.type("a text that is longer than forty columns, by some words");
  await kim.shows("by some words");
  await kim.resize(40, 12);
  await kim.shows(/> ….*by some words$/m);
  await kim.resize(120, 40);
  const screen = await kim.shows(/> a text that is longer than forty columns, by some words$/m);
  assert.equal(screen.match(/by some words/g)?.length, 1);
  assert.match(screen, /^online as kim/m);
  await people.leave(kim);
});

test("a taken nickname: who holds it, and Enter takes the free one", async () => {
  const first = await people.chat("Leo");
  await first.shows("online as Leo");
  const second = await people.chat("leo");
  await second.shows("the nickname leo is taken, held by the key ");
  await second.shows(/^another nickname \[leo~2\]:$/m);
  await second.type("two words");
  await second.keys("Enter");
  await second.shows("a nickname has no white space");
  await second.keys("Enter");
  await second.shows("online as leo~2");
  await first.shows("leo~2 is online");
  await people.leave(second, first);
});

test("a message that cannot be delivered says why and what to do; typing goes on meanwhile", async () => {
  const ian = await people.chat("ian");
  await ian.shows("online as ian");
  await ian.type("msg nobody hello");
  await ian.keys("Enter");
  await ian.shows("not delivered: nobody here is called nobody (see who is there: list)");
  await ian.shows(/^> *$/m);
  await ian.type("msg 127.0.0.1:50099 hello");
  await ian.keys("Enter");
  await ian.shows(
    "machine refused the connection to TCP 127.0.0.1:50100 (is the client still running there?)",
  );
  await people.leave(ian);
});

test("Ctrl-C clears, twice leaves; the terminal is as before", async () => {
  const jan = await people.chat("jan");
  await jan.shows("online as jan");
  await jan.type("never mind");
  await jan.keys("C-c");
  await jan.shows("Ctrl-C again leaves");
  await jan.shows(/> *$/m);
  await jan.keys("C-c");
  await jan.shows("ended with 0");
  await jan.dispose();
});

test("the registry gone and back: said, chat goes on, back by itself", async () => {
  const una = await people.chat("una");
  await una.shows("online as una");
  const max = await people.chat("max");
  await una.shows("max is online");
  await registry.stop();
  await una.shows("looking for it again, chat with those listed goes on");
  await una.type("msg max still here?");
  await una.keys("Enter");
  await max.shows(/una: still here\?$/m);
  await una.type("list");
  await una.keys("Enter");
  await una.shows(/^registry unreachable since \d\d:\d\d; last seen:$/m);
  await registry.startAgain();
  await una.shows("back online as una");
  await max.shows("back online as max");
  await una.type("msg max and again");
  await una.keys("Enter");
  await max.shows(/una: and again$/m);
  await people.leave(una, max);
});
