import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { type Running, until } from "../lab/command.ts";
import { Registry } from "./registry.ts";

/** The commands for scripts: real processes against a real registry. */

let registry: Registry;

before(async () => {
  registry = await Registry.start();
});

after(() => registry.dispose());

interface Listed {
  readonly nickname: string;
  readonly address: string;
  readonly port: number;
  readonly online: boolean;
}

async function list(): Promise<readonly Listed[]> {
  const { code, stdout } = await registry.run("list", "--json").finished;
  assert.equal(code, EXIT.ok);
  const report = JSON.parse(stdout);
  assert.equal(report.schema, 1);
  return report.clients;
}

/** Starts a listener and returns when it is online. */
async function listener(nick: string, ...rest: readonly string[]): Promise<{ running: Running; at: Listed }> {
  const running = registry.run("--nick", nick, "listen", ...rest);
  const find = async (): Promise<Listed | undefined> =>
    (await list()).find((client) => client.nickname === nick && client.online);
  return { running, at: await until(`${nick} is online`, find) };
}

test("send is confirmed, listen prints the message as JSON and ends after its count", async () => {
  const { running } = await listener("ola", "--json", "--count", "1");
  const sent = await registry.run("--nick", "adam", "send", "ola", "build is green ✓").finished;
  assert.deepEqual([sent.code, sent.stdout, sent.stderr], [EXIT.ok, "", ""]);
  const heard = await running.finished;
  assert.equal(heard.code, EXIT.ok);
  const { time, address, schema, type, from, text, verified, addressMatches } = JSON.parse(heard.stdout);
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000);
  assert.match(address, /^[\d.]+$/);
  assert.deepEqual([schema, type, from, text], [1, "message", "adam", "build is green ✓"]);
  assert.deepEqual([verified, addressMatches], [false, true]);
});

test("a text from standard input goes in parts, in order; plain lines are safe for a terminal", async () => {
  const { running } = await listener("mia", "--count", "4");
  const words = Array.from({ length: 600 }, (_, index) => `w${index}`).join(" ");
  const sent = await registry.runWith(`${words}\n`, "--nick", "adam", "send", "mia", "-").finished;
  assert.equal(sent.code, EXIT.ok);
  await registry.run("--nick", "adam", "send", "mia", "\u001b[2Jred").finished;
  const lines = (await running.finished).stdout.trimEnd().split("\n");
  const heard = lines.slice(0, 3).map((line) => line.replace(/^\d\d:\d\d adam\*: /, ""));
  assert.equal(heard.join(" "), words);
  assert.match(lines[3] ?? "", /adam\*: \\x1b\[2Jred$/);
});

test("two scripts of one user at once: the second takes another name by itself", async () => {
  const { running, at } = await listener("tom");
  const own = registry.run("listen");
  await own.output(() => true, "started");
  const sent = await Promise.all([
    registry.run("send", `${at.address}:${at.port}`, "one").finished,
    registry.run("send", "tom", "two").finished,
  ]);
  assert.deepEqual(
    sent.map(({ code }) => code),
    [EXIT.ok, EXIT.ok],
  );
  await own.stop();
  await running.stop();
  assert.match(running.stdout, /one/);
  assert.match(running.stdout, /two/);
});

test("--wait waits until the peer is there", async () => {
  const sending = registry.run("--nick", "adam", "send", "late", "hello", "--wait", "20s");
  const running = registry.run("--nick", "late", "listen", "--count", "1");
  assert.equal((await sending.finished).code, EXIT.ok);
  assert.match((await running.finished).stdout, /adam\*: hello/);
});

test("every failure has its exit code and says why", async () => {
  const { running: holder } = await listener("held");
  const table: readonly [readonly string[], number, RegExp][] = [
    [["send", "nobody", "hi"], EXIT.unknownName, /nobody here is called nobody/],
    [["send", "nobody", "hi", "--wait", "300ms"], EXIT.unknownName, /nobody here is called nobody/],
    [["send", "127.0.0.1:50099", "hi"], EXIT.notConfirmed, /refused the connection/],
    [["send", "held", "  "], EXIT.usage, /no text/],
    [["--nick", "held", "list"], EXIT.nameTaken, /held is taken, held by [\d.]+:\d+ \(free: --nick held~2\)/],
    [["--nick", "a b", "list"], EXIT.usage, /no white space/],
    [["--port", "70000", "list"], EXIT.usage, /port from 1 to 65535/],
    [["listen", "--count", "0"], EXIT.usage, /whole number/],
    [["send", "held", "hi", "--wait", "soon"], EXIT.usage, /a time like 30s/],
    [["frob"], EXIT.usage, /too many arguments/],
    [["--interface", "nope", "list"], EXIT.failure, /No interface nope/],
  ];
  for (const [words, code, text] of table) {
    const ended = await registry.run(...words).finished;
    assert.equal(ended.code, code, `${words.join(" ")}: ${ended.stderr}`);
    assert.match(ended.stderr, text);
  }
  await holder.stop();
});

test("a peer that takes the message and says nothing has not confirmed", async () => {
  const server = await silentPeer();
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const { code, stderr } = await registry.run("send", `127.0.0.1:${address.port - 1}`, "hi").finished;
  server.close();
  assert.equal(code, EXIT.notConfirmed);
  assert.match(stderr, /^not confirmed: .*it may have been shown all the same/);
});

test("without a registry: said, and exit code 9", async () => {
  const { code, stderr } = await registry.run("--registry", "127.0.0.1:9", "list").finished;
  assert.equal(code, EXIT.registryNotFound);
  assert.match(stderr, /no registry has answered for 10 s \(asked at 127\.0\.0\.1:9\)/);
  assert.match(stderr, /not online in time, giving up/);
});

test("--registry by name reaches it without multicast", async () => {
  const { code } = await registry.run("--registry", `localhost:${registry.port}`, "list").finished;
  assert.equal(code, EXIT.ok);
});

test("commands from a pipe: one a line, then what is on its way is finished", async () => {
  const { running } = await listener("pip", "--count", "1");
  const input = "list\nmsg pip from a pipe\n";
  const { code, stdout } = await registry.runWith(input, "--nick", "adam").finished;
  assert.equal(code, EXIT.ok);
  assert.match(stdout, /^pip\* +[\d.]+:\d+ +online +unverified$/m);
  assert.match(stdout, /to pip: from a pipe ✓$/m);
  assert.match((await running.finished).stdout, /adam\*: from a pipe/);
  const failing = await registry.runWith("msg nobody hi\n", "--nick", "adam").finished;
  assert.equal(failing.code, EXIT.failure);
});

test("a signal leaves in good order: the registry hears of it at once", async () => {
  const { running } = await listener("sig");
  assert.equal((await running.stop("SIGTERM")).code, 143);
  const gone = (await list()).find((client) => client.nickname === "sig");
  assert.equal(gone?.online ?? false, false);
});

/** Closes without an answer. */
function silentPeer(): Promise<Server> {
  const server = createServer((socket) => socket.once("data", () => socket.end()));
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
