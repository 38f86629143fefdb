import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { ChatNotice, UndeliveredReason } from "../../src/chat/notices.ts";
import { messageText } from "../../src/tui/lines.ts";
import { noticeLines } from "../../src/tui/wording.ts";
import { rosterLines, senderText } from "../../src/tui/wording-peers.ts";
import type { MessageId } from "../../src/wire/mp2-values.ts";
import { nickname } from "../chat/virtual-client.ts";
import { peer } from "./screen-scene.ts";

const STANDING = {
  protocol: "mp1",
  address: "10.0.0.1",
  realm: undefined,
  fingerprint: undefined,
  trust: "unverified",
} as const;

const OTHER_REGISTRY = {
  type: "other-registry",
  registry: "10.0.0.1",
  address: "10.0.0.7",
  realm: "annex",
  fingerprint: "a0".repeat(32) as Fingerprint,
} as const;

const CONTEXT = { place: "by multicast on eth0" };
const OLA = peer("ola", { fingerprint: undefined, kind: "mp1", trust: "unverified" });

/** Anything but printable text, with the joiners that belong to text. */
const ACTING = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

function presence(count: number): string {
  const online = Array.from({ length: count }, (_, index) => nickname(`n${index}`));
  return noticeLines({ type: "presence", online, offline: [] }, CONTEXT)[0]?.text ?? "";
}

test("presence fits one line, however many", () => {
  assert.equal(presence(1), "n0 is online");
  assert.equal(presence(3), "n0, n1 and n2 are online");
  assert.equal(presence(100), "n0, n1, n2 and 97 others are online");
});

test("every reason has its sentence, which names the peer", () => {
  const reasons: readonly UndeliveredReason[] = [
    "refused",
    "unreachable",
    "timeout",
    "not-confirmed",
    "unknown-name",
    "queue-full",
    "never-online",
    "offline",
  ];
  const texts = reasons.map((why) => {
    const message = {
      messageId: "01".repeat(16) as MessageId,
      to: "ola",
      text: "hi",
      why,
      destination: { address: "10.0.0.2", port: 51_001 },
      partsDelivered: 0,
      parts: 1,
      uncertain: false,
      waited: false,
    };
    return noticeLines({ type: "undelivered", message }, CONTEXT)[0]?.text ?? "";
  });
  assert.equal(new Set(texts).size, reasons.length);
  for (const text of texts) assert.match(text, /^not delivered: .*ola/);
  assert.equal(
    texts[0],
    "not delivered: ola's machine refused the connection to TCP 10.0.0.2:51001 (is the client still running there?)",
  );
});

test("another registry: which, what it means, and what to do", () => {
  assert.deepEqual(
    noticeLines(OTHER_REGISTRY, CONTEXT).map(({ text }) => text),
    [
      "another registry is on this network: annex at 10.0.0.7. Who is there is not seen here, at 10.0.0.1.",
      "  Tell whoever runs them: one is enough. To choose between them: --registry HOST",
    ],
  );
});

test("who says it: unverified, or from an address that is not the listed one", () => {
  const keyless = { messageId: undefined, time: undefined, fingerprint: undefined };
  const message = { from: nickname("ola"), address: "10.0.0.9", text: "", ...keyless };
  assert.equal(senderText({ ...message, standing: "unverified" }), "ola*");
  assert.equal(senderText({ ...message, standing: "mismatch" }), "ola(?) at 10.0.0.9");
});

test("nothing that acts on a terminal comes through, whatever the network says", () => {
  assert.equal(messageText("a\r\nb\u001b[2Jc\u202ed\u0007"), "a b\\x1b[2Jc\\u{202e}d\\x07");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (hostile) => {
      const name = hostile as ReturnType<typeof nickname>;
      const refusal = {
        code: "nickname-taken",
        text: hostile,
        holder: hostile,
        suggestion: hostile,
      } as const;
      const notices: readonly ChatNotice[] = [
        { type: "refused", nickname: name, refusal, next: "end" },
        { type: "presence", online: [name], offline: [name, name] },
        { type: "search-failing", text: hostile },
        { type: "online", nickname: name, registry: "10.0.0.1", standing: STANDING, again: false },
        { ...OTHER_REGISTRY, registry: hostile, address: hostile, realm: hostile },
      ];
      for (const notice of notices) {
        for (const { text } of noticeLines(notice, CONTEXT)) assert.doesNotMatch(text, ACTING);
      }
      assert.doesNotMatch(messageText(hostile), ACTING);
    }),
  );
});

test("the list marks everybody, and says when it is old", () => {
  const snapshot = {
    nickname: nickname("adam"),
    registry: undefined,
    registryLostAt: 5,
    away: false,
    isIdle: false,
    quietUntil: undefined,
    status: undefined,
    rooms: [],
    roster: [OLA],
  };
  const [since, ola] = rosterLines(snapshot, "12:03").map((line) => line.text);
  assert.equal(since, "registry unreachable since 12:03; last seen:");
  assert.match(ola ?? "", /^ola\* +10\.0\.0\.2:51000 +online +unverified$/);
});
