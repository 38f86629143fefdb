import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";

/** Whom one does not want to hear, as a person sees it, on the full screen and in lines. */

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

for (const [columns, rows] of [
  [80, 24],
  [160, 50],
] as const) {
  test(`ignored and heard again, blocked and not any more, at ${columns}x${rows}`, async () => {
    const [ida, bea] = [`ida${columns}`, `bea${columns}`];
    const adam = await people.screen(`adam${columns}`, columns, rows);
    await adam.shows(`online as adam${columns}`);
    const other = await people.chat(ida, 100, 30);
    await other.shows(`online as ${ida}`);
    const third = await people.chat(bea, 100, 30);
    await third.shows(`online as ${bea}`);
    await adam.type(`/ignore ${ida}`);
    await adam.keys("Enter");
    await adam.shows(`${ida} is ignored from now on`);
    await other.type(`msg adam${columns} you do not see this`);
    await other.keys("Enter");
    await other.shows(/you do not see this ✓/);
    await third.type(`msg adam${columns} but this`);
    await third.keys("Enter");
    const screen = await adam.shows(/but this/);
    assert.doesNotMatch(screen, /you do not see this/);
    // By key: a script of the same user says who, and what came is in the history, marked.
    const list = await registry.run("--nick", `adam${columns}`, "list").finished;
    assert.match(list.stdout, new RegExp(`^${ida} .* ignored`, "m"));
    const history = await registry.run("--nick", `adam${columns}`, "history").finished;
    assert.match(history.stdout, new RegExp(`${ida}: you do not see this \\(ignored\\)`));
    assert.equal((await registry.run("--nick", `adam${columns}`, "trust", "unignore", ida).finished).code, 0);
    await adam.shows(`${ida} is heard again`);
    await other.type(`msg adam${columns} now you do`);
    await other.keys("Enter");
    await adam.keys("M-a");
    await adam.shows(/now you do/);
    assert.equal((await registry.run("--nick", `adam${columns}`, "trust", "block", ida).finished).code, 0);
    await adam.shows(`${ida} is blocked from now on`);
    await other.type(`msg adam${columns} knock knock`);
    await other.keys("Enter");
    await other.shows(/kept for adam\d+, tried again by itself: adam\d+'s client has too many connections/);
    const { stdout } = await registry.run("--nick", `adam${columns}`, "trust", "list", "--json").finished;
    const [item] = JSON.parse(stdout).restrictions;
    assert.deepEqual([item.name, item.level, item.fingerprint.length], [ida, "blocked", 64]);
    await adam.type(`/unblock ${ida}`);
    await adam.keys("Enter");
    await adam.shows(`${ida} is heard again`);
    await adam.shows(/knock knock/, 90_000);
    await people.leave(other, third, adam);
  });
}
