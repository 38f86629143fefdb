import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { Pins } from "../../src/chat/pins.ts";
import { KeptPins } from "../../src/io/chat-pins.ts";
import { PinFile } from "../../src/io/pin-file.ts";
import { scratchDirectory } from "../support/chat-shell.ts";
import { Watched } from "../support/until.ts";

const KEY = "a0".repeat(32) as Fingerprint;
const OTHER = "b1".repeat(32) as Fingerprint;
const ola = { kind: "peer", name: "ola" } as const;
const eva = { kind: "peer", name: "eva" } as const;

function scene(t: TestContext, directory = scratchDirectory(t)) {
  const watched = new Watched();
  const told: Pins[] = [];
  const troubles: string[] = [];
  const kept = new KeptPins({
    file: new PinFile(join(directory, "trusted-keys")),
    onPins: (pins) => {
      told.push(pins);
      watched.changed();
    },
    onTrouble: (text) => {
      troubles.push(text);
      watched.changed();
    },
  });
  t.after(() => kept.close());
  return { directory, kept, told, troubles, watched };
}

test("a change is on disk and told; the same again is neither", (t) => {
  const { directory, kept, told } = scene(t);
  kept.change({ type: "meet", subject: ola, fingerprint: KEY, at: 1 });
  kept.change({ type: "meet", subject: ola, fingerprint: KEY, at: 2 });
  assert.equal(told.length, 1);
  assert.equal(new PinFile(join(directory, "trusted-keys")).read().find(ola)?.fingerprint, KEY);
  kept.change({ type: "meet", subject: ola, fingerprint: OTHER, at: 3 });
  assert.deepEqual(
    [kept.pins.find(ola)?.fingerprint, kept.pins.find(ola)?.refused?.fingerprint],
    [KEY, OTHER],
  );
  kept.change({ type: "accept", subject: ola, fingerprint: OTHER, at: 4 });
  assert.equal(kept.pins.find(ola)?.by, "user");
  kept.change({ type: "forget", subject: ola });
  assert.equal(kept.pins.find(ola), undefined);
});

test("what another program accepts is told at once", async (t) => {
  const { directory, kept, told, watched } = scene(t);
  kept.change({ type: "meet", subject: ola, fingerprint: KEY, at: 1 });
  const elsewhere = new PinFile(join(directory, "trusted-keys"));
  elsewhere.update((pins) => pins.accept(ola, OTHER, 2));
  await watched.until("the other's change", () => told.at(-1)?.find(ola)?.fingerprint === OTHER);
});

test("keys that cannot be written are remembered by this program, said once, and written when it works again", (t) => {
  const { directory, kept, told, troubles } = scene(t);
  rmSync(directory, { recursive: true });
  // Where the directory was there is a file: nothing can be made below it.
  writeFileSync(directory, "");
  kept.change({ type: "meet", subject: ola, fingerprint: KEY, at: 1 });
  kept.change({ type: "meet", subject: eva, fingerprint: KEY, at: 1 });
  assert.equal(kept.pins.find(ola)?.fingerprint, KEY);
  assert.deepEqual([told.length, troubles.length], [2, 1]);
  assert.match(troubles[0] ?? "", /keys are remembered by this program only/);
  rmSync(directory);
  kept.change({ type: "meet", subject: eva, fingerprint: KEY, at: 2 });
  const onDisk = new PinFile(join(directory, "trusted-keys")).read();
  assert.deepEqual([onDisk.find(ola)?.fingerprint, onDisk.find(eva)?.fingerprint], [KEY, KEY]);
});

test("a file that became unreadable changes nothing, and is said", (t) => {
  const { directory, kept, told, troubles } = scene(t);
  kept.change({ type: "meet", subject: ola, fingerprint: KEY, at: 1 });
  writeFileSync(join(directory, "trusted-keys.9"), "garbage", { mode: 0o600 });
  kept.refresh();
  kept.refresh();
  assert.equal(kept.pins.find(ola)?.fingerprint, KEY);
  assert.deepEqual([told.length, troubles.length], [1, 1]);
  assert.match(troubles[0] ?? "", /it was left as it is/);
});
