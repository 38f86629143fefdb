import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../src/base/text.ts";
import { CHAT_MESSAGE_BYTES, encodeChat, parseChat, splitText } from "../../src/wire/mp1-chat.ts";
import { encodeHello, parseHello } from "../../src/wire/mp1-discovery.ts";
import {
  encodeRefusal,
  encodeRosterItem,
  joinRoster,
  ORIGINAL_FIRST_ROSTER_BYTES,
  parseRosterAnswer,
} from "../../src/wire/mp1-roster.ts";
import { type Nickname, parseNickname } from "../../src/wire/nickname.ts";

function nickname(text: string): Nickname {
  const parsed = parseNickname(text);
  assert.ok(parsed.ok);
  return parsed.nickname;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("the original's hello is exactly its 16 bytes", () => {
  assert.equal(hex(encodeHello({ client: "original" })), "53455256455220444953434f56455259");
  assert.deepEqual(parseHello(encodeHello({ client: "original" })), { client: "original" });
  assert.deepEqual(parseHello(encodeHello({ client: "own" })), { client: "own" });
});

test("our mark may be followed by what later versions say", () => {
  assert.deepEqual(parseHello(encodeUtf8("SERVER DISCOVERY multiproto/1 more")), { client: "own" });
});

for (const text of [
  "",
  "SERVER DISCOVER",
  "SERVER DISCOVERY ",
  "SERVER DISCOVERY multiproto/12",
  "server discovery",
]) {
  test(`${JSON.stringify(text)} is not a hello`, () => assert.equal(parseHello(encodeUtf8(text)), undefined));
}

function rosterOf(count: number): { json: string; bytes: number }[] {
  return Array.from({ length: count }, (_, index) => {
    const json = encodeRosterItem({
      ip: "10.0.0.5",
      port: 50_000 + index,
      nickname: nickname(`ö${index}`),
      online: true,
    });
    return { json, bytes: encodeUtf8(json).length };
  });
}

test("a roster never exceeds the size that its reader takes, and uses it", () => {
  for (const limit of [ORIGINAL_FIRST_ROSTER_BYTES, 2_048, 16_384]) {
    for (const count of [0, 1, 5, 7, 30, 1_000]) {
      const bytes = encodeUtf8(joinRoster(rosterOf(count), limit));
      assert.ok(bytes.length <= limit, `${bytes.length} > ${limit}`);
      const answer = parseRosterAnswer(bytes);
      assert.ok(answer?.type === "roster");
      const fits = Math.min(count, Math.floor((limit - 15 + 2) / (rosterOf(1)[0]?.bytes ?? 0) / 1.2));
      assert.ok(answer.items.length >= fits, `${answer.items.length} of ${count} in ${limit}`);
    }
  }
});

test("an empty roster is the original's", () => assert.equal(joinRoster([], 512), '{"clients": []}'));

test("entries that are not valid are left out, the others stay", () => {
  const bytes = encodeUtf8(
    JSON.stringify({
      clients: [
        { ip: "10.0.0.5", port: 50_000, nickname: "ola", online: true },
        { ip: "10.0.0.500", port: 50_000, nickname: "x", online: true },
        { ip: "10.0.0.5", port: 70_000, nickname: "x", online: true },
        { ip: "10.0.0.5", port: 50_000, nickname: "\x1b[2J", online: true },
        { ip: "10.0.0.5", port: 50_000, nickname: "x", online: "yes" },
        null,
        [],
      ],
    }),
  );
  const answer = parseRosterAnswer(bytes);
  assert.ok(answer?.type === "roster");
  assert.deepEqual(
    answer.items.map((item) => item.nickname),
    ["ola"],
  );
});

test("a refusal says who holds the name and what is free", () => {
  const refusal = {
    code: "nickname-taken",
    text: "taken",
    holder: "10.0.0.5:51234",
    suggestion: "ola~2",
  } as const;
  assert.deepEqual(parseRosterAnswer(encodeRefusal(refusal)), { type: "refused", refusal });
});

test("parsers of answers, hellos and messages never throw", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(encodeUtf8),
    fc.record({ clients: fc.anything(), refused: fc.anything() }).map((value) => encodeUtf8(safeJson(value))),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      parseRosterAnswer(input);
      parseHello(input);
      parseChat(input);
    }),
    { numRuns: 3_000 },
  );
});

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

test("a chat message is NICK, blank, text", () => {
  assert.equal(hex(encodeChat(nickname("ola"), "hei")[0] ?? new Uint8Array()), "6f6c6120686569");
  assert.deepEqual(parseChat(encodeUtf8("ola  hei på\ndeg ")), { from: "ola", text: "hei på\ndeg" });
  for (const bad of ["", "ola", "ola ", " hei du", "\x1b[m hei"])
    assert.equal(parseChat(encodeUtf8(bad)), undefined, bad);
});

test("long text is split into messages of the size that a receiver reads, losing no word", () => {
  const words = fc.array(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((word) => !/\s/u.test(word)),
  );
  fc.assert(
    fc.property(words, fc.integer({ min: 16, max: 200 }), (list, room) => {
      const text = list.join(" ");
      const parts = splitText(text, room);
      for (const part of parts) assert.ok(encodeUtf8(part).length <= room && part !== "");
      assert.equal(parts.join("").replace(/\s/gu, ""), text.replace(/\s/gu, ""));
    }),
  );
});

test("64 KiB without a blank is split between characters, never within one", () => {
  const parts = encodeChat(nickname("ola"), "👩‍💻".repeat(6_000));
  for (const part of parts) {
    assert.ok(part.length <= CHAT_MESSAGE_BYTES);
    assert.match(parseChat(part)?.text ?? "", /^(👩‍💻)+$/u);
  }
});
