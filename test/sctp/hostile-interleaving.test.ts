/** I-DATA (RFC 8260) with the right tag and wrong numbers, where both sides have agreed to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene, SITUATIONS, type Situation } from "./scene.ts";
import type { PacketWriter, WrittenData } from "./writer.ts";

const NEW = "-> sack; message";
const KEPT = "-> sack";
const VIOLATION = "-> abort; lost protocol-violation; #protocol-violation";

type Fields = Partial<Omit<WrittenData, "tsn" | "ssn">> & {
  readonly mid?: number;
  readonly fsn?: number;
  readonly flags?: number;
  readonly after?: number;
};

/** Several I-DATA in one packet, TSNs in a row unless told to come `after` some others. */
const SEQUENCES: readonly [name: string, section: string, chunks: readonly Fields[], happens: string][] = [
  ["whole", "§2.1", [{}], NEW],
  ["without user data", "RFC 9260 §3.3.1", [{ size: 0 }], VIOLATION],
  ["two fragments in order", "§2.2.3", [{ ends: false }, { begins: false, fsn: 1 }], NEW],
  ["two fragments in reverse", "§2.2.3", [{ begins: false, fsn: 1 }, { ends: false }], NEW],
  [
    "fragments of two streams in turn",
    "§2.2.3",
    [
      { ends: false },
      { ends: false, stream: 1 },
      { begins: false, fsn: 1, stream: 1 },
      { begins: false, fsn: 1 },
    ],
    "-> sack; message; message",
  ],
  [
    "fragments of two messages of one stream in turn: delivered in their order",
    "§2.2.3",
    [{ ends: false }, { ends: false, mid: 1 }, { begins: false, fsn: 1, mid: 1 }, { begins: false, fsn: 1 }],
    "-> sack; message; message",
  ],
  ["an end without the rest", "§2.2.3", [{ begins: false, fsn: 9 }], KEPT],
  [
    "a middle alone, with the largest number",
    "§2.2.3",
    [{ begins: false, ends: false, fsn: 0xffffffff }],
    KEPT,
  ],
  ["a fragment numbered 0 that is not the first", "§2.1", [{ begins: false, fsn: 0 }], VIOLATION],
  ["a fragment twice under two TSNs", "§2.2.3", [{ ends: false }, { ends: false }], VIOLATION],
  [
    "two ends",
    "§2.2.3",
    [
      { begins: false, fsn: 3 },
      { begins: false, fsn: 5 },
    ],
    VIOLATION,
  ],
  [
    "a fragment behind the end",
    "§2.2.3",
    [
      { begins: false, fsn: 3 },
      { begins: false, ends: false, fsn: 4 },
    ],
    VIOLATION,
  ],
  [
    "an end before a fragment that is there",
    "§2.2.3",
    [
      { begins: false, ends: false, fsn: 4 },
      { begins: false, fsn: 3 },
    ],
    VIOLATION,
  ],
  ["a message twice under two TSNs", "§2.2.3", [{}, {}], "message, then violation"],
  ["a MID ahead", "§2.2.3: kept for its turn", [{ mid: 1 }], KEPT],
  ["a MID ahead, then the one before", "§2.2.3", [{ mid: 1 }, {}], "-> sack; message; message"],
  ["a MID behind", "§2.2.3", [{ mid: 0xffffffff }], VIOLATION],
  ["a MID 2^31 - 1 ahead", "§2.2.3", [{ mid: 2 ** 31 - 1 }], KEPT],
  ["a MID 2^31 ahead, which is behind", "§2.2.3", [{ mid: 2 ** 31 }], VIOLATION],
  [
    "unordered, whatever the MID",
    "§2.2.3",
    [
      { mid: 999, flags: 4 },
      { mid: 0xffffffff, flags: 4 },
    ],
    "-> sack; message; message",
  ],
  [
    "unordered and ordered fragments of one MID: two messages",
    "§2.2.3",
    [{ ends: false }, { begins: false, fsn: 1, flags: 4 }],
    KEPT,
  ],
  ["all flags set", "§2.1", [{ flags: 0xff }], NEW],
  ["in the first stream beyond", "RFC 9260 §6.5", [{ stream: 16 }], "-> error + sack"],
  ["in stream 65,535, in fragments", "RFC 9260 §6.5", [{ stream: 65_535, ends: false }], "-> error + sack"],
  ["the same I-DATA twice", "RFC 9260 §6.2", [{}, { after: -1 }], "-> sack; message; #data-dropped"],
  ["of 9,000 bytes", "§2.1", [{ size: 9_000 }], NEW],
];

function write(to: PacketWriter, scene: Scene, chunks: readonly Fields[]): void {
  let tsn = scene.ourTsn;
  for (const { after = 0, flags = 0, mid = 0, fsn = 0, ...fields } of chunks) {
    tsn += after;
    const whole = { stream: 0, begins: true, ends: true, size: 1, ...fields };
    to.iData({ tsn: tsn >>> 0, ssn: mid, fsn, ...whole }, flags);
    tsn += 1;
  }
}

for (const [name, section, chunks, expected] of SEQUENCES) {
  test(`I-DATA ${name} (${section})`, () => {
    for (const ourTsn of [1_000, 2 ** 32 - 1]) {
      const scene = new Scene("established", { ourTsn, interleaves: true });
      const happens = scene.give((to) => write(to, scene, chunks));
      const first = expected === "message, then violation";
      assert.equal(happens, first ? VIOLATION.replace("; lost", "; message; lost") : expected);
      scene.assertGoesOnAs(happens.includes("lost") ? "over" : "established");
    }
  });
}

/** In which states user data count at all (RFC 9260 §6). */
const TAKEN: ReadonlySet<Situation> = new Set(["established", "shutdown-pending", "shutdown-sent"]);

test("DATA where I-DATA was agreed ends the association, in every state that takes data (§2.2.2)", () => {
  for (const situation of SITUATIONS.slice(1)) {
    const scene = new Scene(situation, { interleaves: true });
    const happens = scene.give((to) =>
      to.data({ tsn: scene.ourTsn, stream: 0, ssn: 0, begins: true, ends: true, size: 1 }),
    );
    assert.equal(happens, TAKEN.has(situation) ? VIOLATION : "nothing", situation);
    scene.assertGoesOnAs(TAKEN.has(situation) ? "over" : situation);
  }
});

test("I-DATA where it was agreed is taken in every state that takes data", () => {
  for (const situation of SITUATIONS.slice(1)) {
    const scene = new Scene(situation, { interleaves: true });
    const happens = scene.give((to) => write(to, scene, [{}]));
    assert.equal(/message/.test(happens), TAKEN.has(situation), `${situation}: ${happens}`);
    scene.assertGoesOnAs(situation);
  }
});

/** Extension lists (RFC 5061 §4.2.7), and whether I-DATA is among them. */
const LISTS: readonly [name: string, list: readonly number[], agreed: boolean][] = [
  ["empty", [], false],
  ["of I-DATA alone", [64], true],
  ["with I-DATA in the middle", [0xc0, 64, 0x82], true],
  ["of all that there is", Array.from({ length: 256 }, (_, index) => index), true],
  ["of others", [0xc0, 0x82, 0x0f], false],
  ["of DATA", [0], false],
];

for (const [name, list, agreed] of LISTS) {
  test(`a list of extensions ${name}: I-DATA ${agreed ? "is" : "is not"} agreed (§2.2.1)`, () => {
    const parameter = Buffer.alloc((4 + list.length + 3) & ~3);
    parameter.writeUInt16BE(0x8008, 0);
    parameter.writeUInt16BE(4 + list.length, 2);
    parameter.set(list, 4);
    const scene = new Scene("stranger");
    assert.equal(
      scene.give((to) => to.init(1, 0x2222, 100_000, 10, scene.ourTsn, parameter), 0),
      "-> init-ack",
    );
    const initAck = scene.answers[0]?.packet.chunks[0];
    assert.ok(initAck?.type === "init-ack" && initAck.cookie !== undefined);
    const { tag, cookie } = initAck;
    assert.equal(
      scene.give((to) => to.body(10, 0, cookie), tag),
      "-> cookie-ack; up",
    );
    assert.equal(
      scene.give((to) => write(to, scene, [{}]), tag),
      agreed ? NEW : VIOLATION,
    );
  });
}
