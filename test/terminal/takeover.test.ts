import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { Running, until } from "../lab/command.ts";
import { Registry } from "./registry.ts";

/** The holder of a presence is killed: what becomes of what it had stored, and told nobody or not everybody. */

let registry: Registry;
const started: Running[] = [];

before(async () => {
  registry = await Registry.start();
});

after(async () => {
  for (const running of started) await running.stop("SIGKILL");
  await registry.dispose();
});

/** A program of the user `who`. */
function beside(who: string, ...argv: readonly string[]): Running {
  const { argv: command, environment } = registry.client(who, ...argv);
  const running = new Running(command, { environment, interactive: true });
  started.push(running);
  return running;
}

interface Holder {
  readonly running: boolean;
  readonly online: boolean;
  readonly pid: number;
  readonly attached: number;
}

/** Until the presence of `who` is online and `isIt`. */
function held(who: string, isIt: (holder: Holder) => boolean): Promise<Holder> {
  return until(`the presence of ${who}`, async () => {
    const { stdout } = await beside(who, "status", "--json").finished;
    const holder: Holder = JSON.parse(stdout);
    return holder.running && holder.online && isIt(holder) ? holder : undefined;
  });
}

async function background(who: string): Promise<Running> {
  const holder = beside(who, "--nick", who, "--background");
  await holder.output((text) => text.includes(`online as ${who}`), "online");
  return holder;
}

async function send(from: string, to: string, text: string): Promise<void> {
  const { code, stderr } = await registry.run("--nick", from, "send", to, text, "--wait", "20s").finished;
  assert.equal(code, EXIT.ok, stderr);
}

function textsOf(listening: Running): readonly string[] {
  const lines = listening.stdout.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line).text);
}

/**
 * `who` has a holder, a script and a face of lines. These two are stopped; meanwhile the holder is killed, and another one
 * takes a message that they cannot hear of.
 */
async function missing(who: string) {
  const first = await background(who);
  const listening = beside(who, "listen", "--json");
  const face = beside(who, "--plain");
  await held(who, ({ attached }) => attached === 2);
  await send("bob", who, "one");
  await listening.output((text) => text.includes('"one"'), "the first message");
  await face.output((text) => text.includes("bob: one"), "the first message");
  for (const { child } of [listening, face]) child.kill("SIGSTOP");
  await first.stop("SIGKILL");
  const second = await background(who);
  await send("bob", who, "two");
  return { listening, face, second };
}

/** Both have seen each message once, in order. */
async function sawAll(listening: Running, face: Running): Promise<void> {
  for (const running of [listening, face])
    await running.output((text) => text.includes("three"), "the last message");
  assert.deepEqual(textsOf(listening), ["one", "two", "three"]);
  const shown = [...face.stdout.matchAll(/bob: (one|two|three)$/gm)].map(([, text]) => text);
  assert.deepEqual(shown, ["one", "two", "three"]);
}

test("what a holder took while a script and a face could not hear it is told them when they attach again, once", async () => {
  const { listening, face, second } = await missing("kim");
  for (const { child } of [listening, face]) child.kill("SIGCONT");
  await held("kim", ({ attached, pid }) => attached === 2 && pid === second.child.pid);
  await send("bob", "kim", "three");
  await sawAll(listening, face);
});

test("what a killed holder had stored and told nobody is told by those who go on, each message once", async () => {
  const { listening, face, second } = await missing("lea");
  await second.stop("SIGKILL");
  for (const { child } of [listening, face]) child.kill("SIGCONT");
  await held("lea", ({ attached }) => attached === 1);
  await send("bob", "lea", "three");
  await sawAll(listening, face);
});

test("one holder after the other is killed while messages come: a script that outlives them sees each once, in order", async () => {
  const count = 400;
  const first = await background("mia");
  const listening = Array.from({ length: 5 }, () => beside("mia", "listen", "--json"));
  await held("mia", ({ attached }) => attached === listening.length);
  const writer = beside("bob", "--nick", "bob");
  await writer.output((text) => text.includes("mia"), "who is there");
  const alive = new Map([first, ...listening].map((running) => [running.child.pid, running]));
  let written = 0;
  const write = (): void => {
    written += 1;
    writer.type(`msg mia n${written}`);
  };
  while (alive.size > 2) {
    for (let more = 0; more < 20; more += 1) write();
    const { pid } = await held("mia", ({ attached }) => attached === alive.size - 1);
    for (let more = 0; more < 40; more += 1) write();
    const holder = alive.get(pid);
    assert.ok(holder, "the holder is one of them");
    alive.delete(pid);
    await holder.stop("SIGKILL");
  }
  while (written < count) write();
  const wanted = Array.from({ length: count }, (_, index) => `n${index + 1}`);
  for (const running of alive.values()) {
    await running.output((text) => text.includes(`"n${count}"`), "the last message");
    assert.deepEqual(textsOf(running), wanted);
  }
});
