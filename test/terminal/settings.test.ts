import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { Running, until } from "../lab/command.ts";
import { Registry } from "./registry.ts";

/** chat.toml and what it does, with real programs. */

let registry: Registry;

before(async () => {
  registry = await Registry.start();
});

after(() => registry.dispose());

/** A user with this chat.toml. */
function user(name: string, settings: string) {
  const config = join(registry.directory, name, "config");
  mkdirSync(join(config, "multiproto"), { recursive: true });
  writeFileSync(join(config, "multiproto", "chat.toml"), settings);
  const environment: Record<string, string> = {
    ...registry.client(name).environment,
    XDG_CONFIG_HOME: config,
  };
  const run = (...words: readonly string[]): Running =>
    new Running(registry.client(name, ...words).argv, { environment });
  return { run, data: join(environment.XDG_DATA_HOME ?? "", "multiproto") };
}

test("a nickname from the file; the command line counts more; a profile has a key and a name of its own", async () => {
  const { run, data } = user("ola", 'nickname = "ola"\n[profile.work]\nnickname = "ola.work"\n');
  const nick = async (...words: readonly string[]): Promise<string> =>
    JSON.parse((await run(...words, "list", "--json").finished).stdout).nickname;
  assert.equal(await nick(), "ola");
  assert.equal(await nick("--nick", "olga"), "olga");
  const beside = run("--background");
  await beside.output((text) => text.includes("online as ola"), "online");
  assert.equal(await nick("--profile", "work"), "ola.work");
  await beside.stop();
  const keys = [join(data, "identity.pem"), join(data, "profiles", "work", "identity.pem")];
  const [first, second] = keys.map((path) => readFileSync(path, "utf8"));
  assert.notEqual(first, second);
});

test("config check and show; a mistake stops every command, with line and key", async () => {
  const right = user("eva", 'nickname = "eva"\nregistry = ["127.0.0.1"]\non-message = ["true"]\n');
  assert.match((await right.run("config", "check").finished).stdout, /chat\.toml: ok$/m);
  const { stdout } = await right.run("config", "show").finished;
  assert.match(stdout, /^nickname = "eva"\nregistry = \["127\.0\.0\.1"\]\non-message = \["true"\]$/m);
  const wrong = user("max", '\nnicknam = "max"\n');
  for (const words of [["config", "check"], ["list"], ["status"]]) {
    const { code, stderr } = await wrong.run(...words).finished;
    assert.equal(code, EXIT.failure);
    assert.match(stderr, /chat\.toml, line 2: nicknam: unknown setting \(did you mean nickname\?\)/);
  }
  const none = await right.run("--profile", "nonsense", "list").finished;
  assert.match(none.stderr, /profile\.nonsense: no profile of that name/);
});

test("on-message gets each message once, however many programs are attached; its failure is a line", async () => {
  const file = join(registry.directory, "messages");
  const settings = `nickname = "ida"\non-message = ["sh", "-c", "cat >> ${file}; exit 3"]\n`;
  const { run } = user("ida", settings);
  const holder = run("--background");
  await holder.output((text) => text.includes("online as ida"), "online");
  const listening = run("listen", "--count", "2");
  await until("the listener is attached", async () =>
    JSON.parse((await run("status", "--json").finished).stdout).attached === 1 ? true : undefined,
  );
  for (const text of ["one $(touch /tmp/nope)", "two"])
    assert.equal((await registry.run("--nick", "bob", "send", "ida", text).finished).code, EXIT.ok);
  await listening.finished;
  const lines = await until("both messages", () => {
    const written = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
    return written.length === 2 ? written : undefined;
  });
  assert.deepEqual(lines.map((line) => JSON.parse(line).text).sort(), ["one $(touch /tmp/nope)", "two"]);
  await holder.output((text) => text.includes("on-message: sh: it ended with 3"), "the line");
  await holder.stop();
});
