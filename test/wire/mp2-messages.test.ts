import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MisuseError } from "../../src/base/errors.ts";
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "../../src/wire/mp2-cbor.ts";
import { DATAGRAM_PREFIX } from "../../src/wire/mp2-discovery.ts";
import { PRESENCE_TO_CLIENT, PRESENCE_TO_REGISTRY } from "../../src/wire/mp2-presence.ts";
import {
  REGISTRATION_TO_CLIENT,
  REGISTRATION_TO_REGISTRY,
  type Register,
  type Registered,
} from "../../src/wire/mp2-registration.ts";
import { ENTRY, type RosterEntry } from "../../src/wire/mp2-roster.ts";
import type { Address, Epoch, Fingerprint, SessionId } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import { entry, FAMILIES } from "./mp2-arbitraries.ts";

const EPOCH = "0011223344556677" as Epoch;

/** Bytes before the CBOR: discovery's prefix, or nothing. */
const prefixOf = (name: string): Uint8Array =>
  name.startsWith("discovery") ? DATAGRAM_PREFIX : new Uint8Array();

function mapOf(bytes: Uint8Array): CborMap {
  const decoded = decodeCbor(bytes);
  assert.ok(decoded.ok && decoded.value instanceof Map);
  return decoded.value as CborMap;
}

for (const { name, family, messages } of FAMILIES) {
  const any = fc.oneof(...messages);
  const prefix = prefixOf(name);
  const whole = (map: CborMap): Uint8Array => Buffer.concat([prefix, encodeCbor(map)]);

  test(`${name}: what is encoded is decoded as it was, and encoded again to the same bytes`, () => {
    for (const message of messages) {
      fc.assert(
        fc.property(message, (value) => {
          const bytes = family.encode(value as never);
          assert.ok(bytes.length <= family.limit);
          const decoded = family.decode(Buffer.from(bytes));
          assert.deepEqual(decoded, { ok: true, value });
          assert.ok(decoded.ok);
          assert.deepEqual(family.encode(decoded.value as never), bytes);
        }),
      );
    }
  });

  test(`${name}: a message cut short anywhere, or with a byte too many, is refused`, () => {
    const check = fc.property(any, (value) => {
      const bytes = family.encode(value as never);
      // Every length of short messages, a thousand of long ones.
      const step = Math.max(1, Math.floor(bytes.length / 1_000));
      for (let length = 0; length < bytes.length; length += step)
        assert.ok(!family.decode(bytes.subarray(0, length)).ok, `${length} of ${bytes.length}`);
      assert.ok(!family.decode(Buffer.concat([bytes, Uint8Array.of(0)])).ok);
    });
    fc.assert(check, { numRuns: 40 });
  });

  test(`${name}: unknown keys are ignored, unknown and foreign types are refused`, () => {
    const foreign = FAMILIES.filter((other) => other.family !== family).flatMap((other) => other.messages);
    const check = fc.property(any, (value) => {
      const bytes = family.encode(value as never);
      if (value.type === "hello") return; // Its length is fixed; tested with discovery.
      const map = mapOf(bytes.subarray(prefix.length));
      const later = new Map<number, CborValue>([...map, [100, "later"], [101, new Map([[1, [true, -5]]])]]);
      assert.deepEqual(family.decode(whole(later)), { ok: true, value });
      const unknown = new Map([...map, [0, 200] as const]);
      assert.deepEqual(family.decode(whole(unknown)), { ok: false, reason: "unknown-type" });
    });
    fc.assert(check, { numRuns: 40 });
    const own = new Set(messages);
    for (const message of foreign.filter((one) => !own.has(one))) {
      const [value] = fc.sample(message, 1);
      const source = FAMILIES.find((other) => other.messages.includes(message));
      assert.ok(source !== undefined && value !== undefined);
      const bytes = whole(mapOf(source.family.encode(value as never).subarray(prefixOf(source.name).length)));
      const reason = bytes.length > family.limit ? "too-long" : "unknown-type";
      assert.deepEqual(family.decode(bytes), { ok: false, reason });
    }
  });

  test(`${name}: every field missing, of another type or with an extreme value is refused or decoded whole`, () => {
    const wrong: readonly CborValue[] = [
      -1,
      0,
      2 ** 53 - 1,
      true,
      "",
      "x".repeat(400),
      "\x1b[2J",
      new Uint8Array(),
      new Uint8Array(17),
      new Uint8Array(1_100),
      [],
      [[]],
      Array.from({ length: 2_100 }, () => 0),
      new Map(),
      new Map([[0, 1]]),
    ];
    const check = fc.property(any, (value) => {
      const map = mapOf(family.encode(value as never).subarray(prefix.length));
      for (const key of map.keys()) {
        const without = new Map(map);
        without.delete(key);
        for (const item of [undefined, ...wrong]) {
          const bytes = whole(item === undefined ? without : new Map([...map, [key, item] as const]));
          const decoded = family.decode(bytes);
          if (decoded.ok) assert.equal(typeof (decoded.value as { type: unknown }).type, "string");
          else assert.match(decoded.reason, /^[a-z-]+$/);
          if (key === 0) assert.ok(!decoded.ok || item === map.get(0));
        }
      }
    });
    fc.assert(check, { numRuns: 30 });
  });

  test(`${name}: nothing longer than its limit is looked at`, () => {
    assert.deepEqual(family.decode(new Uint8Array(family.limit + 1)), { ok: false, reason: "too-long" });
  });

  test(`${name}: what is no map with a type is no message`, () => {
    for (const value of [
      0,
      "x",
      [],
      true,
      new Map(),
      new Map([[1, 1]]),
      new Map([[0, "1"]]),
    ] as CborValue[]) {
      const bytes = Buffer.concat([prefix, encodeCbor(value)]);
      assert.deepEqual(family.decode(bytes), { ok: false, reason: "not-a-message" });
    }
  });
}

test("a register with a bad nickname names the field, so that it can be answered", () => {
  const bytes = REGISTRATION_TO_REGISTRY.encode({
    type: "register",
    nick: "two words" as Nickname,
    capabilities: new Set(),
    away: false,
  });
  assert.deepEqual(REGISTRATION_TO_REGISTRY.decode(bytes), { ok: false, reason: "bad-field", field: "nick" });
});

test("nicknames, realms and addresses are taken only in their one form", () => {
  for (const nick of [" ola", "ola\n", "Zoe\u0308"]) {
    const value: Register = {
      type: "register",
      nick: nick as Nickname,
      capabilities: new Set(),
      away: false,
    };
    const decoded = REGISTRATION_TO_REGISTRY.decode(REGISTRATION_TO_REGISTRY.encode(value));
    assert.deepEqual(decoded, { ok: false, reason: "bad-field", field: "nick" }, JSON.stringify(nick));
  }
});

test("capabilities of later versions are left out; a list that does not ascend is refused", () => {
  const register = (numbers: number[]): Uint8Array =>
    encodeCbor(
      new Map<number, CborValue>([
        [0, 17],
        [1, "ola"],
        [2, numbers],
        [3, false],
      ]),
    );
  const decoded = REGISTRATION_TO_REGISTRY.decode(register([1, 2, 700]));
  assert.deepEqual(decoded.ok && [...decoded.value.capabilities], ["rooms", "files"]);
  for (const numbers of [[2, 1], [1, 1], [0], [70_000], Array.from({ length: 65 }, (_, at) => at + 1)])
    assert.ok(!REGISTRATION_TO_REGISTRY.decode(register(numbers)).ok, String(numbers));
});

test("a number that an enumeration does not know: the widest meaning, or refused, as the field says", () => {
  const bytes = (map: [number, CborValue][]): Uint8Array => encodeCbor(new Map(map));
  const ended = bytes([
    [0, 36],
    [1, 99],
  ]);
  assert.deepEqual(PRESENCE_TO_CLIENT.decode(ended), { ok: true, value: { type: "ended", reason: "other" } });
  const page = (state: number): Uint8Array => {
    const map = new Map<number, CborValue>([
      [1, "ola"],
      [3, "10.0.0.5"],
      [4, 51_234],
      [5, 3],
      [6, state],
      [7, 99],
      [9, 1],
    ]);
    return bytes([
      [0, 24],
      [1, new Uint8Array(8)],
      [2, 1],
      [3, 0],
      [4, 1],
      [5, [map]],
    ]);
  };
  const decoded = PRESENCE_TO_CLIENT.decode(page(4));
  assert.ok(decoded.ok && decoded.value.type === "page");
  const [first] = decoded.value.entries;
  assert.ok(first?.state === "offline" && first.reason === "lost");
  assert.deepEqual(PRESENCE_TO_CLIENT.decode(page(99)), {
    ok: false,
    reason: "unknown-value",
    field: "entries.state",
  });
});

const MP2_ENTRY: RosterEntry = {
  nick: "ola" as Nickname,
  fingerprint: "ab".repeat(32) as Fingerprint,
  address: "10.0.0.5" as Address,
  port: 51_234,
  kind: "mp2",
  state: "online",
  lastSeen: 1,
};

test("fields that contradict each other are refused in both directions", () => {
  const bad: readonly [string, object][] = [
    ["fingerprint", { fingerprint: null }],
    ["fingerprint", { kind: "mp1-own" }],
    ["reason", { reason: "lost" }],
    ["reason", { state: "offline" }],
    ["session", { kind: "mp1-own", fingerprint: null, session: "00".repeat(16) }],
  ];
  for (const [field, change] of bad)
    assert.throws(() => ENTRY.encode({ ...MP2_ENTRY, ...change } as RosterEntry), new RegExp(field), field);
  const page = { type: "page", epoch: EPOCH, seq: 1, index: 1, count: 1, entries: [] } as const;
  assert.throws(() => PRESENCE_TO_CLIENT.encode(page), MisuseError);
  const changes = [
    { type: "remove", nick: "a" as Nickname },
    { type: "remove", nick: "b" as Nickname },
  ] as const;
  assert.throws(
    () => PRESENCE_TO_CLIENT.encode({ type: "delta", epoch: EPOCH, seq: 1, changes }),
    MisuseError,
  );
  const nowhere: Registered = {
    type: "registered",
    session: "00".repeat(16) as SessionId,
    epoch: EPOCH,
    seq: 1,
    time: 1,
    sctpPort: 1,
    rawIp: false,
    heartbeat: 1_000,
    lostAfter: 2_800,
  };
  assert.throws(() => REGISTRATION_TO_CLIENT.encode(nowhere), MisuseError);
});

test("the same contradictions on the wire are refused", () => {
  const online = ENTRY.encode(MP2_ENTRY) as CborMap;
  const without = new Map(online);
  without.delete(2);
  for (const [field, entry] of [
    ["entries.fingerprint", without],
    ["entries.reason", new Map([...online, [7, 1] as const])],
    ["entries.reason", new Map([...online, [6, 4] as const])],
    ["entries.fingerprint", new Map([...online, [5, 3] as const])],
  ] as const) {
    const page = encodeCbor(
      new Map<number, CborValue>([
        [0, 24],
        [1, new Uint8Array(8)],
        [2, 1],
        [3, 0],
        [4, 1],
        [5, [entry]],
      ]),
    );
    assert.deepEqual(PRESENCE_TO_CLIENT.decode(page), { ok: false, reason: "bad-field", field });
  }
});

test("encoders refuse what decoders would: numbers out of bounds, identifiers of another length", () => {
  const changes = (seq: number) => () => PRESENCE_TO_REGISTRY.encode({ type: "changes", epoch: EPOCH, seq });
  for (const seq of [-1, 0.5, Number.NaN, 2 ** 53]) assert.throws(changes(seq), MisuseError);
  for (const session of ["", "00".repeat(15), "0".repeat(33), "zz".repeat(16)]) {
    const attach = { type: "attach", session: session as SessionId, epoch: EPOCH, seq: 1 } as const;
    assert.throws(() => PRESENCE_TO_REGISTRY.encode(attach), MisuseError);
  }
  assert.throws(() => PRESENCE_TO_REGISTRY.encode({ type: "bogus" } as never), MisuseError);
});

test("what an entry weighs beside its texts is bounded, so that pages can be filled without encoding twice", () => {
  const check = fc.property(entry, (one) => {
    const texts = [one.nick, one.address, one.status ?? "", ...(one.rooms ?? [])].join("");
    const heads = 2 * (one.rooms?.length ?? 0);
    const delta = PRESENCE_TO_CLIENT.encode({
      type: "delta",
      epoch: EPOCH,
      seq: 2 ** 53 - 1,
      changes: [{ type: "put", entry: one }],
    });
    // 24: the message around it.
    assert.ok(delta.length - 24 <= 98 + heads + Buffer.byteLength(texts), `${delta.length}`);
  });
  fc.assert(check, { numRuns: 500 });
});

test("bytes once encoded stay as they are when others are encoded", () => {
  const values = fc.sample(fc.oneof(...(FAMILIES[6]?.messages ?? [])), { numRuns: 200, seed: 1 });
  const encoded = values.map((value) => FAMILIES[6]?.family.encode(value as never) ?? new Uint8Array());
  const copies = encoded.map((bytes) => Buffer.from(bytes).toString("hex"));
  for (const value of values) FAMILIES[6]?.family.encode(value as never);
  assert.deepEqual(
    encoded.map((bytes) => Buffer.from(bytes).toString("hex")),
    copies,
  );
});
