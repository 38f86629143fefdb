import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  LAST_SEEN_MILLIS,
  Ledger,
  MAX_NAMES_PER_KEY,
  RETRY_MILLIS,
  SHARED_COMMIT_MILLIS,
  type Ticket,
  type Verdict,
} from "../../src/roster/ledger.ts";
import { SEQ_BLOCK } from "../../src/roster/seq-reserve.ts";
import { MAX_BAN_REASON_LENGTH, type StoreChange, StoreError } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { binding, key, nick, seededRandom, WALL } from "../support/stores.ts";

const FULL = new StoreError("Cannot write the store: no space left (free some space)", "full");

class CountingStore extends MemoryStore {
  readonly commits: (readonly StoreChange[])[] = [];

  override commit(changes: readonly StoreChange[]): void {
    this.commits.push(changes);
    super.commit(changes);
  }
}

function open(store = new CountingStore(), now = 0, seed = 1) {
  return { store, ledger: new Ledger(store, seededRandom(seed), now) };
}

function ticketOf(verdict: Verdict): Ticket {
  if (verdict.verdict !== "pending") assert.fail(verdict.verdict);
  return verdict.ticket;
}

test("a binding is in force at once and acknowledged when it is durable; many share a commit", () => {
  const { store, ledger } = open();
  const commits = store.commits.length;
  const tickets = Array.from({ length: 100 }, (_, index) =>
    ticketOf(ledger.bind(nick(`n${index}`), key(index), WALL, 5)),
  );
  assert.equal(ledger.bind(nick("N7"), key(8), WALL, 6).verdict, "taken");
  assert.deepEqual(ledger.bind(nick("N7"), key(7), WALL, 6), { verdict: "pending", ticket: tickets[7] });
  assert.equal(ledger.flushAt(), 5 + SHARED_COMMIT_MILLIS);
  assert.deepEqual(ledger.flush(15).durable, tickets);
  assert.equal(store.commits.length, commits + 1);
  assert.deepEqual(ledger.bind(nick("N7"), key(7), WALL, 20), { verdict: "done" });
  assert.equal(ledger.flushAt(), undefined);
  assert.equal(open(store).ledger.counts.bindings, 100);
});

test("forgetting frees a name, durable like a binding", () => {
  const { store, ledger } = open();
  ledger.bind(nick("ola"), key(1), WALL, 0);
  ledger.flush(10);
  const ticket = ticketOf(ledger.unbind(nick("OLA"), 20));
  assert.equal(ticketOf(ledger.unbind(nick("ola"), 20)), ticket, "asked twice, not done yet");
  ledger.bind(nick("ola"), key(2), WALL, 20);
  ledger.flush(30);
  assert.deepEqual(store.load().bindings, [binding("ola", 2)]);
  assert.deepEqual(ledger.unbind(nick("nobody"), 40), { verdict: "done" });
});

test("a store that fails: what was pending is undone, new things are refused for a while, the rest goes on", () => {
  const { store, ledger } = open();
  ledger.bind(nick("ola"), key(1), WALL, 0);
  ledger.flush(10);
  store.failWith(FULL);
  const tickets = [
    ticketOf(ledger.unbind(nick("ola"), 20)),
    ticketOf(ledger.bind(nick("ola"), key(2), WALL, 20)),
    ticketOf(ledger.bind(nick("eva"), key(2), WALL, 20)),
    ticketOf(ledger.ban(key(9), "", WALL, 20)),
  ];
  assert.deepEqual(ledger.flush(30), { durable: [], refused: tickets, error: FULL });
  assert.equal(ledger.holderOf("ola")?.fingerprint, key(1));
  assert.equal(ledger.holderOf("eva"), undefined);
  assert.equal(ledger.banOf(key(9)), undefined);
  assert.deepEqual(ledger.bind(nick("eva"), key(2), WALL, 31), { verdict: "refused", text: FULL.message });
  assert.deepEqual(ledger.bind(nick("ola"), key(1), WALL + 1, 31), { verdict: "done" });
  assert.equal(ledger.trouble, FULL);

  store.failWith(undefined);
  assert.equal(ledger.bind(nick("eva"), key(2), WALL, 30 + RETRY_MILLIS).verdict, "pending");
  ledger.flush(31 + RETRY_MILLIS);
  assert.equal(ledger.trouble, undefined);
  assert.equal(store.load().bindings.length, 2);
});

test("last seen is written together and in time, and waits for a store that works", () => {
  const { store, ledger } = open();
  for (let index = 0; index < 10; index += 1) ledger.bind(nick(`n${index}`), key(index), WALL, 0);
  ledger.flush(10);
  for (let index = 0; index < 10; index += 1)
    ledger.seen(nick(`n${index}`), WALL + 1_000 + index, 100 + index);
  assert.equal(ledger.flushAt(), 100 + LAST_SEEN_MILLIS);
  store.failWith(FULL);
  ledger.flush(100 + LAST_SEEN_MILLIS);
  assert.equal(ledger.flushAt(), 100 + LAST_SEEN_MILLIS + RETRY_MILLIS);
  store.failWith(undefined);
  ledger.flush(100 + LAST_SEEN_MILLIS + RETRY_MILLIS);
  assert.equal(ledger.flushAt(), undefined);
  assert.deepEqual(
    store.load().bindings.map(({ lastSeen }) => lastSeen - WALL),
    Array.from({ length: 10 }, (_, index) => 1_000 + index),
  );
});

test("a name that is forgotten leaves no last seen behind that could never be written", () => {
  const { ledger } = open();
  ledger.bind(nick("ola"), key(1), WALL, 0);
  ledger.flush(10);
  ledger.seen(nick("ola"), WALL + 1, 20);
  ledger.unbind(nick("ola"), 20);
  ledger.flush(30);
  assert.equal(ledger.flushAt(), undefined);
});

test("everything is written at the end, however much", () => {
  const { store, ledger } = open();
  for (let index = 0; index < 5_000; index += 1) ledger.bind(nick(`n${index}`), key(index), WALL, 0);
  for (let index = 0; index < 5_000; index += 1) ledger.seen(nick(`n${index}`), WALL + 1, 0);
  ledger.flushAll(1);
  assert.ok(store.load().bindings.every(({ lastSeen }) => lastSeen === WALL + 1));
  assert.equal(store.load().bindings.length, 5_000);
});

test("one key has so many names, which it gets back by having some forgotten", () => {
  const { ledger } = open();
  for (let index = 0; index < MAX_NAMES_PER_KEY; index += 1) ledger.bind(nick(`n${index}`), key(1), WALL, 0);
  assert.equal(ledger.bind(nick("more"), key(1), WALL, 0).verdict, "refused");
  ledger.unbind(nick("n0"), 0);
  assert.equal(ledger.bind(nick("more"), key(1), WALL, 0).verdict, "pending");
});

test("bans: by key, with a reason of one line, listed and lifted", () => {
  const { store, ledger } = open();
  ledger.ban(key(1), `line\none \ud83d\ude00${"x".repeat(300)}`, WALL, 0);
  ledger.ban(key(2), `${"x".repeat(MAX_BAN_REASON_LENGTH - 1)}\ud83d\ude00`, WALL, 0);
  ledger.flush(10);
  assert.deepEqual(ledger.ban(key(1), "again", WALL, 20), { verdict: "done" });
  assert.match(ledger.banOf(key(1))?.reason ?? "", /^line one \u{1f600}x+$/u);
  assert.equal([...ledger.bans()].length, 2);
  ledger.unban(key(1), 20);
  assert.deepEqual(ledger.unban(key(3), 20), { verdict: "done" });
  ledger.flush(30);
  assert.deepEqual(
    store.load().bans.map(({ fingerprint }) => fingerprint),
    [key(2)],
  );
});

test("seq grows by one, costs a commit in tens of thousands, and goes on above after a restart", () => {
  const { store, ledger } = open();
  const commits = store.commits.length;
  const { epoch } = ledger;
  for (let index = 1; index <= 3 * SEQ_BLOCK; index += 1) {
    assert.deepEqual(ledger.nextSeq(), { epoch, seq: index });
    if (ledger.flushAt() !== undefined) ledger.flush(index);
  }
  assert.ok(store.commits.length - commits <= 7, `${store.commits.length - commits} commits`);
  const after = open(store, 0, 2).ledger;
  assert.equal(after.epoch, epoch);
  assert.ok(after.nextSeq().seq > 3 * SEQ_BLOCK);
});

test("while no numbers can be reserved, an epoch in memory alone takes over, and none comes twice", () => {
  const { store, ledger } = open();
  const first = ledger.epoch;
  store.failWith(FULL);
  const given = new Set<string>();
  for (let index = 0; index < 2 * SEQ_BLOCK; index += 1) {
    const { epoch, seq } = ledger.nextSeq();
    given.add(`${epoch} ${seq}`);
  }
  assert.equal(given.size, 2 * SEQ_BLOCK);
  assert.notEqual(ledger.epoch, first);
  assert.equal(ledger.flush(1_000).error, FULL);

  const crashed = open(store, 0, 2).ledger;
  const { epoch, seq } = crashed.nextSeq();
  assert.ok(!given.has(`${epoch} ${seq}`));

  store.failWith(undefined);
  const volatile = ledger.epoch;
  ledger.flush(1_000 + RETRY_MILLIS);
  assert.equal(ledger.epoch, volatile, "the epoch of memory is stored as it is");
  assert.equal(open(store, 0, 3).ledger.epoch, volatile);
});

test("a new epoch on request is stored with the next commit", () => {
  const { store, ledger } = open();
  const before = ledger.epoch;
  ledger.nextSeq();
  ledger.newEpoch();
  assert.notEqual(ledger.epoch, before);
  assert.equal(ledger.nextSeq().seq, 1);
  assert.notEqual(ledger.flushAt(), undefined);
  ledger.flush(1);
  assert.equal(open(store, 0, 2).ledger.epoch, ledger.epoch);
});

test("whatever happens, what was acknowledged is stored and no binding moves between keys", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("bind" as const), name: fc.nat(5), owner: fc.nat(3) }),
    fc.record({ do: fc.constant("unbind" as const), name: fc.nat(5), owner: fc.constant(0) }),
    fc.record({
      do: fc.constantFrom("flush", "fail", "heal", "crash", "seen"),
      name: fc.nat(5),
      owner: fc.nat(3),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const store = new CountingStore();
      let { ledger } = open(store);
      let now = 0;
      /** Name → owner as acknowledged, and by ticket what would be. */
      const acknowledged = new Map<number, number | undefined>();
      const pending = new Map<Ticket, { readonly name: number; readonly owner: number | undefined }>();
      for (const { do: what, name, owner } of steps) {
        now += 700;
        if (what === "bind" || what === "unbind") {
          const verdict =
            what === "bind"
              ? ledger.bind(nick(`n${name}`), key(owner), WALL, now)
              : ledger.unbind(nick(`n${name}`), now);
          const wanted = { name, owner: what === "bind" ? owner : undefined };
          if (verdict.verdict === "pending") pending.set(verdict.ticket, wanted);
          if (verdict.verdict === "done") assert.equal(acknowledged.get(name), wanted.owner);
        } else if (what === "flush") {
          const { durable } = ledger.flush(now);
          for (const ticket of durable) {
            const change = pending.get(ticket);
            if (change !== undefined) acknowledged.set(change.name, change.owner);
          }
          pending.clear();
        } else if (what === "seen") ledger.seen(nick(`n${name}`), WALL + now, now);
        else if (what === "crash") {
          ledger = open(store, now).ledger;
          pending.clear();
        } else store.failWith(what === "fail" ? FULL : undefined);
        const stored = new Map(store.load().bindings.map((one) => [String(one.nickname), one.fingerprint]));
        for (const [bound, owned] of acknowledged) {
          assert.equal(stored.get(`n${bound}`), owned === undefined ? undefined : key(owned));
        }
      }
    }),
    { numRuns: 500 },
  );
});
