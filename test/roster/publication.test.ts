import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChangeLog } from "../../src/roster/change-log.ts";
import { EncodedOnce } from "../../src/roster/encoded-once.ts";
import {
  type Ask,
  baseOf,
  type Change,
  type Delta,
  ENTRY_BYTES_AT_MOST,
  type Listed,
  type Page,
  sameListed,
  weighListed,
} from "../../src/roster/listed.ts";
import { portions } from "../../src/roster/portions.ts";
import { DEFAULT_PUBLICATION_LIMITS, Publication } from "../../src/roster/publication.ts";
import type { Address, RoomName, SessionId, StatusText } from "../../src/wire/mp2-values.ts";
import { byName, difference, epoch, listed, nick, offline } from "./entries.ts";

const EPOCH = epoch("00000000000000e1");
const ALL: Ask = { type: "roster" };

function names(delta: Delta | undefined): string {
  const words = delta?.changes.map((change) =>
    change.type === "put" ? `+${change.entry.nick}` : `-${change.nick}`,
  );
  return words?.join(" ") ?? "";
}

function kinds(messages: readonly (Delta | Page)[]): string {
  return messages.map(({ type, seq }) => `${type} ${seq}`).join(", ");
}

/** A publication of so many entries at that number. */
function populated(count: number, limits = {}): Publication {
  const entries = Array.from({ length: count }, (_, index) => listed(`client${index}`));
  return new Publication({ epoch: EPOCH, seq: count, entries, limits });
}

test("a change after a quiet time goes out at once, those of the next 50 ms together", () => {
  const publication = new Publication({ epoch: EPOCH });
  publication.note(1_000, nick("ola"), listed("ola"));
  assert.equal(publication.nextDeadline(), 1_000);
  const [first, ...rest] = publication.advance(1_000);
  assert.deepEqual(first, {
    type: "delta",
    epoch: EPOCH,
    seq: 1,
    changes: [{ type: "put", entry: listed("ola") }],
  });
  assert.deepEqual(rest, []);
  publication.note(1_010, nick("jan"), listed("jan"));
  publication.note(1_049, nick("eva"), listed("eva"));
  publication.note(1_049, nick("ola"), undefined);
  assert.equal(publication.nextDeadline(), 1_050);
  assert.deepEqual(publication.advance(1_049), []);
  const deltas = publication.advance(1_050);
  assert.equal(deltas.length, 1);
  assert.equal(deltas[0]?.seq, 4);
  assert.equal(names(deltas[0]), "+jan +eva -ola");
  assert.equal(publication.nextDeadline(), undefined);
});

test("what was undone before it was told has no number", () => {
  const publication = new Publication({ epoch: EPOCH, seq: 7, entries: [listed("ola")] });
  publication.note(0, nick("ola"), listed("ola", { state: "suspect" }));
  publication.note(10, nick("ola"), listed("ola"));
  publication.note(20, nick("jan"), listed("jan"));
  publication.note(30, nick("JAN"), undefined);
  assert.equal(publication.nextDeadline(), undefined);
  assert.deepEqual(publication.advance(1_000), []);
  assert.equal(publication.seq, 7);
});

test("several changes of one entry are one", () => {
  const publication = new Publication({ epoch: EPOCH });
  for (const state of ["online", "suspect", "away"] as const) {
    publication.note(0, nick("ola"), listed("ola", { state }));
  }
  publication.note(0, nick("Ola"), listed("Ola", { state: "suspect" }));
  const [delta] = publication.advance(0);
  assert.equal(delta?.seq, 1);
  assert.deepEqual(delta.changes, [{ type: "put", entry: listed("Ola", { state: "suspect" }) }]);
});

test("a storm is cut into deltas that fit, numbered without a gap", () => {
  const publication = new Publication({ epoch: EPOCH });
  for (let index = 0; index < 2_000; index += 1) {
    publication.note(0, nick(`client${index}`), listed(`client${index}`));
  }
  const deltas = publication.advance(0);
  let seq = 0;
  for (const delta of deltas) {
    assert.equal(baseOf(delta), seq);
    seq = delta.seq;
    const weight = delta.changes.reduce((sum, change) => sum + weighChange(change), 0);
    assert.ok(weight <= DEFAULT_PUBLICATION_LIMITS.deltaBytes, `${weight} bytes`);
  }
  assert.equal(seq, 2_000);
  assert.ok(deltas.length < 20, `${deltas.length} deltas`);
});

function weighChange(change: Change): number {
  return weighListed(change.type === "put" ? change.entry : change.nick);
}

test("no entry is heavier than its bound", () => {
  const heaviest: Listed = {
    ...offline("🦊".repeat(32)),
    address: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" as Address,
    status: "🦊".repeat(128) as StatusText,
    session: "ab".repeat(16) as SessionId,
    rooms: Array.from({ length: 16 }, () => "🦊".repeat(32) as RoomName),
  };
  assert.equal(weighListed(heaviest), ENTRY_BYTES_AT_MOST);
  assert.ok(ENTRY_BYTES_AT_MOST < DEFAULT_PUBLICATION_LIMITS.deltaBytes);
  assert.ok(ENTRY_BYTES_AT_MOST < DEFAULT_PUBLICATION_LIMITS.pageBytes);
});

test("pages: all entries once, each page within its bytes, an empty roster has one", () => {
  const empty = new Publication({ epoch: EPOCH });
  const page = { type: "page", epoch: EPOCH, seq: 0, index: 0, count: 1, entries: [] };
  assert.deepEqual(empty.answer(ALL), [page]);
  const publication = populated(5_000);
  const answer = publication.answer(ALL);
  const pages = answer.filter((message) => message.type === "page");
  assert.equal(pages.length, answer.length, "no deltas: the snapshot is new");
  for (const [index, { count, entries, seq, index: own }] of pages.entries()) {
    assert.deepEqual([own, count, seq], [index, pages.length, 5_000]);
    const weight = entries.reduce((sum, entry) => sum + weighListed(entry), 0);
    assert.ok(weight <= DEFAULT_PUBLICATION_LIMITS.pageBytes);
  }
  const all = pages.flatMap(({ entries }) => entries);
  assert.equal(all.length, 5_000);
  assert.equal(difference(byName(all), byName(publication.entries())), undefined);
});

test("a snapshot shows only what has a number, and serves many", () => {
  const publication = populated(100);
  publication.note(0, nick("eva"), listed("eva"));
  const before = publication.answer(ALL);
  assert.equal(kinds(before), "page 100");
  publication.advance(0);
  const after = publication.answer(ALL);
  assert.equal(kinds(after), "page 100, delta 101");
  assert.equal(after[0], before[0], "the same object");
  for (let index = 0; index < 60; index += 1) {
    publication.note(index, nick("eva"), listed("eva", { port: index + 1 }));
    publication.advance(publication.nextDeadline() ?? 0);
  }
  assert.equal(kinds(publication.answer(ALL)), "page 161", "too many changes since: a new one");
});

test("a message is encoded once, whoever gets it and why", () => {
  let times = 0;
  const encoded = new EncodedOnce(({ seq }) => {
    times += 1;
    return Uint8Array.of(seq);
  });
  const publication = populated(5);
  publication.note(0, nick("eva"), listed("eva"));
  const [told] = publication.advance(0);
  const [repaired] = publication.answer({ type: "changes", epoch: EPOCH, seq: 5 });
  assert.ok(told !== undefined && repaired !== undefined);
  assert.equal(encoded.of(told), encoded.of(repaired));
  for (let round = 0; round < 3; round += 1) publication.answer(ALL).map((message) => encoded.of(message));
  assert.equal(times, 2, "one delta, one page");
});

test("a gap is filled from the log, unless pages cost less or the log is too short", () => {
  const publication = populated(100, { logChanges: 90 });
  const ask = (seq: number): Ask => ({ type: "changes", epoch: EPOCH, seq });
  for (let index = 0; index < 95; index += 1) {
    publication.note(index * 50, nick("eva"), listed("eva", { port: index + 1 }));
    publication.advance(index * 50);
  }
  assert.equal(publication.seq, 195);
  assert.deepEqual(publication.answer(ask(195)), []);
  assert.equal(kinds(publication.answer(ask(193))), "delta 194, delta 195");
  assert.equal(publication.answer(ask(105)).length, 90);
  assert.equal(kinds(publication.answer(ask(104))), "page 195", "older than the log");
  assert.equal(kinds(publication.answer(ask(196))), "page 195", "a number that is yet to come");
  const other: Ask = { type: "changes", epoch: epoch("00000000000000e2"), seq: 193 };
  assert.equal(kinds(publication.answer(other)), "page 195", "another epoch");
  const few = populated(3);
  for (let index = 0; index < 65; index += 1) {
    few.note(index * 50, nick("eva"), listed("eva", { port: index + 1 }));
    few.advance(index * 50);
  }
  assert.equal(few.answer(ask(4)).length, 64);
  assert.equal(kinds(few.answer(ask(3))), "page 68", "65 deltas for four entries");
});

test("a run of pages that broke off goes on while its snapshot is kept", () => {
  const publication = populated(1_000, { logChanges: 2_000 });
  const run = publication.answer(ALL);
  const rest: Ask = { type: "pages", epoch: EPOCH, seq: 1_000, from: run.length - 1 };
  assert.deepEqual(publication.answer(rest), run.slice(-1));
  assert.deepEqual(
    publication.answer({ ...rest, epoch: epoch("00000000000000e2") }),
    run,
    "of another epoch",
  );
  const churn = (times: number) => {
    for (let index = 0; index < times; index += 1) {
      const at = (publication.seq + 1) * 50;
      publication.note(at, nick("eva"), listed("eva", { port: publication.seq }));
      publication.advance(at);
    }
  };
  churn(600);
  assert.equal(kinds(publication.answer(ALL).slice(0, 1)), "page 1600");
  const answer = publication.answer(rest);
  assert.equal(answer[0], run.at(-1), "the former snapshot's last page");
  assert.equal(answer.length, 601, "and what has changed since");
  churn(600);
  assert.equal(kinds(publication.answer(ALL).slice(0, 1)), "page 2200");
  assert.equal(kinds(publication.answer(rest).slice(0, 1)), "page 2200", "begun anew");
});

test("the log leads from any state in it to the present", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 60 }), fc.nat(100), (sizes, capacity, first) => {
      const log = new ChangeLog(first, capacity);
      let seq = first;
      for (const size of sizes) {
        seq += size;
        const changes = Array.from({ length: size }, (): Change => ({ type: "remove", nick: nick("ola") }));
        log.add({ type: "delta", epoch: EPOCH, seq, changes });
      }
      for (let from = first; from <= seq; from += 1) {
        const deltas = log.since(from);
        assert.equal(deltas !== undefined, log.reaches(from));
        if (seq - from <= capacity - 9) assert.ok(deltas !== undefined, `${seq - from} changes ago`);
        let reached = from;
        for (const delta of deltas ?? []) {
          assert.ok(baseOf(delta) <= reached && delta.seq > reached);
          reached = delta.seq;
        }
        if (deltas !== undefined) assert.equal(reached, seq);
        const held = (log.since(from) ?? []).reduce((sum, delta) => sum + delta.changes.length, 0);
        assert.ok(held <= capacity);
      }
    }),
  );
});

test("portions keep the order, lose nothing and stay within the limit", () => {
  const items = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 100 });
  fc.assert(
    fc.property(items, fc.integer({ min: 50, max: 200 }), (sizes, limit) => {
      const cut = portions(sizes, (size) => size, limit);
      assert.deepEqual(cut.flat(), sizes);
      for (const portion of cut) {
        assert.ok(portion.length > 0 && portion.reduce((sum, size) => sum + size, 0) <= limit);
      }
    }),
  );
  assert.throws(() => portions([51], (size) => size, 50), { name: "MisuseError" });
});

test("entries are the same when each fact is", () => {
  const entry = listed("ola", { status: "here" as StatusText, session: "ab" as SessionId });
  assert.ok(sameListed(entry, { ...entry }));
  const { status: _, ...silent } = entry;
  const others: readonly Listed[] = [
    { ...entry, nick: nick("Ola") },
    { ...entry, fingerprint: null },
    { ...entry, address: "10.0.0.6" as Address },
    { ...entry, port: 1 },
    { ...entry, kind: "mp1-own" },
    { ...entry, state: "away" },
    { ...entry, state: "offline", reason: "left" },
    { ...entry, lastSeen: 1 },
    { ...entry, session: "cd" as SessionId },
    { ...entry, status: "there" as StatusText },
    silent,
  ];
  for (const other of others) assert.ok(!sameListed(entry, other), JSON.stringify(other));
  assert.ok(!sameListed(offline("ola"), { ...offline("ola"), state: "offline", reason: "lost" }));
});

test("numbers from elsewhere: one a change; another epoch among them makes everything told before void", () => {
  const other = epoch("00000000000000e2");
  const numbers = [
    { epoch: EPOCH, seq: 8 },
    { epoch: EPOCH, seq: 9 },
    { epoch: other, seq: 1 },
    { epoch: other, seq: 2 },
  ];
  const nextNumber = () => numbers.shift() ?? assert.fail("a number too many");
  const publication = new Publication({ epoch: EPOCH, seq: 7, entries: [listed("ola")], nextNumber });
  publication.answer(ALL);
  publication.note(0, nick("jan"), listed("jan"));
  assert.equal(kinds(publication.advance(0)), "delta 8");
  publication.note(100, nick("eva"), listed("eva"));
  publication.note(100, nick("jan"), undefined);
  assert.deepEqual(publication.advance(100), [], "no delta leads there");
  assert.deepEqual([publication.epoch, publication.seq], [other, 1]);
  const [page, ...rest] = publication.answer({ type: "changes", epoch: EPOCH, seq: 8 });
  assert.deepEqual(rest, []);
  assert.ok(page?.type === "page" && page.epoch === other && page.seq === 1);
  assert.deepEqual(
    page.entries.map((entry) => entry.nick),
    ["ola", "eva"],
  );
  publication.note(200, nick("jan"), listed("jan"));
  assert.equal(kinds(publication.advance(200)), "delta 2");
  assert.equal(kinds(publication.answer({ type: "changes", epoch: other, seq: 1 })), "delta 2");
});
