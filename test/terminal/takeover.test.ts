import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
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

test("a script ends when what was missed is all that it waited for", async () => {
  const first = await background("ivo");
  const listening = beside("ivo", "listen", "--json", "--count", "2");
  await held("ivo", ({ attached }) => attached === 1);
  await send("bob", "ivo", "one");
  await listening.output((text) => text.includes('"one"'), "the first message");
  listening.child.kill("SIGSTOP");
  await first.stop("SIGKILL");
  const second = await background("ivo");
  await send("bob", "ivo", "two");
  await second.stop("SIGKILL");
  listening.child.kill("SIGCONT");
  assert.equal((await listening.finished).code, EXIT.ok);
  assert.deepEqual(textsOf(listening), ["one", "two"]);
});

const FILE_BYTES = 300 * 1_024 * 1_024;

/** A large file with something of its own everywhere. */
function makeFile(path: string): void {
  const descriptor = openSync(path, "w");
  for (let megabyte = 0; megabyte < FILE_BYTES; megabyte += 1_024 * 1_024) {
    const piece = Buffer.alloc(1_024 * 1_024, `${megabyte} `);
    writeSync(descriptor, piece);
  }
  closeSync(descriptor);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** `who` sends a large file by a script, beside a holder that is killed in the middle; the script's code, and its word. */
async function killedWhileSending(who: string, to: string, others: readonly string[]) {
  const downloads = join(registry.directory, to, "in");
  const configuration = join(registry.directory, to, "config", "multiproto");
  mkdirSync(configuration, { recursive: true });
  writeFileSync(join(configuration, "chat.toml"), `downloads = "${downloads}"\n`);
  const { argv, environment } = registry.client(to, "--nick", to, "--background");
  const settings = { ...environment, XDG_CONFIG_HOME: join(registry.directory, to, "config") };
  const receiver = new Running(argv, { environment: settings });
  started.push(receiver);
  await receiver.output((text) => text.includes(`online as ${to}`), "online");
  const path = join(registry.directory, `${who}.bin`);
  makeFile(path);
  const holder = await background(who);
  for (const other of others) beside(who, other);
  const script = beside(who, "send-file", to, path, "--json");
  await held(who, ({ attached }) => attached === others.length + 1);
  const offer = await until("the offer", async () => {
    const { stdout } = await beside(to, "files", "--json").finished;
    const files = stdout.split("\n").filter(Boolean);
    return files.map((line) => JSON.parse(line)).find(({ state }) => state === "offered");
  });
  const accepting = beside(to, "files", "accept", offer.id);
  const part = (): number => partBytes(downloads);
  await until("the file is under way", () => (part() > 0 ? true : undefined));
  await holder.stop("SIGKILL");
  const atKill = part();
  assert.ok(atKill > 0 && atKill < FILE_BYTES, `${atKill} bytes when the holder was killed`);
  let least = atKill;
  const { code, stdout } = await until(
    "the script ends",
    async () => {
      // Whole, it is no part any more.
      if (existsSync(join(downloads, `${who}.bin`))) return script.finished;
      least = Math.min(least, part() || least);
      return undefined;
    },
    60_000,
  );
  const report = JSON.parse(stdout);
  assert.deepEqual([code, report.state, report.id], [EXIT.ok, "done", offer.id]);
  assert.equal((await accepting.finished).code, EXIT.ok);
  // The pages that had been written last may have been cut; that it began again would be far below.
  assert.ok(least > 0 && least >= atKill - 8 * 1_024 * 1_024, `${least} of ${atKill} bytes were kept`);
  assert.equal(await hashOf(join(downloads, `${who}.bin`)), await hashOf(path));
  rmSync(downloads, { recursive: true });
  rmSync(path);
}

test("a file that a script sends goes on where it was when the holder is killed, by the script itself", async () => {
  await killedWhileSending("ned", "una", []);
});

test("and by another program that takes over beside the script", async () => {
  await killedWhileSending("odo", "vera", ["listen", "listen"]);
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

/** So much of it at the receiver, of which there is a part in its folder. */
function partBytes(folder: string): number {
  if (!existsSync(folder)) return 0;
  const parts = readdirSync(folder).filter((name) => name.endsWith(".part"));
  return Math.max(0, ...parts.map((name) => statSync(join(folder, name)).size));
}
