import assert from "node:assert/strict";
import { test } from "node:test";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";

/** What was said and what waits, over restarts, on the full screen. */

for (const [columns, rows] of [
  [80, 24],
  [200, 60],
] as const) {
  test(`a message to somebody away waits, marked so, and arrives; all is there and found after a restart, at ${columns}x${rows}`, async (t) => {
    const registry = await Registry.start({ realm: "office" });
    const people = new People(registry);
    t.after(async () => {
      await people.dispose();
      await registry.dispose();
    });
    let adam = await people.screen("adam", columns, rows);
    await adam.shows("You are online as adam");
    let ola = await people.screen("ola", columns, rows);
    await adam.shows("it goes to ola");
    const lines = Array.from({ length: 40 }, (_, index) => `point ${index + 1} of the plan`);
    await adam.paste(lines.join("\n"));
    await adam.shows(/point 40 of the plan$/);
    await adam.keys("Enter");
    await adam.shows("point 40 of the plan ✓");
    await ola.shows("point 40 of the plan");
    await people.leave(ola);
    await adam.shows(/○ ola · offline since/);
    await adam.type("the printer's password is on its back");
    await adam.keys("Enter");
    await adam.shows(/on its back ◷ waiting[^\n]*\n[^\n]* kept for ola, who is offline/);
    await people.leave(adam);
    adam = await people.screen("adam", columns, rows);
    await adam.shows(/ 1 (○ )?ola /);
    await adam.keys("M-1");
    await adam.shows(/on its back ◷ waiting/);
    ola = await people.screen("ola", columns, rows);
    await adam.shows(/on its back ✓/);
    await ola.shows(/1 new/);
    await ola.shows(/adam +the printer's password/);
    await adam.keys("PageUp", "PageUp", "PageUp");
    await adam.shows(/you +point 1 of the plan/);
    await ola.keys("C-f");
    await ola.shows("type words that were said");
    await ola.type("password printer");
    await ola.shows(/▸ .*adam +the printer's password is on its back/);
    await ola.keys("Enter");
    await ola.shows(/▸\d\d:\d\d adam +the printer's password/);
    assert.doesNotMatch(await ola.screen(), /waiting/);
    const isSmall = columns === 80;
    await ola.resize(isSmall ? 200 : 80, isSmall ? 60 : 24);
    await ola.shows(/adam +the printer's password is on its back/);
    await people.leave(adam, ola);
  });
}
