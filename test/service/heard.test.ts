import assert from "node:assert/strict";
import { test } from "node:test";
import type { ArchiveChange } from "../../src/chat/archive.ts";
import { Heard, newestIn, type Received } from "../../src/service/heard.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { received, sent } from "../contract/archive-store.ts";
import { WALL } from "../support/stores.ts";

/** What a program is told of the messages that a holder stored before it was killed. */

function scene(...changes: readonly ArchiveChange[]) {
  const archive = new MemoryArchive({ wall: () => WALL, isLasting: true });
  archive.commit(changes);
  const missed: string[] = [];
  const troubles: string[] = [];
  const heard = new Heard({
    openArchive: () => archive,
    missed: ({ message, stored }) => missed.push(`${stored?.seq} ${message.text}`),
    trouble: (text) => troubles.push(text),
  });
  return { archive, missed, troubles, heard };
}

/** A holder tells of a message. */
function told(seq: number): Received {
  const change = received(seq, "ola", `told ${seq}`);
  assert.ok(change.type === "received");
  return { type: "received", message: change.message.message, stored: { seq, at: WALL } };
}

test("what was there when the program began is not told", () => {
  const { heard, missed } = scene(received(1, "ola", "old"));
  heard.holderFound(1);
  assert.deepEqual([heard.through, missed], [1, []]);
});

test("what the holder had stored and not told is told once when there is another one, and what we wrote is not", () => {
  const { archive, heard, missed } = scene(received(1, "ola", "old"), received(2, "ola", "heard"));
  heard.holderFound(1);
  heard.received(told(2));
  archive.commit([sent(7, "ola", "mine"), received(undefined, "bob", "by mp1"), received(4, "ola", "lost")]);
  heard.holderEnded();
  assert.deepEqual(missed, []);
  heard.holderFound(newestIn(archive));
  assert.deepEqual(missed, ["4 by mp1", "5 lost"]);
  heard.holderEnded();
  heard.holderFound(newestIn(archive));
  assert.deepEqual([heard.through, missed.length], [5, 2]);
});

test("a message of the new holder comes before it says how far it is: what was missed goes first", () => {
  const { archive, heard, missed } = scene();
  heard.holderFound(0);
  archive.commit([received(1, "ola", "missed"), received(2, "ola", "its own")]);
  heard.holderEnded();
  heard.received(told(2));
  assert.deepEqual(missed, ["1 missed"]);
  heard.holderFound(1);
  assert.deepEqual([heard.through, missed], [2, ["1 missed"]]);
});

test("more than a page of it comes whole and in order", () => {
  const { archive, heard, missed } = scene();
  heard.holderFound(0);
  archive.commit(Array.from({ length: 1_001 }, (_, index) => received(index + 1, "ola", `${index}`)));
  heard.holderEnded();
  heard.holderFound(newestIn(archive));
  assert.deepEqual(
    missed,
    Array.from({ length: 1_001 }, (_, index) => `${index + 1} ${index}`),
  );
});

test("an archive that was made anew begins again: nothing of before is told twice, and nothing after is left out", () => {
  const { heard, missed } = scene(received(1, "ola", "salvaged"));
  heard.holderFound(500);
  heard.holderEnded();
  heard.holderFound(1);
  assert.deepEqual([heard.through, missed], [1, []]);
});

test("an archive that cannot be read is said", () => {
  const archive = new MemoryArchive({ wall: () => WALL });
  archive.page = () => {
    throw new Error("the disk is on fire");
  };
  const troubles: string[] = [];
  const heard = new Heard({
    openArchive: () => archive,
    missed: () => assert.fail("nothing can be told"),
    trouble: (text) => troubles.push(text),
  });
  assert.equal(newestIn(archive), undefined);
  heard.holderFound(3);
  heard.holderEnded();
  heard.holderFound(5);
  assert.match(troubles.join(), /while your presence moved cannot be read: the disk is on fire/);
});
