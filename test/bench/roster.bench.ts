/**
 * What one change of the roster costs the registry, computed and handed out to every receiver, and the bytes that each
 * gets for it: mp2's deltas, as they are and sealed, with mp1's push of the whole roster in turn. No sockets.
 */
import { DEFAULT_LIMITS } from "../../src/registry/limits.ts";
import { Pushes } from "../../src/registry/pushes.ts";
import { EncodedOnce } from "../../src/roster/encoded-once.ts";
import { ENTRY_BYTES_AT_MOST, type Listed, weighListed } from "../../src/roster/listed.ts";
import { Mirror } from "../../src/roster/mirror.ts";
import { Publication } from "../../src/roster/publication.ts";
import { entryKey, Roster } from "../../src/roster/roster.ts";
import { PRESENCE_TO_CLIENT } from "../../src/wire/mp2-presence.ts";
import type { Address, Epoch, Fingerprint, SessionId } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import { crowd } from "../registry/crowd.ts";
import { line, millis, ratio, summary, title } from "./figures.ts";

const SIZES = [100, 1_000, 10_000] as const;
/** Each way has so many turns, one way after the other, the first to warm up; the median counts. */
const TURNS = 6;
/** Receivers told in a turn, over as many changes as that takes: some hundred milliseconds each. */
const TOLD = { mp1: 10_000, plain: 1_000_000, sealed: 20_000 } as const;
const EPOCH = "00000000000000e1" as Epoch;

const KEYS = ["mp1", "plain", "sealed"] as const;

/** One way to tell everybody of a change: does it once and returns the bytes for one receiver. */
type Way = () => number;

function nickname(index: number): Nickname {
  return `client${index}` as Nickname;
}

function address(index: number): string {
  return `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`;
}

function entry(index: number, round = 0): Listed {
  const facts = {
    nick: nickname(index),
    fingerprint: index.toString(16).padStart(64, "0") as Fingerprint,
    address: address(index) as Address,
    port: 51_234,
    kind: "mp2",
    lastSeen: 1_790_000_000_000 + round,
    session: index.toString(16).padStart(32, "0") as SessionId,
  } as const;
  return round === 0 ? { ...facts, state: "online" } : { ...facts, state: "offline", reason: "lost" };
}

/** mp2's change alone: computed, encoded once, and the same bytes handed to each receiver. */
function deltas(size: number): Way {
  const entries = Array.from({ length: size }, (_, index) => entry(index));
  const publication = new Publication({ epoch: EPOCH, entries });
  const encoded = new EncodedOnce(PRESENCE_TO_CLIENT.encode);
  let now = 0;
  return () => {
    now += 1_000;
    const index = (now / 1_000) % size;
    publication.note(now, nickname(index), entry(index, now));
    const outputs: { readonly association: number; readonly bytes: Uint8Array }[] = [];
    for (const delta of publication.advance(now)) {
      const bytes = encoded.of(delta);
      for (let association = 0; association < size; association += 1) outputs.push({ association, bytes });
    }
    if (outputs.length !== size) throw new Error(`${outputs.length} of ${size} were told`);
    return outputs[0]?.bytes.length ?? 0;
  };
}

/** mp2 as it is: what the registry does for all who are attached, each message sealed for its receiver. */
function told(size: number): Way {
  const entries = Array.from({ length: size }, (_, index) => entry(index));
  const { publication, telling, sent } = crowd(size, entries);
  let now = 0;
  return () => {
    now += 1_000;
    const index = (now / 1_000) % size;
    publication.note(now, nickname(index), entry(index, now));
    let [count, bytes] = [0, 0];
    while (telling.nextDeadline() !== undefined) {
      const messages = sent(now);
      count += messages.length;
      bytes = messages[0]?.bytes.length ?? bytes;
    }
    if (count !== size) throw new Error(`${count} of ${size} were told`);
    return bytes;
  };
}

/** mp1 as it is: the whole roster up to 16 KiB, made for each receiver; its budget a push interval is left out of account. */
function pushes(size: number): Way {
  const roster = new Roster(size);
  const limits = { ...DEFAULT_LIMITS, pushBytes: Infinity };
  const keys = Array.from({ length: size }, (_, index) => {
    const [port, client] = [51_234, "own"] as const;
    roster.add({ address: address(index), port, nickname: nickname(index), client }, 0);
    const key = entryKey(address(index), port);
    roster.setPresence(key, { state: "online", since: 0 });
    return key;
  });
  const waiting = new Pushes(limits);
  let now = 0;
  return () => {
    now += 1_000;
    const index = (now / 1_000) % size;
    const key = keys[index];
    if (key === undefined) throw new Error(`no client ${index}`);
    roster.setPresence(key, { state: "offline", since: now, reason: "lost" });
    for (const other of keys) waiting.mark(other, now);
    const outputs = [...waiting.due(now, roster)];
    roster.setPresence(key, { state: "online", since: now });
    return outputs[0]?.bytes.length ?? 0;
  };
}

/** Processor time of one change, ms. */
function cost(rounds: number, way: Way): number {
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) way();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / rounds;
}

function measure(size: (typeof SIZES)[number]): void {
  const ways = {
    mp1: { name: "mp1, whole roster", way: pushes(size) },
    plain: { name: "mp2, computed, handed out", way: deltas(size) },
    sealed: { name: "mp2, sealed for each", way: told(size) },
  };
  const costs: Record<keyof typeof ways, number[]> = { mp1: [], plain: [], sealed: [] };
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const key of KEYS) costs[key].push(cost(Math.max(1, TOLD[key] / size), ways[key].way));
  }
  const medians = KEYS.map((key) => summary(costs[key].slice(1)).median);
  for (const [index, key] of KEYS.entries()) {
    const [time = 0, mp1 = 0] = [medians[index], medians[0]];
    const each = `${((time * 1_000) / size).toFixed(2)} µs and ${ways[key].way()} bytes a receiver`;
    const remark = key === "mp1" ? each : `${each}; mp1 takes ${ratio(mp1, time)}`;
    line(`${size} clients: ${ways[key].name}`, millis(time), remark);
  }
}

/** A snapshot for everybody, and what it is for the one who receives it. */
function measurePages(size: number): void {
  const entries = Array.from({ length: size }, (_, index) => entry(index));
  const publication = new Publication({ epoch: EPOCH, entries });
  let begun = performance.now();
  const answer = publication.answer({ type: "roster" });
  const cut = performance.now() - begun;
  begun = performance.now();
  publication.answer({ type: "roster" });
  const again = performance.now() - begun;
  const mirror = new Mirror();
  mirror.begin(0, EPOCH, 0, true);
  begun = performance.now();
  for (const message of answer) mirror.receive(0, message);
  const applied = performance.now() - begun;
  const weight = entries.reduce((sum, listed) => sum + weighListed(listed), 0);
  const remark = `${answer.length} pages, ${Math.round(weight / 1_024)} KiB at most; the next one to ask: ${millis(again)}`;
  line(`${size} clients: the whole roster, cut into pages`, millis(cut), remark);
  line(`${size} clients: a mirror takes it`, millis(applied));
}

title(`One change of the roster (an entry has at most ${ENTRY_BYTES_AT_MOST} bytes)`);
for (const size of SIZES) measure(size);
for (const size of SIZES) measurePages(size);
