import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change, Delta, Page } from "../../src/roster/listed.ts";
import { DEFAULT_MIRROR_LIMITS, Mirror, type MirrorLimits } from "../../src/roster/mirror.ts";
import { epoch, listed, nick } from "./entries.ts";

const EPOCH = epoch("00000000000000e1");
const OTHER = epoch("00000000000000e2");
const { askMillis, askMillisAtMost } = DEFAULT_MIRROR_LIMITS;

function put(...names: string[]): Change[] {
  return names.map((name) => ({ type: "put", entry: listed(name) }));
}

function delta(seq: number, changes: readonly Change[], epoch = EPOCH): Delta {
  return { type: "delta", epoch, seq, changes };
}

function page(seq: number, index: number, count: number, ...names: string[]): Page {
  return { type: "page", epoch: EPOCH, seq, index, count, entries: names.map((name) => listed(name)) };
}

function names(mirror: Mirror): string {
  return [...mirror.entries()]
    .map((entry) => entry.nick)
    .sort()
    .join(" ");
}

/** A mirror that shows ola and jan at 10. */
function settled(limits: Partial<MirrorLimits> = {}): Mirror {
  const mirror = new Mirror({ limits });
  mirror.begin(0, EPOCH, 10, true);
  assert.equal(mirror.receive(0, page(10, 0, 1, "ola", "jan")), "applied");
  assert.ok(mirror.isCurrent);
  return mirror;
}

test("a session begins: everything is asked for, or awaited where it is promised", () => {
  const mirror = new Mirror();
  assert.equal(mirror.nextDeadline(), undefined);
  assert.equal(mirror.nextAsk(0), undefined);
  assert.ok(!mirror.isCurrent);
  mirror.begin(5, EPOCH, 0);
  assert.equal(mirror.nextDeadline(), 5);
  assert.deepEqual(mirror.nextAsk(5), { type: "roster" });
  assert.equal(mirror.nextAsk(5), undefined, "asked once");
  const other = new Mirror();
  other.begin(5, EPOCH, 0, true);
  assert.equal(other.nextAsk(4 + askMillis), undefined);
  assert.deepEqual(other.nextAsk(5 + askMillis), { type: "roster" });
});

test("deltas: the next, a repeated, one that overlaps, one too early, and the gap filled", () => {
  const mirror = settled();
  assert.equal(mirror.receive(0, delta(11, put("eva"))), "applied");
  assert.equal(mirror.receive(0, delta(11, put("eva"))), "idle");
  const overlapping = delta(13, [{ type: "remove", nick: nick("eva") }, ...put("kim", "liv")]);
  assert.equal(mirror.receive(0, overlapping), "applied");
  assert.equal(names(mirror), "eva jan kim liv ola", "what was older than the mirror is not applied again");
  assert.equal(mirror.seq, 13);
  assert.equal(mirror.receive(7, delta(15, [{ type: "remove", nick: nick("OLA") }])), "kept");
  assert.equal(mirror.nextDeadline(), 7);
  assert.deepEqual(mirror.nextAsk(7), { type: "changes", epoch: EPOCH, seq: 13 });
  assert.equal(mirror.receive(8, delta(14, put("per"))), "applied");
  assert.equal(mirror.seq, 15);
  assert.equal(names(mirror), "eva jan kim liv per");
  assert.equal(mirror.nextDeadline(), undefined, "nothing lacks");
});

test("pages: in any order, twice, one lost and asked for; deltas meanwhile are applied at the end", () => {
  const mirror = settled();
  mirror.heard(0, EPOCH, 90);
  assert.deepEqual(mirror.nextAsk(0), { type: "changes", epoch: EPOCH, seq: 10 });
  assert.equal(mirror.receive(100, page(90, 3, 4, "liv")), "kept");
  assert.equal(mirror.receive(100, page(90, 3, 4, "liv")), "idle");
  assert.equal(mirror.receive(100, page(90, 0, 4, "eva")), "kept");
  assert.equal(mirror.receive(100, page(90, 1, 5, "per")), "idle", "of another cut");
  assert.equal(mirror.receive(150, delta(91, put("kim"))), "kept");
  assert.equal(mirror.receive(160, page(80, 0, 1, "old")), "idle", "of an older run");
  assert.equal(names(mirror), "jan ola", "what was shown stays until the rest is there");
  assert.equal(mirror.nextAsk(99 + askMillis), undefined, "pages are coming");
  assert.deepEqual(mirror.nextAsk(100 + askMillis), { type: "pages", epoch: EPOCH, seq: 90, from: 1 });
  assert.equal(mirror.receive(3_000, page(90, 2, 4)), "kept");
  assert.equal(mirror.receive(3_000, page(90, 1, 4, "per")), "applied");
  assert.equal(mirror.seq, 91);
  assert.equal(names(mirror), "eva kim liv per");
  assert.equal(mirror.held, 4);
  assert.equal(mirror.receive(3_000, page(90, 1, 4, "per")), "idle", "a late page");
});

test("a newer run replaces an older one; deltas that overtake a run end it", () => {
  const mirror = settled();
  assert.equal(mirror.receive(0, page(20, 0, 2, "x")), "kept");
  assert.equal(mirror.receive(0, page(30, 0, 2, "eva")), "kept");
  assert.equal(mirror.receive(0, page(20, 1, 2, "y")), "idle");
  assert.equal(mirror.held, 3);
  const changes = Array.from({ length: 25 }, (_, index) => put(`client${index}`)).flat();
  assert.equal(mirror.receive(0, delta(35, changes)), "applied");
  assert.equal(mirror.held, 27);
  assert.equal(mirror.receive(0, page(30, 1, 2, "z")), "idle");
  assert.equal(mirror.receive(0, page(37, 0, 2, "z")), "kept");
  assert.equal(mirror.receive(0, delta(37, put("z", "y"))), "applied");
  assert.equal(mirror.held, mirror.size, "a run that says nothing new is not kept");
});

test("names are compared folded, in deltas and in pages", () => {
  const mirror = settled();
  assert.equal(mirror.receive(0, delta(11, put("OLA"))), "applied");
  assert.equal(names(mirror), "OLA jan");
  assert.equal(mirror.find("ola")?.nick, "OLA");
  assert.equal(mirror.receive(0, page(12, 0, 1, "Ola", "JAN")), "applied");
  assert.equal(names(mirror), "JAN Ola");
});

test("asking in vain becomes rare, and quick again when something comes", () => {
  const mirror = settled();
  mirror.heard(0, EPOCH, 20);
  const gaps: number[] = [];
  let now = 0;
  for (let round = 0; round < 8; round += 1) {
    assert.ok(mirror.nextAsk(now) !== undefined);
    const next = mirror.nextDeadline() ?? Number.NaN;
    gaps.push(next - now);
    now = next;
  }
  assert.deepEqual(gaps, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
  assert.equal(askMillisAtMost, 30_000);
  assert.equal(mirror.receive(now, delta(11, put("eva"))), "applied");
  assert.equal(mirror.nextDeadline(), now + askMillis);
  const early = delta(15, put("kim"));
  assert.equal(mirror.receive(now + 1_000, early), "kept");
  assert.equal(mirror.nextDeadline(), now + askMillis, "what is of no use yet does not put off asking");
});

test("another session of the same epoch goes on where the mirror is", () => {
  const mirror = settled();
  mirror.begin(0, EPOCH, 10);
  assert.equal(mirror.nextDeadline(), undefined);
  mirror.receive(0, delta(14, put("x")));
  mirror.receive(0, page(13, 0, 2, "x"));
  mirror.begin(0, EPOCH, 12);
  assert.equal(mirror.held, 2, "nothing half-done of the former session is left");
  assert.deepEqual(mirror.nextAsk(0), { type: "changes", epoch: EPOCH, seq: 10 });
  assert.equal(mirror.receive(0, delta(12, put("eva", "kim"))), "applied");
});

test("another epoch, or numbers that went back: all anew, and nobody seems to leave", () => {
  for (const [epoch, seq] of [
    [OTHER, 10],
    [EPOCH, 9],
  ] as const) {
    const told: string[] = [];
    const mirror = new Mirror({
      changed: (before, after) => told.push(`${before?.nick} ${after?.nick}`),
    });
    mirror.begin(0, EPOCH, 10, true);
    mirror.receive(0, page(10, 0, 1, "ola", "jan"));
    assert.deepEqual(told.splice(0), ["undefined ola", "undefined jan"]);
    mirror.begin(0, epoch, seq);
    assert.equal(names(mirror), "jan ola");
    assert.ok(!mirror.isCurrent);
    assert.equal(mirror.seq, undefined);
    assert.deepEqual(mirror.nextAsk(0), { type: "roster" });
    const run: Page = { ...page(seq, 0, 1, "ola", "eva"), epoch };
    assert.equal(mirror.receive(0, run), "applied");
    assert.deepEqual(told, ["undefined eva", "jan undefined"], "ola has not changed");
  }
});

test("another epoch's messages say nothing, before a session even more so", () => {
  const mirror = new Mirror();
  assert.equal(mirror.receive(0, delta(1, put("x"))), "foreign");
  const met = settled();
  assert.equal(met.receive(0, delta(11, put("x"), OTHER)), "foreign");
  met.heard(0, OTHER, 99);
  assert.equal(met.nextDeadline(), undefined);
  assert.ok(met.isCurrent);
});

test("what no registry of ours sends is refused and changes nothing", () => {
  const mirror = settled({ maxEntries: 4, maxPages: 3, earlyChanges: 3 });
  const refused: readonly (Delta | Page)[] = [
    delta(11, []),
    delta(0, put("x")),
    delta(2 ** 53, put("x")),
    delta(11.5, put("x")),
    delta(Number.NaN, put("x")),
    delta(14, put("a", "b", "c", "d")),
    delta(13, put("a", "b", "c")),
    page(20, -1, 1, "x"),
    page(20, 1, 1, "x"),
    page(20, 0.5, 1, "x"),
    page(20, 0, 4, "x"),
    page(20, 0, 0, "x"),
    page(-1, 0, 1, "x"),
    page(Number.POSITIVE_INFINITY, 0, 1, "x"),
    page(20, 0, 1, "a", "b", "c", "d", "e"),
  ];
  for (const message of refused) {
    assert.equal(mirror.receive(0, message), "refused", JSON.stringify(message));
    assert.equal(names(mirror), "jan ola");
    assert.equal(mirror.held, 2);
    assert.ok(mirror.isCurrent);
  }
  assert.equal(
    mirror.receive(0, delta(13, put("ola", "eva", "kim"))),
    "applied",
    "just as many as there is room for",
  );
});
