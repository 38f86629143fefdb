import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { Running, until } from "../lab/command.ts";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";

/** One presence a user: real programs of one user beside each other, and what others see of them. */

let registry: Registry;
let people: People;

before(async () => {
  registry = await Registry.start();
  people = new People(registry);
});

after(async () => {
  for (const running of started) await running.stop("SIGKILL");
  await people.dispose();
  await registry.dispose();
});

const started: Running[] = [];

/** Another program of the user `who`, without --nick: it takes what is there. */
function beside(who: string, ...argv: readonly string[]): Running {
  const { argv: command, environment } = registry.client(who, ...argv);
  const running = new Running(command, { environment });
  started.push(running);
  return running;
}

interface Holder {
  readonly running: boolean;
  readonly online: boolean;
  readonly pid: number;
  readonly nickname: string;
  readonly attached: number;
}

async function status(who: string): Promise<Holder> {
  return JSON.parse((await beside(who, "status", "--json").finished).stdout);
}

/** Until the presence of `who` is online with so many programs attached. */
function attached(who: string, count: number): Promise<Holder> {
  return until(`${who} has ${count} programs attached`, async () => {
    const holder = await status(who);
    return holder.running && holder.online && holder.attached === count ? holder : undefined;
  });
}

/** What a witness saw of `who` since it began to look: every line about it. */
async function witness(nick: string): Promise<{ seen(): string; stop(): Promise<unknown> }> {
  const { argv, environment } = registry.client(nick, "--nick", nick);
  const running = new Running(argv, { environment, interactive: true });
  started.push(running);
  await running.output((text) => text.includes("online as"), "the witness is online");
  return { seen: () => running.stdout, stop: () => running.stop() };
}

test("a script sends as the person whose chat is open, who sees it there", async () => {
  const ola = registry.run("--nick", "ola", "listen", "--json", "--count", "1");
  const adam = await people.chat("adam");
  await adam.shows("online as adam");
  await adam.shows("ola");
  const sent = await beside("adam", "send", "ola", "build is green", "--json", "--wait", "10s").finished;
  assert.equal(sent.code, EXIT.ok, sent.stderr);
  const report = JSON.parse(sent.stdout);
  assert.deepEqual([report.type, report.outcome, report.why, report.code], ["sent", "delivered", null, 0]);
  const heard = JSON.parse((await ola.finished).stdout);
  assert.deepEqual([heard.from, heard.text, heard.id], ["adam", "build is green", report.id]);
  await adam.shows(/to ola: build is green ✓$/m);
  const { running, nickname } = await status("adam");
  assert.deepEqual([running, nickname], [true, "adam"]);
  await people.leave(adam);
  assert.equal((await status("adam")).running, false);
});

test("the chat is left while a script listens: the script goes on, and nobody sees the user leave", async () => {
  const eve = await people.chat("eve");
  await eve.shows("online as eve");
  const listening = beside("eve", "listen", "--json");
  const { pid } = await attached("eve", 1);
  const seer = await witness("seer1");
  await people.leave(eve);
  const after = await attached("eve", 0);
  assert.notEqual(after.pid, pid);
  const sent = await registry.run("--nick", "bob", "send", "eve", "still there?").finished;
  assert.equal(sent.code, EXIT.ok, sent.stderr);
  await listening.output((text) => text.includes("still there?"), "the message");
  assert.doesNotMatch(seer.seen(), /eve.* (is|are) offline|eve~2/);
  await listening.stop();
  await seer.stop();
});

test("the holder is killed: one of the others takes over with the same name, and messages get through", async () => {
  const holder = beside("kim", "--nick", "kim", "--background");
  await holder.output((text) => text.includes("online as kim"), "online");
  const listeners = Array.from({ length: 3 }, () => beside("kim", "listen", "--json", "--count", "1"));
  // Whoever has got the message leaves; this one stays, so that kim does.
  const staying = beside("kim", "listen");
  const { pid } = await attached("kim", 4);
  assert.equal(pid, holder.child.pid);
  const seer = await witness("seer2");
  await holder.stop("SIGKILL");
  const next = await attached("kim", 3);
  assert.notEqual(next.pid, pid);
  assert.equal(next.nickname, "kim");
  const sent = await registry.run("--nick", "bob", "send", "kim", "after the kill").finished;
  assert.equal(sent.code, EXIT.ok, sent.stderr);
  for (const listening of listeners) {
    const { code, stdout } = await listening.finished;
    assert.equal(code, EXIT.ok);
    assert.equal(JSON.parse(stdout).text, "after the kill");
  }
  await attached("kim", 0);
  assert.doesNotMatch(seer.seen(), /kim.* (is|are) offline|kim~2/);
  await staying.stop();
  await seer.stop();
});

test("a message that was on its way when the holder was killed arrives once", async () => {
  const holder = beside("lea", "--nick", "lea", "--background");
  await holder.output((text) => text.includes("online as lea"), "online");
  const sending = beside("lea", "send", "late", "from before", "--wait", "30s");
  await attached("lea", 1);
  await holder.stop("SIGKILL");
  const late = registry.run("--nick", "late", "listen", "--json");
  assert.equal((await sending.finished).code, EXIT.ok);
  await late.output((text) => text.includes("from before"), "the message");
  assert.equal((await registry.run("--nick", "bob", "send", "late", "last").finished).code, EXIT.ok);
  const texts = (await late.output((text) => text.includes('"last"'), "the last")).trimEnd().split("\n");
  assert.deepEqual(
    texts.map((line) => JSON.parse(line).text),
    ["from before", "last"],
  );
  await late.stop();
});

test("another name or registry than those of the presence: said, with what to do", async () => {
  const holder = beside("mia", "--nick", "mia", "--background");
  await holder.output((text) => text.includes("online as mia"), "online");
  const named = await beside("mia", "--nick", "other", "list").finished;
  assert.equal(named.code, EXIT.nameTaken);
  assert.match(named.stderr, /you are already here as mia/);
  const elsewhere = await beside("mia", "--registry", "127.0.0.1:9", "list").finished;
  assert.equal(elsewhere.code, EXIT.failure);
  assert.match(elsewhere.stderr, /--registry differs .* multiproto-chat quit/);
  assert.equal((await beside("mia", "--nick", "MIA", "list").finished).code, EXIT.ok);
  await holder.stop();
});

test("quit ends the presence in all programs, and says when there is none", async () => {
  const holder = beside("ned", "--nick", "ned", "--background");
  await holder.output((text) => text.includes("online as ned"), "online");
  const listening = beside("ned", "listen");
  await attached("ned", 1);
  assert.equal((await beside("ned", "quit").finished).code, EXIT.ok);
  assert.equal((await holder.finished).code, EXIT.ok);
  assert.equal((await listening.finished).code, EXIT.failure);
  const again = await beside("ned", "quit").finished;
  assert.deepEqual([again.code, /not running/.test(again.stderr)], [EXIT.notRunning, true]);
});

test("a holder that is stopped does not hang those who come: they say which program it is", async () => {
  const holder = beside("pia", "--nick", "pia", "--background");
  await holder.output((text) => text.includes("online as pia"), "online");
  holder.child.kill("SIGSTOP");
  const { code, stderr } = await beside("pia", "list").finished;
  holder.child.kill("SIGCONT");
  assert.equal(code, EXIT.failure);
  assert.match(stderr, /the program that holds it does not answer/);
  await holder.stop();
});

test("wait returns when somebody comes, and when the time is over", async () => {
  const waiting = registry.run("--nick", "zed", "wait", "--online", "una", "--timeout", "30s");
  const una = registry.run("--nick", "una", "listen");
  assert.equal((await waiting.finished).code, EXIT.ok);
  await una.stop();
  const late = await registry.run("--nick", "zed", "wait", "--online", "nobody", "--timeout", "200ms")
    .finished;
  assert.equal(late.code, EXIT.timeout);
});

test("listen --from takes one person's messages only", async () => {
  const listening = registry.run("--nick", "uma", "listen", "--json", "--from", "Tim", "--count", "1");
  await attached("uma", 0);
  assert.equal((await registry.run("--nick", "bob", "send", "uma", "not me").finished).code, EXIT.ok);
  assert.equal((await registry.run("--nick", "tim", "send", "uma", "me").finished).code, EXIT.ok);
  assert.equal(JSON.parse((await listening.finished).stdout).text, "me");
});
