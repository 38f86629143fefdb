import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RosterFeed } from "../../src/roster/feed.ts";
import type { Listed } from "../../src/roster/listed.ts";
import { Publication } from "../../src/roster/publication.ts";
import { entryKey, type NewEntry, type Presence } from "../../src/roster/roster.ts";
import type { Fingerprint, RoomName, SessionId, StatusText } from "../../src/wire/mp2-values.ts";
import { foldNickname } from "../../src/wire/nickname.ts";
import { epoch, nick } from "./entries.ts";

const EPOCH = epoch("00000000000000e1");
/** The wall clock at the origin of the monotonic one. */
const UNIX = 1_790_000_000_000;

function feed(restored: readonly Listed[] = [], seq = 0, capacity = 100): RosterFeed {
  const publication = new Publication({ epoch: EPOCH, seq, entries: restored });
  return new RosterFeed({ capacity, publication, unixAt: (at) => UNIX + at });
}

function newcomer(name: string, facts: Partial<NewEntry> = {}): NewEntry {
  const profile = {
    fingerprint: name.padEnd(64, "0") as Fingerprint,
    session: "5e55" as SessionId,
    away: false,
    status: "" as const,
    rooms: [],
  };
  return { address: "10.0.0.5", port: 51_234, nickname: nick(name), client: "mp2", profile, ...facts };
}

function mp1(name: string, port = 51_234): NewEntry {
  return { address: "10.0.0.5", port, nickname: nick(name), client: "own" };
}

/** What is told at `now`, one word a change. */
function told(feed: RosterFeed, now: number): string {
  feed.settle(now);
  return feed.publication
    .advance(now)
    .flatMap(({ changes }) => changes)
    .map((change) =>
      change.type === "remove" ? `-${change.nick}` : `${change.entry.nick}:${change.entry.state}`,
    )
    .join(" ");
}

function join(feed: RosterFeed, entry: NewEntry, now: number): void {
  assert.ok(feed.roster.add(entry, now));
  feed.settle(now);
  feed.roster.setPresence(entryKey(entry.address, entry.port), { state: "online", since: now });
}

test("an mp2 client as everybody sees it, from joining to leaving", () => {
  const subject = feed();
  const key = entryKey("10.0.0.5", 51_234);
  assert.ok(subject.roster.add(newcomer("ola"), 10));
  assert.equal(told(subject, 10), "", "who is joining is not there yet");
  subject.roster.setPresence(key, { state: "online", since: 20 });
  assert.equal(told(subject, 20), "ola:online");
  assert.deepEqual(
    [...subject.publication.entries()],
    [
      {
        nick: "ola",
        fingerprint: "ola".padEnd(64, "0"),
        address: "10.0.0.5",
        port: 51_234,
        kind: "mp2",
        lastSeen: UNIX + 20,
        session: "5e55",
        state: "online",
      },
    ],
  );
  subject.roster.describe(key, { away: true, status: "lunch" as StatusText, rooms: [] });
  assert.equal(told(subject, 100), "ola:away");
  assert.equal([...subject.publication.entries()][0]?.status, "lunch");
  subject.roster.setPresence(key, { state: "suspect", since: 200 });
  assert.equal(told(subject, 200), "ola:suspect");
  subject.roster.setPresence(key, { state: "offline", since: 300, reason: "never-attached" });
  assert.equal(told(subject, 300), "ola:offline");
  const [last] = subject.publication.entries();
  assert.ok(last?.state === "offline");
  assert.deepEqual([last.reason, last.lastSeen, last.session], ["lost", UNIX + 300, undefined]);
});

test("mp1 clients are in the same roster, without a key", () => {
  const subject = feed();
  join(subject, mp1("ola"), 0);
  join(subject, { ...mp1("jan", 51_235), client: "original" }, 0);
  assert.equal(told(subject, 0), "ola:online jan:online");
  const kinds = [...subject.publication.entries()].map(({ kind, fingerprint }) => [kind, fingerprint]);
  assert.deepEqual(kinds, [
    ["mp1-own", null],
    ["mp1-original", null],
  ]);
  assert.equal(
    subject.roster.describe(entryKey("10.0.0.5", 51_234), { away: true, status: "", rooms: [] }),
    undefined,
  );
});

test("who comes back, from wherever, does not seem to leave", () => {
  const subject = feed();
  join(subject, newcomer("ola"), 0);
  told(subject, 0);
  assert.ok(subject.roster.add(newcomer("ola", { port: 60_000 }), 100));
  assert.equal(told(subject, 100), "");
  assert.equal(subject.roster.withFingerprint("ola".padEnd(64, "0"))?.port, 60_000);
  subject.roster.setPresence(entryKey("10.0.0.5", 60_000), { state: "online", since: 200 });
  assert.equal(told(subject, 200), "ola:online");
  assert.equal(subject.publication.size, 1);
});

test("another name for the same key, another client at the same address: the former entry is gone", () => {
  const subject = feed();
  const { profile } = newcomer("ola");
  assert.ok(profile !== undefined);
  join(subject, newcomer("ola"), 0);
  told(subject, 0);
  join(subject, newcomer("per", { port: 60_000, profile }), 100);
  assert.equal(told(subject, 100), "-ola per:online");
  join(subject, newcomer("eva", { port: 60_000 }), 200);
  assert.equal(told(subject, 200), "-per eva:online");
  assert.equal(subject.roster.withFingerprint(profile.fingerprint), undefined);
});

test("a client that moves is told at its new address", () => {
  const subject = feed();
  join(subject, newcomer("ola"), 0);
  told(subject, 0);
  subject.roster.move(entryKey("10.0.0.5", 51_234), "10.0.0.9");
  assert.equal(told(subject, 100), "ola:online");
  assert.equal([...subject.publication.entries()][0]?.address, "10.0.0.9");
  assert.equal(subject.roster.withFingerprint("ola".padEnd(64, "0"))?.address, "10.0.0.9");
});

test("after a restart of the registry nothing is told until somebody comes back, or does not", () => {
  const before = feed();
  join(before, newcomer("ola"), 0);
  join(before, newcomer("jan", { port: 51_235 }), 0);
  join(before, newcomer("eva", { port: 51_236 }), 0);
  before.roster.setPresence(entryKey("10.0.0.5", 51_236), { state: "offline", since: 5, reason: "left" });
  told(before, 5);
  const { seq } = before.publication;
  const after = feed([...before.publication.entries()], seq);
  for (const [index, name] of ["ola", "jan", "eva"].entries()) {
    assert.ok(after.roster.add(newcomer(name, { port: 51_234 + index }), 1_000));
  }
  after.roster.setPresence(entryKey("10.0.0.5", 51_236), { state: "offline", since: 5, reason: "left" });
  assert.equal(told(after, 1_000), "");
  assert.equal(after.publication.seq, seq);
  after.roster.setPresence(entryKey("10.0.0.5", 51_234), { state: "online", since: 1_500 });
  const reason = "registry-restart-expired";
  after.roster.setPresence(entryKey("10.0.0.5", 51_235), { state: "offline", since: 1_500, reason });
  assert.equal(told(after, 1_500), "ola:online jan:offline");
});

const PRESENCES: readonly Presence[] = [
  { state: "online", since: 1 },
  { state: "suspect", since: 2 },
  { state: "offline", since: 3, reason: "left" },
];

test("whatever happens in the roster, what is told is what is in it", () => {
  const client = fc.nat(7);
  const step = fc.record({
    type: fc.constantFrom("add", "presence", "move", "describe"),
    client,
    place: client,
    which: fc.nat(2),
    mp2: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const subject = feed([], 0, 5);
      const { roster, publication } = subject;
      for (const [now, { type, client, place, which, mp2 }] of steps.entries()) {
        const key = entryKey(`10.0.0.${place}`, 50_000);
        const facts = { address: `10.0.0.${place}`, port: 50_000 };
        const name = which === 0 ? `CLIENT${client}` : `client${client}`;
        const presence = PRESENCES[which];
        if (type === "add")
          roster.add(mp2 ? newcomer(name, facts) : { ...mp1(name), ...facts, client: "original" }, now);
        else if (type === "presence" && presence !== undefined) roster.setPresence(key, presence);
        else if (type === "move" && client !== place) roster.move(key, `10.0.0.${client}`);
        else if (type === "describe")
          roster.describe(key, {
            away: mp2,
            status: "x".repeat(which) as StatusText,
            rooms: which > 1 ? ["lab" as RoomName] : [],
          });
        if (which === 0) subject.settle(now);
      }
      subject.settle(1_000);
      publication.advance(2_000);
      const listed = new Map([...publication.entries()].map((entry) => [foldNickname(entry.nick), entry]));
      for (const name of listed.keys()) assert.ok(roster.holderOf(name) !== undefined, `${name} is gone`);
      for (const entry of roster.onlineFirst()) {
        assert.equal(roster.holderOf(entry.nickname), entry);
        if (entry.profile !== undefined)
          assert.equal(roster.withFingerprint(entry.profile.fingerprint), entry);
        if (entry.presence.state === "joining") continue;
        const one = listed.get(foldNickname(entry.nickname));
        assert.ok(one !== undefined, `${entry.nickname} is not told`);
        const there = one.state === "away" ? "online" : one.state;
        assert.deepEqual(
          [one.nick, one.address, one.port, there, one.fingerprint],
          [
            entry.nickname,
            entry.address,
            entry.port,
            entry.presence.state,
            entry.profile?.fingerprint ?? null,
          ],
        );
      }
    }),
    { numRuns: 500 },
  );
});
