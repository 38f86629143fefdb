/** docs/protocol-mp2.md says what the code does: its numbers, its tables, and its vectors, which are read from there. */
import assert from "node:assert/strict";
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as announcement from "../../src/wire/mp2-announcement.ts";
import * as chat from "../../src/wire/mp2-chat.ts";
import * as discovery from "../../src/wire/mp2-discovery.ts";
import * as files from "../../src/wire/mp2-files.ts";
import * as presence from "../../src/wire/mp2-presence.ts";
import * as registration from "../../src/wire/mp2-registration.ts";
import * as roster from "../../src/wire/mp2-roster.ts";
import type { FieldRow } from "../../src/wire/mp2-schema.ts";
import { MESSAGE_TYPES } from "../../src/wire/mp2-types.ts";
import {
  ALPN_CHAT,
  ALPN_FILE,
  ALPN_REGISTRY,
  MP2_GROUP_IPV4,
  MP2_GROUP_IPV6,
} from "../../src/wire/mp2-values.ts";
import { FAMILIES } from "./mp2-arbitraries.ts";

const DOCUMENT = readFileSync(new URL("../../docs/protocol-mp2.md", import.meta.url), "utf8");

/** RFC 8032 §7.1, test 1. */
const PUBLIC = Uint8Array.from(
  Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex"),
);
const PRIVATE = createPrivateKey({
  key: Buffer.from(
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "hex",
  ),
  format: "der",
  type: "pkcs8",
});

/** What stands under each heading of a message. */
const SECTIONS = new Map(
  DOCUMENT.split(/^### /m)
    .slice(1)
    .map((section) => {
      const [, name = "", number] = /^`?(\w+)`?(?: \((\d+)\))?/.exec(section) ?? [];
      return [name, { number: Number(number), text: section.split(/^## /m)[0] ?? "" }] as const;
    }),
);

/** The rows of a section's first table: key, field, and "?" where it may be absent. */
function tableOf(text: string): readonly FieldRow[] {
  return [...text.matchAll(/^\| (\d+) \| (\w+)(\??) \|/gm)].map(([, key, name = "", mark]) => ({
    key: Number(key),
    name,
    presence: mark === "?" ? "optional" : "required",
  }));
}

/** Nullable fields are optional on the wire. */
const shown = (rows: readonly FieldRow[]): readonly FieldRow[] =>
  rows.map((row) => ({ ...row, presence: row.presence === "required" ? "required" : "optional" }));

const TABLES = new Map<string, readonly FieldRow[]>(
  [discovery, registration, roster, presence, chat, files]
    .flatMap((module) => Object.values(module) as unknown[])
    .filter(
      (value): value is { name: string; rows: FieldRow[] } =>
        typeof value === "object" && value !== null && "rows" in value && "name" in value,
    )
    .map(({ name, rows }) => [name, rows]),
);
TABLES.set("beacon", announcement.BEACON_BODY.rows);
TABLES.set("bye", announcement.BYE_BODY.rows);

test("every message has its section, under its number", () => {
  for (const [name, number] of Object.entries(MESSAGE_TYPES))
    assert.equal(SECTIONS.get(name)?.number, number, name);
  const numbered = [...SECTIONS].filter(([, { number }]) => number > 0);
  assert.equal(numbered.length, Object.keys(MESSAGE_TYPES).length);
  assert.equal(new Set(Object.values(MESSAGE_TYPES)).size, numbered.length);
});

for (const name of Object.keys(MESSAGE_TYPES)) {
  test(`the table of ${name} is the code's`, () => {
    assert.deepEqual(tableOf(SECTIONS.get(name)?.text ?? ""), shown(TABLES.get(name) ?? []));
  });
}

test("the table of entries is the code's", () => {
  assert.deepEqual(tableOf(SECTIONS.get("Entry")?.text ?? ""), shown(roster.ENTRY.rows));
  assert.deepEqual(roster.CHANGE_TYPES, { put: 1, remove: 2 });
  assert.deepEqual(shown(registration.HOLDER.rows), [
    { key: 1, name: "fingerprint", presence: "optional" },
    { key: 2, name: "address", presence: "optional" },
  ]);
});

test("names and numbers outside the tables are the code's", () => {
  assert.equal(presence.MP2_PPID, 0x6d703201);
  for (const fact of [
    "0x6d703201",
    MP2_GROUP_IPV4,
    MP2_GROUP_IPV6,
    `ALPN \`${ALPN_REGISTRY}\``,
    `ALPN \`${ALPN_CHAT}\``,
    `ALPN \`${ALPN_FILE}\``,
    `${presence.STREAMS.deltas} \`delta\`, ${presence.STREAMS.pages} \`page\``,
    `${discovery.DATAGRAM_BYTES} bytes at\nmost`,
  ])
    assert.ok(DOCUMENT.includes(fact), fact);
  const limits = [chat.CHAT_FRAME_BYTES, registration.REGISTRY_FRAME_BYTES, presence.REGISTRY_MESSAGE_BYTES];
  assert.deepEqual(limits, [65_536, 65_536, 65_536]);
  assert.deepEqual([registration.CLIENT_FRAME_BYTES, presence.CLIENT_MESSAGE_BYTES], [4_096, 4_096]);
});

/** A vector's value: byte strings that are bytes in the program stand as h'…', as in CBOR's diagnostic notation. */
function parseValue(json: string): { readonly type: string } {
  return JSON.parse(json, (key, value) => {
    if (key === "capabilities") return new Set(value);
    const hex = typeof value === "string" ? /^h'([0-9a-f]*)'$/.exec(value)?.[1] : undefined;
    return hex === undefined ? value : Uint8Array.from(Buffer.from(hex, "hex"));
  });
}

for (const [name, { text }] of SECTIONS) {
  const block = /^```vector\n(.*)\n([0-9a-f\n]+)\n```/m.exec(text);
  if (!(name in MESSAGE_TYPES)) continue;
  test(`the vector of ${name}: value to bytes, bytes to value`, () => {
    assert.ok(block?.[1] !== undefined && block[2] !== undefined, "no vector");
    const value = parseValue(block[1]);
    const bytes = Uint8Array.from(Buffer.from(block[2].replaceAll("\n", ""), "hex"));
    assert.equal(value.type, name);
    if (value.type === "beacon" || value.type === "bye") {
      const decoded = announcement.decodeAnnouncement(bytes);
      assert.deepEqual(decoded.ok && decoded.value.announcement, value);
      const made = announcement.encodeAnnouncement(value as announcement.Announcement, PUBLIC, (signed) =>
        Uint8Array.from(sign(null, signed, PRIVATE)),
      );
      return assert.deepEqual(made, bytes);
    }
    const takers = FAMILIES.filter(({ family }) => family.decode(bytes).ok);
    assert.ok(takers.length > 0, "no family takes it");
    for (const { family } of takers) {
      assert.deepEqual(family.decode(bytes), { ok: true, value });
      assert.deepEqual(family.encode(value as never), bytes);
    }
  });
}
