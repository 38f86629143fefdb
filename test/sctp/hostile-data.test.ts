/** DATA and SACK with the right tag and wrong numbers (RFC 9260 §6), at every place where numbers wrap. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene, type Write } from "./scene.ts";
import type { PacketWriter, WrittenData } from "./writer.ts";

/** Our first TSN: anywhere, and where the next ones wrap or change sign. */
const BASES = [1_000, 0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];

const NEW = "-> sack; message";
const HELD = "-> sack";
const DROPPED = "-> sack; #data-dropped";

/** Distance of a TSN from the last one that has arrived, and what becomes of it. */
const DISTANCES: readonly [distance: number, happens: string][] = [
  [1, NEW],
  [2, HELD],
  [3, HELD],
  [100, HELD],
  [8_192, HELD],
  [8_193, DROPPED],
  [65_535, DROPPED],
  [65_536, DROPPED],
  [2 ** 31 - 1, DROPPED],
  // §1.6: half the circle away is neither before nor behind.
  [2 ** 31, DROPPED],
  [2 ** 31 + 1, DROPPED],
  [-8_192, DROPPED],
  [-2, DROPPED],
  [-1, DROPPED],
  [0, DROPPED],
];

function whole(tsn: number, ssn = 0, more: Partial<WrittenData> = {}): Write {
  // With the I bit, so that a SACK comes at once.
  return (to) => to.data({ tsn, stream: 0, ssn, begins: true, ends: true, size: 1, ...more }, 8);
}

for (const base of BASES) {
  test(`DATA at every distance from the last, first TSN ${base} (§6.2)`, () => {
    for (const [distance, happens] of DISTANCES) {
      const scene = new Scene("established", { ourTsn: base });
      // One in order first, so that there is something before.
      assert.equal(scene.give(whole(base)), NEW);
      const tsn = (base + distance) >>> 0;
      // SSNs go with TSNs; what is held comes when the gap is closed.
      assert.equal(scene.give(whole(tsn, distance & 0xffff)), happens, `distance ${distance}`);
      assertSack(scene, distance === 1 ? base + 1 : base, happens === HELD ? distance : undefined);
      scene.assertGoesOnAs("established");
      if (distance === 1) continue;
      const next = scene.give(whole((base + 1) >>> 0, 1));
      assert.match(
        next,
        happens === HELD && distance === 2 ? /message; message$/ : /message$/,
        `after distance ${distance}`,
      );
    }
  });
}

function assertSack(scene: Scene, cumulativeTsn: number, gap: number | undefined): void {
  const sack = scene.answers[0]?.packet.chunks[0];
  assert.ok(sack?.type === "sack");
  assert.equal(sack.cumulativeTsn, cumulativeTsn >>> 0);
  assert.deepEqual(sack.gaps, gap === undefined ? [] : [{ start: gap, end: gap }]);
}

test("stream sequence numbers wrap after 65,535 (§6.5)", () => {
  const scene = new Scene("established", { ourTsn: 2 ** 32 - 30_000 });
  let messages = 0;
  const count = 65_536 + 100;
  for (let number = 0; number < count; number += 64) {
    const happens = scene.give((to) => {
      for (let each = number; each < Math.min(number + 64, count); each += 1) {
        to.data({
          tsn: (scene.ourTsn + each) >>> 0,
          stream: 3,
          ssn: each,
          begins: true,
          ends: true,
          size: 1,
        });
      }
    });
    messages += happens.split("message").length - 1;
  }
  assert.equal(messages, count);
  scene.assertGoesOnAs("established");
});

const VIOLATION = "-> abort; lost protocol-violation; #protocol-violation";

type Fields = Partial<Omit<WrittenData, "tsn">> & { readonly flags?: number; readonly after?: number };

/** Several DATA in one packet, TSNs in a row unless told to come `after` some others. */
const SEQUENCES: readonly [name: string, section: string, chunks: readonly Fields[], happens: string][] = [
  ["without user data", "§3.3.1", [{ size: 0 }], VIOLATION],
  ["without user data, far ahead", "§3.3.1", [{ size: 0, after: 5_000 }], VIOLATION],
  [
    "a message in three fragments",
    "§6.9",
    [{ ends: false }, { begins: false, ends: false }, { begins: false }],
    NEW,
  ],
  ["a fragment that begins nothing", "§6.9", [{ begins: false }], VIOLATION],
  ["a middle without a beginning", "§6.9", [{ begins: false, ends: false }], VIOLATION],
  ["a whole message between fragments, all of one SSN", "§6.9: its own fault", [{ ends: false }, {}], NEW],
  ["a beginning inside another message", "§6.9", [{ ends: false }, { ends: false }], VIOLATION],
  ["an end in another stream", "§6.9", [{ ends: false }, { begins: false, stream: 1 }], VIOLATION],
  ["an end with another SSN", "§6.9", [{ ends: false }, { begins: false, ssn: 1 }], VIOLATION],
  [
    "an unordered end of an ordered message",
    "§6.9",
    [{ ends: false }, { begins: false, flags: 4 }],
    VIOLATION,
  ],
  ["an end after the end", "§6.9", [{}, { begins: false }], "message, then violation"],
  ["two messages with one SSN", "§6.5", [{}, {}], "message, then violation"],
  ["an SSN ahead", "§6.5: nothing before it is missing", [{ ssn: 1 }], VIOLATION],
  ["an SSN behind", "§6.5", [{ ssn: 65_535 }], VIOLATION],
  ["unordered, whatever the SSN", "§6.6", [{ ssn: 999, flags: 4 }], NEW],
  ["unordered twice with one SSN", "§6.6", [{ flags: 4 }, { flags: 4 }], "-> sack; message; message"],
  [
    "unordered in fragments",
    "§6.6",
    [
      { ends: false, flags: 4 },
      { begins: false, flags: 4 },
    ],
    NEW,
  ],
  ["all flags set", "§3.3.1: reserved ones are ignored", [{ flags: 0xff }], NEW],
  ["in the last stream", "§6.5", [{ stream: 15 }], NEW],
  [
    "in the first stream beyond",
    "§6.5: acknowledged, thrown away, reported",
    [{ stream: 16 }],
    "-> error + sack",
  ],
  ["in stream 65,535", "§6.5", [{ stream: 65_535 }], "-> error + sack"],
  ["a fragment in a stream beyond", "§6.5", [{ stream: 99, ends: false }], "-> error + sack"],
  ["an end alone in a stream beyond", "§6.5", [{ stream: 99, begins: false }], "-> error + sack"],
  ["the same DATA twice", "§6.2", [{}, { after: -1 }], "-> sack; message; #data-dropped"],
  ["of 9,000 bytes", "§6.9", [{ size: 9_000 }], NEW],
];

function write(to: PacketWriter, scene: Scene, chunks: readonly Fields[]): void {
  let tsn = scene.ourTsn;
  for (const { after = 0, flags = 0, ...fields } of chunks) {
    tsn += after;
    to.data({ tsn: tsn >>> 0, stream: 0, ssn: 0, begins: true, ends: true, size: 1, ...fields }, flags);
    tsn += 1;
  }
}

for (const [name, section, chunks, expected] of SEQUENCES) {
  test(`DATA ${name} (${section})`, () => {
    for (const ourTsn of [1_000, 2 ** 32 - 1]) {
      const scene = new Scene("established", { ourTsn });
      const happens = scene.give((to) => write(to, scene, chunks));
      if (expected === "message, then violation")
        assert.equal(happens, VIOLATION.replace("; lost", "; message; lost"));
      else assert.equal(happens, expected);
      scene.assertGoesOnAs(happens.includes("lost") ? "over" : "established");
    }
  });
}

const HUGE: number[] = Array.from({ length: 720 }, (_, index) => 2 + 3 * Math.floor(index / 2) + (index % 2));

/** SACKs while three DATA are unacknowledged: number acknowledged, gap blocks, and what must be. */
const SACKS: readonly [name: string, ahead: number, gaps: readonly number[], happens: string][] = [
  ["of none", 0, [], "nothing"],
  ["of the first", 1, [], "nothing"],
  ["of all", 3, [], "nothing"],
  ["of one more than was sent", 4, [], VIOLATION],
  ["far ahead", 100_000, [], VIOLATION],
  ["2^31 - 1 ahead", 2 ** 31 - 1, [], VIOLATION],
  ["2^31 ahead", 2 ** 31, [], VIOLATION],
  ["2^31 + 1 ahead, which is behind", 2 ** 31 + 1, [], "nothing"],
  ["one behind", -1, [], "nothing"],
  ["far behind, with blocks", -100_000, [2, 3], "nothing"],
  ["with a block for DATA never sent", 0, [2, 60_000], "nothing"],
  ["with a block up to 65,535", 0, [1, 65_535], "nothing"],
  ["with a block that begins at 0", 0, [0, 2], "nothing"],
  ["with a block that runs backwards", 0, [3, 2], "nothing"],
  ["with blocks that overlap", 0, [2, 3, 3, 3], "nothing"],
  ["with a block twice", 0, [2, 2, 2, 2], "nothing"],
  ["with blocks in descending order", 0, [3, 3, 2, 2], "nothing"],
  ["with blocks that touch", 0, [2, 2, 3, 3], "nothing"],
  ["with 360 blocks", 0, HUGE, "nothing"],
  ["with 16,000 blocks", 0, Array.from({ length: 32_000 }, (_, index) => 2 * index + 1), "nothing"],
];

for (const [name, ahead, gaps, happens] of SACKS) {
  test(`SACK ${name} (§6.2.1)`, () => {
    for (const theirTsn of [1_000, 2 ** 31 - 3, 2 ** 32 - 4, 2 ** 32 - 3]) {
      const scene = new Scene("established", { theirTsn });
      for (let sent = 0; sent < 3; sent += 1) scene.say();
      assert.equal(
        scene.give((to) => to.sack(scene.tsn - 1 + ahead, 100_000, gaps)),
        happens,
        `${theirTsn}`,
      );
      if (happens === VIOLATION) {
        scene.assertGoesOnAs("over");
        continue;
      }
      // An honest SACK puts all right again.
      scene.target.pass(100);
      scene.give((to) => to.sack(scene.lastTsn, 100_000, []));
      assert.equal(scene.target.endpoint.status(scene.id)?.queuedBytes, 0);
      scene.assertGoesOnAs("established");
    }
  });
}

test("SACKs that take back, again and again, what they acknowledged cost no more than the DATA (§6.2.1 D iii)", () => {
  const scene = new Scene("established");
  for (let sent = 0; sent < 3; sent += 1) scene.say();
  let bytes = 0;
  for (let round = 0; round < 1_000; round += 1) {
    scene.give((to) => to.sack(scene.tsn - 1, 100_000, round % 2 === 0 ? [2, 3] : []));
    for (const answer of scene.answers) bytes += answer.bytes.length;
  }
  assert.ok(bytes < 1_000 * 20, `${bytes} bytes sent for 1,000 SACKs`);
  scene.assertGoesOnAs("established");
});

test("a SACK without a window stops the flow but for one chunk, and does not end it (§6.1 A)", () => {
  const scene = new Scene("established");
  scene.say();
  scene.give((to) => to.sack(scene.lastTsn, 0, []));
  const { endpoint, now } = scene.target;
  assert.equal(endpoint.send(now, scene.id, 0, 0, new Uint8Array(50_000)), "queued");
  const sent = scene.target.drain().flatMap((answer) => [...answer.packet.chunks]);
  assert.equal(sent.filter((chunk) => chunk.type === "data").length, 1);
});

/** Ways to keep a receiver waiting with a message that never ends, and what it may hold of it at most. */
const ENDLESS: readonly [name: string, size: number, step: number][] = [
  ["fragments of 1,000 bytes", 1_000, 1],
  ["fragments of one byte", 1, 1],
  ["every second fragment of 1,000 bytes", 1_000, 2],
  ["every second fragment of one byte", 1, 2],
];

for (const [name, size, step] of ENDLESS) {
  test(`a message that never ends, ${name}: what is held is bounded`, () => {
    const scene = new Scene("established");
    let happens = "";
    const count = 70_000;
    for (let number = step - 1; number < count && !happens.includes("lost"); number += 32 * step) {
      happens = scene.give((to) => {
        for (let each = number; each < number + 32 * step; each += step) {
          to.data({ tsn: scene.ourTsn + each, stream: 0, ssn: 0, begins: each === 0, ends: false, size });
        }
      });
    }
    // Either the message has become too long, or there is no room for more of it.
    if (happens.includes("lost")) {
      assert.match(happens, /lost protocol-violation/);
      scene.assertGoesOnAs("over");
    } else {
      assert.match(happens, /#data-dropped$/);
      scene.assertGoesOnAs("established");
    }
  });
}
