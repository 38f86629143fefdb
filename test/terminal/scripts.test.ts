import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { Running, until } from "../lab/command.ts";
import { Mp1Client } from "../support/mp1-client.ts";
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
  const report = JSON.parse(heard.stdout);
  const { time, address, schema, type, from, text, verified, addressMatches, protocol, trust } = report;
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000);
  assert.match(address, /^[\d.]+$/);
  assert.deepEqual([schema, type, from, text], [1, "message", "adam", "build is green ✓"]);
  assert.deepEqual([verified, addressMatches, protocol, trust], [false, true, "mp2", "new"]);
  assert.match(report.fingerprint, /^[0-9a-f]{64}$/);
});

test("a text from standard input is one message, however long; plain lines are safe for a terminal", async () => {
  const { running } = await listener("mia", "--count", "2");
  const words = Array.from({ length: 600 }, (_, index) => `w${index}`).join(" ");
  const sent = await registry.runWith(`${words}\n`, "--nick", "adam", "send", "mia", "-").finished;
  assert.equal(sent.code, EXIT.ok, sent.stderr);
  await registry.run("--nick", "adam", "send", "mia", "\u001b[2Jred").finished;
  const [first, second] = (await running.finished).stdout.trimEnd().split("\n");
  assert.equal(first?.trim().replace(/^\d\d:\d\d adam: /, ""), words);
  assert.match(second ?? "", /adam: \\x1b\[2Jred$/);
});

test("another key than the known one: nothing is sent, both are shown, and the exit code is its own", async () => {
  const { running } = await listener("rex", "--count", "1");
  const other = "c3".repeat(32);
  const pinned = await registry.run("--nick", "adam", "trust", "accept", "rex", "--kind", "peer", other)
    .finished;
  assert.equal(pinned.code, EXIT.ok, pinned.stderr);
  const refused = await registry.run("--nick", "adam", "send", "rex", "secret", "--no-queue").finished;
  assert.equal(refused.code, EXIT.keyChanged, refused.stderr);
  assert.match(refused.stderr, /^!!! WARNING: the registry lists rex with ANOTHER KEY/m);
  assert.match(refused.stderr, /^not delivered: rex has another key than the one you know/m);
  const { stdout } = await registry.run("--nick", "adam", "list", "--json").finished;
  const rex = JSON.parse(stdout).clients.find(({ nickname }: Listed) => nickname === "rex");
  assert.deepEqual([rex.trust, rex.verified], ["changed", false]);
  assert.equal((await registry.run("--nick", "adam", "trust", "forget", "rex").finished).code, EXIT.ok);
  assert.equal((await registry.run("--nick", "adam", "send", "rex", "hello").finished).code, EXIT.ok);
  assert.match((await running.finished).stdout, /adam: hello$/m);
  assert.doesNotMatch(running.stdout, /secret/);
});

test("a registry with another key than the known one is not used, and the exit code says so", async () => {
  const place = `127.0.0.1:${registry.port}`;
  const argv = ["--nick", "wary", "trust", "accept", place, "--kind", "registry", "c3".repeat(32)];
  assert.equal((await registry.run(...argv).finished).code, EXIT.ok);
  const refused = await registry.run("--nick", "wary", "--registry", place, "list").finished;
  assert.equal(refused.code, EXIT.keyChanged, refused.stderr);
  assert.match(
    refused.stderr,
    /^!!! WARNING: the registry 127\.0\.0\.1:\d+ at 127\.0\.0\.1 shows ANOTHER KEY/m,
  );
});

test("a client without a key is marked, and with --no-legacy it gets nothing", async (t) => {
  const old = await Mp1Client.open(t, { registry, nickname: "old", flavour: "original" });
  await old.join();
  const sent = await registry.run("--nick", "adam", "list").finished;
  assert.match(sent.stdout, /^old\* .* online +unverified$/m);
  const refused = await registry.run("--nick", "adam", "--no-legacy", "send", "old", "hi", "--no-queue")
    .finished;
  assert.equal(refused.code, EXIT.notConfirmed);
  assert.match(refused.stderr, /old's client has no key \(mp1\), and such are switched off here/);
});

test("several scripts of one user at once are one presence", async () => {
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
  assert.match((await running.finished).stdout, /adam: hello/);
});

test("every failure has its exit code and says why", async () => {
  const { running: holder } = await listener("held");
  const table: readonly [readonly string[], number, RegExp][] = [
    [["send", "nobody", "hi"], EXIT.unknownName, /nobody here is called nobody/],
    [["send", "nobody", "hi", "--wait", "300ms"], EXIT.unknownName, /nobody here is called nobody/],
    [["send", "127.0.0.1:50099", "hi"], EXIT.notConfirmed, /refused the connection/],
    [["send", "held", "  "], EXIT.usage, /no text/],
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
  const { argv, environment } = registry.client("stranger", "--nick", "held", "list");
  const taken = await new Running(argv, { environment }).finished;
  assert.equal(taken.code, EXIT.nameTaken, taken.stderr);
  assert.match(taken.stderr, /held is taken, held by the key [\d ]{47} at [\d.]+ \(free: --nick held~2\)/);
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
  assert.match(stdout, /^pip +[\d.]+:\d+ +online +new key$/m);
  assert.match(stdout, /to pip: from a pipe ✓$/m);
  assert.match((await running.finished).stdout, /adam: from a pipe/);
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

test("to a room that we are not in, nothing is sent, and that is said", async () => {
  const { code, stdout, stderr } = await registry.run("--nick", "rolf", "send", "#lab", "hello", "--json")
    .finished;
  const { type, to, outcome, why, code: told } = JSON.parse(stdout);
  assert.deepEqual(
    [code, type, to, outcome, why, told],
    [EXIT.unknownName, "sent", "#lab", "failed", "not-in-room", 5],
  );
  assert.match(stderr, /you are not in that room/);
});
