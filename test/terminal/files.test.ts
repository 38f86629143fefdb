import assert from "node:assert/strict";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { Running, until } from "../lab/command.ts";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";

/** Files by the real program: for scripts, in the line interface, on the full screen. */

class Scene {
  readonly registry: Registry;
  readonly people: People;

  constructor(registry: Registry) {
    this.registry = registry;
    this.people = new People(registry);
  }

  static async open(t: TestContext): Promise<Scene> {
    const scene = new Scene(await Registry.start({ realm: "office" }));
    t.after(async () => {
      await scene.people.dispose();
      await scene.registry.dispose();
    });
    return scene;
  }

  home(nick: string): string {
    const home = join(this.registry.directory, nick, "home");
    mkdirSync(home, { recursive: true });
    return home;
  }

  run(nick: string, ...rest: readonly string[]): Running {
    const { argv, environment } = this.registry.client(nick, "--nick", nick, ...rest);
    return new Running(argv, { environment: { ...environment, HOME: this.home(nick), XDG_CONFIG_HOME: "" } });
  }

  file(nick: string, name: string, text: string): string {
    const path = join(this.home(nick), name);
    writeFileSync(path, text);
    return path;
  }

  screen(nick: string, columns = 80, rows = 24) {
    return this.people.screen(nick, columns, rows, { HOME: this.home(nick), XDG_CONFIG_HOME: "" });
  }
}

interface FileReport {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly path: string | null;
  readonly schema: number;
}

/** Waits until there is one that is offered. */
function offered(scene: Scene, nick: string, name: string): Promise<FileReport> {
  return until(`${name} is offered`, async () => {
    const { stdout } = await scene.run(nick, "files", "--json").finished;
    const reports = stdout
      .split("\n")
      .filter(Boolean)
      .map((line): FileReport => JSON.parse(line));
    return reports.find((file) => file.name === name && file.state === "offered");
  });
}

test("scripts: sent, accepted, refused, not answered in time, to nobody, no file: each with its exit code", async (t) => {
  const scene = await Scene.open(t);
  const ola = scene.run("ola", "--background");
  t.after(() => ola.stop("SIGKILL"));
  await ola.output((text) => text.includes("online as ola"), "ola is online");
  const path = scene.file("adam", "build log.txt", "all green\n");

  const sending = scene.run("adam", "send-file", "ola", path, "--json");
  const offer = await offered(scene, "ola", "build log.txt");
  assert.equal(offer.schema, 1);
  const taken = await scene.run("ola", "files", "accept", offer.id.slice(0, 8)).finished;
  const place = join(scene.home("ola"), "Downloads", "build log.txt");
  assert.deepEqual([taken.code, taken.stdout], [EXIT.ok, `${place}\n`], taken.stderr);
  assert.equal(readFileSync(place, "utf8"), "all green\n");
  const sent = await sending.finished;
  assert.equal(sent.code, EXIT.ok, sent.stderr);
  const report: FileReport = JSON.parse(sent.stdout);
  assert.deepEqual([report.id, report.state], [offer.id, "done"]);

  const second = scene.run("adam", "send-file", "ola", scene.file("adam", "b.txt", "b"));
  const { id } = await offered(scene, "ola", "b.txt");
  assert.equal((await scene.run("ola", "files", "refuse", id).finished).code, EXIT.notConfirmed);
  const refused = await second.finished;
  assert.deepEqual([refused.code, refused.stdout], [EXIT.notConfirmed, ""]);
  assert.match(refused.stderr, /b\.txt \(1 bytes\) to ola: refused: ola does not want it/);

  const run = (...argv: readonly string[]) => scene.run("adam", "send-file", ...argv).finished;
  const third = scene.file("adam", "c.txt", "c");
  assert.equal((await run("ola", third, "--wait", "1s")).code, EXIT.queued);
  assert.equal((await run("ola", third, "--wait", "1s", "--no-queue")).code, EXIT.timeout);
  const nobody = await run("nobody", third);
  assert.equal(nobody.code, EXIT.unknownName);
  assert.match(nobody.stderr, /nobody here is called nobody/);
  const missing = await run("ola", join(scene.home("adam"), "missing"));
  assert.equal(missing.code, EXIT.usage);
  assert.match(missing.stderr, /there is no file .*missing/);
  assert.equal((await run("ola", scene.home("adam"))).code, EXIT.usage);
  // The one that was left waits in the archive, and the next program of the user has it.
  const list = await scene.run("adam", "files").finished;
  assert.match(list.stdout, /^[0-9a-f]{8} {2}c\.txt \(1 bytes\) to ola: ola has not answered$/m);
  const none = await scene.run("adam", "files", "cancel", "ffff").finished;
  assert.equal(none.code, EXIT.unknownName);
});

for (const [columns, rows] of [
  [80, 24],
  [200, 60],
] as const) {
  test(`the full screen, ${columns}x${rows}: offered, taken, seen on both sides; after a change of size as well`, async (t) => {
    const scene = await Scene.open(t);
    const [adam, ola] = [await scene.screen("adam", columns, rows), await scene.screen("ola", columns, rows)];
    await ola.shows(/▸ ● adam +online/);
    await adam.shows(/▸ ● ola +online/);
    const path = scene.file("adam", "photo.jpg", "");
    truncateSync(path, 3_000_000);
    await adam.type(`/send-file ola ${path}`);
    await adam.keys("Enter");
    // Whoever offers first is opened, as whoever writes first is.
    await ola.shows(/file 1 from adam: photo\.jpg, 2\.9 MiB/);
    await ola.shows("to take it: /accept 1, else: /refuse 1");
    await ola.type("/accept");
    await ola.keys("Enter");
    await ola.shows(/✓ \S*Downloads\/photo\.jpg/);
    await adam.type("/talk ola");
    await adam.keys("Enter");
    await adam.shows(/file 1 to ola: photo\.jpg, 2\.9 MiB/);
    await adam.shows("✓ ola has it");
    await ola.resize(60, 20);
    await ola.shows(/file 1 from adam: photo\.jpg, 2\.9 MiB/);
    await adam.type("/files");
    await adam.keys("Enter");
    await adam.shows(/1 {2}photo\.jpg \(2\.9 MiB\) to ola: ✓ ola has it/);
  });
}

test("the line interface: Tab completes a path, what happens is said in lines", async (t) => {
  const scene = await Scene.open(t);
  const home = { HOME: scene.home("adam"), XDG_CONFIG_HOME: "" };
  const client = scene.registry.client("adam", "--plain", "--nick", "adam");
  const adam = await scene.people.run({ ...client, environment: { ...client.environment, ...home } });
  const ola = await scene.screen("ola");
  await adam.shows(/^ola .* online|^ola is online/m);
  await ola.shows(/▸ ● adam +online/);
  scene.file("adam", "report final.txt", "x".repeat(2_048));
  await adam.type("/send-file ola ~/rep");
  await adam.keys("Tab");
  await adam.shows("/send-file ola ~/report final.txt");
  await adam.keys("Enter");
  await adam.shows("file 1: report final.txt (2.0 KiB) is offered to ola");
  await ola.shows("to take it: /accept 1, else: /refuse 1");
  await ola.type("/refuse 1");
  await ola.keys("Enter");
  await adam.shows("ola does not want report final.txt");
  await ola.shows("refused: by you");
});
