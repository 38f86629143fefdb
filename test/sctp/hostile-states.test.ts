/**
 * Every chunk type under the right tag in every state of the association, and from a stranger: what comes back, what
 * is told and counted, and what state it leaves (RFC 9260 §4, §5.2, §8.4, §9).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene, SITUATIONS, type Situation, type Write } from "./scene.ts";
import { OUR_TSN } from "./target.ts";

/** What happens, and after "=>" the state that it leaves where that is another. */
type Cells = Readonly<Partial<Record<Situation | "else", string>>>;

const EMPTY = new Uint8Array(0);
const ABORTED = "lost aborted => over";
const VIOLATION = "-> abort; lost protocol-violation; #protocol-violation => over";
/** §8.4 (8). */
const REFLECTED = "-> abort T; #out-of-the-blue";
/** §8.4 (2), (6), (7). */
const NO_ANSWER = "#out-of-the-blue";

const ROWS: readonly [chunk: string, section: string, write: Write, cells: Cells][] = [
  [
    "DATA",
    "§6: taken where the peer may still send",
    (to) => to.data({ tsn: OUR_TSN, stream: 0, ssn: 0, begins: true, ends: true, size: 1 }),
    {
      stranger: REFLECTED,
      established: "-> sack; message",
      "shutdown-pending": "-> sack; message",
      "shutdown-sent": "-> sack + shutdown; message",
      else: "nothing",
    },
  ],
  [
    "INIT ACK",
    "§5.2.3: discarded except in COOKIE-WAIT",
    (to, scene) => scene.initAck(to),
    { stranger: REFLECTED, "cookie-wait": "-> cookie-echo => cookie-echoed", else: "nothing" },
  ],
  [
    "INIT ACK without a cookie",
    "§5.1 C, §3.3.3",
    (to) => to.init(2, 0x2222, 1_000, 5, 5, EMPTY),
    { stranger: REFLECTED, "cookie-wait": VIOLATION, else: "nothing" },
  ],
  [
    "INIT ACK with tag 0",
    "§3.3.3: the association ends, and there is nobody to tell",
    (to) => to.init(2, 0, 1_000, 5, 5, Uint8Array.of(0, 7, 0, 8, 1, 2, 3, 4)),
    {
      stranger: REFLECTED,
      "cookie-wait": "lost protocol-violation; #protocol-violation => over",
      else: "nothing",
    },
  ],
  [
    "INIT ACK without streams",
    "§3.3.3",
    (to) => to.init(2, 0x2222, 1_000, 0, 5, Uint8Array.of(0, 7, 0, 8, 1, 2, 3, 4)),
    { stranger: REFLECTED, "cookie-wait": VIOLATION, else: "nothing" },
  ],
  [
    "SACK of nothing new",
    "§6.2.1",
    (to, scene) => to.sack(scene.tsn - 1, 1_000, []),
    { stranger: REFLECTED, else: "nothing" },
  ],
  [
    "SACK for DATA never sent",
    "§6.2.1: a protocol violation",
    (to, scene) => to.sack(scene.lastTsn + 1, 1_000, []),
    {
      stranger: REFLECTED,
      established: VIOLATION,
      "shutdown-pending": VIOLATION,
      "shutdown-received": VIOLATION,
      else: "nothing",
    },
  ],
  [
    "HEARTBEAT",
    "§8.3: answered once the peer's tag is known",
    (to) => to.heartbeat(4, Uint8Array.of(1)),
    { stranger: REFLECTED, "cookie-wait": "nothing", else: "-> heartbeat-ack" },
  ],
  [
    "HEARTBEAT ACK for what was never asked",
    "§8.3",
    (to) => to.heartbeat(5, Uint8Array.of(1)),
    { stranger: REFLECTED, else: "#bad-heartbeat-ack" },
  ],
  ["ABORT", "§9.1", (to) => to.bare(6), { stranger: NO_ANSWER, else: ABORTED }],
  [
    "ABORT with the T bit and the receiver's own tag",
    "§8.5.1 B: the T bit goes with the sender's tag",
    (to) => to.bare(6, 1),
    { stranger: NO_ANSWER, else: "#bad-tag" },
  ],
  [
    "SHUTDOWN",
    "§9.2: discarded during set-up; answered at once, or when our data are acknowledged",
    (to, scene) => to.shutdown(scene.tsn - 1),
    {
      stranger: REFLECTED,
      "cookie-wait": "nothing",
      "cookie-echoed": "nothing",
      established: "-> shutdown-ack => shutdown-ack-sent",
      "shutdown-pending": "nothing => shutdown-received",
      "shutdown-sent": "-> shutdown-ack => shutdown-ack-sent",
      "shutdown-received": "nothing",
      "shutdown-ack-sent": "-> shutdown-ack",
    },
  ],
  [
    "SHUTDOWN that acknowledges DATA never sent",
    "§9.2, §6.2.1",
    (to, scene) => to.shutdown(scene.lastTsn + 1),
    {
      stranger: REFLECTED,
      established: VIOLATION,
      "shutdown-pending": VIOLATION,
      "shutdown-received": VIOLATION,
      // All data were acknowledged before, so its number says nothing any more.
      "shutdown-sent": "-> shutdown-ack => shutdown-ack-sent",
      "shutdown-ack-sent": "-> shutdown-ack",
      else: "nothing",
    },
  ],
  [
    "SHUTDOWN ACK",
    "§9.2, §8.4 (5), §8.5.1 E",
    (to) => to.bare(8),
    {
      stranger: "-> shutdown-complete T; #out-of-the-blue",
      "shutdown-sent": "-> shutdown-complete; closed => over",
      "shutdown-ack-sent": "-> shutdown-complete; closed => over",
      else: "nothing",
    },
  ],
  ["ERROR without causes", "§3.3.10", (to) => to.bare(9), { stranger: NO_ANSWER, else: "nothing" }],
  [
    "ERROR, stale cookie",
    "§5.2.6 (2)",
    (to) => to.cause(9, 0, 3, new Uint8Array(4)),
    { stranger: NO_ANSWER, "cookie-echoed": "lost unreachable => over", else: "nothing" },
  ],
  ["COOKIE ECHO, forged", "§5.1.5", (to) => to.body(10, 0, new Uint8Array(51)), { else: "#bad-cookie" }],
  ["COOKIE ECHO, empty", "§5.1.5", (to) => to.bare(10), { else: "#bad-cookie" }],
  [
    "COOKIE ACK",
    "§5.2.5: discarded except in COOKIE-ECHOED",
    (to) => to.bare(11),
    { stranger: NO_ANSWER, "cookie-echoed": "up => established", else: "nothing" },
  ],
  [
    "SHUTDOWN COMPLETE",
    "§9.2: discarded except in SHUTDOWN-ACK-SENT",
    (to) => to.bare(14),
    { stranger: NO_ANSWER, "shutdown-ack-sent": "closed => over", else: "nothing" },
  ],
  [
    "SHUTDOWN COMPLETE with the T bit and the receiver's own tag",
    "§8.5.1 C",
    (to) => to.bare(14, 1),
    { stranger: NO_ANSWER, else: "#bad-tag" },
  ],
  [
    "I-DATA where DATA was agreed",
    "RFC 8260 §2.2.2",
    (to) => to.iData({ tsn: OUR_TSN, stream: 0, ssn: 0, fsn: 0, begins: true, ends: true, size: 1 }),
    {
      stranger: REFLECTED,
      established: VIOLATION,
      "shutdown-pending": VIOLATION,
      "shutdown-sent": VIOLATION,
      else: "nothing",
    },
  ],
  ["ECNE", "unknown to us; §3.2: 00", (to) => to.bare(12), { stranger: REFLECTED, else: "#unknown-chunk" }],
  ["CWR", "unknown to us; §3.2: 00", (to) => to.bare(13), { stranger: REFLECTED, else: "#unknown-chunk" }],
  ["unknown 00", "§3.2: drop", (to) => to.bare(63), { stranger: REFLECTED, else: "#unknown-chunk" }],
  [
    "unknown 01",
    "§3.2: drop and report",
    (to) => to.bare(127),
    { stranger: REFLECTED, "cookie-wait": "#unknown-chunk", else: "-> error; #unknown-chunk" },
  ],
  ["unknown 10", "§3.2: skip", (to) => to.bare(191), { stranger: REFLECTED, else: "#unknown-chunk" }],
  [
    "unknown 11",
    "§3.2: skip and report",
    (to) => to.bare(255),
    { stranger: REFLECTED, "cookie-wait": "#unknown-chunk", else: "-> error; #unknown-chunk" },
  ],
];

for (const [chunk, section, write, cells] of ROWS) {
  test(`${chunk} (${section})`, () => {
    for (const situation of SITUATIONS) {
      const cell = cells[situation] ?? cells.else;
      assert.ok(cell !== undefined, `${situation} is missing`);
      const [happens, then = situation] = cell.split(" => ");
      const scene = new Scene(situation);
      assert.equal(scene.give(write), happens, situation);
      scene.assertGoesOnAs(then as Situation | "over");
    }
  });
}

const INIT: Write = (to) => to.init(1, 0x2222, 1_000, 5, 5, EMPTY);

test("INIT alone under tag 0 is answered and changes nothing, whatever the state (§5.2.1, §5.2.2, §9.2)", () => {
  for (const situation of SITUATIONS) {
    const scene = new Scene(situation);
    const answer = situation === "shutdown-ack-sent" ? "-> shutdown-ack" : "-> init-ack";
    assert.equal(scene.give(INIT, 0), answer, situation);
    scene.assertGoesOnAs(situation);
  }
});

const BAD_INITS: readonly [name: string, write: Write, tag: number | undefined, happens: string][] = [
  ["under a tag", INIT, undefined, "#bad-init"],
  [
    "with DATA behind it",
    (to, scene) => {
      INIT(to, scene);
      to.data({ tsn: OUR_TSN, stream: 0, ssn: 0, begins: true, ends: true, size: 1 });
    },
    0,
    "#bad-init",
  ],
  [
    "behind DATA",
    (to, scene) => {
      to.data({ tsn: OUR_TSN, stream: 0, ssn: 0, begins: true, ends: true, size: 1 });
      INIT(to, scene);
    },
    undefined,
    "#bad-init",
  ],
  [
    "twice",
    (to, scene) => {
      INIT(to, scene);
      INIT(to, scene);
    },
    0,
    "#bad-init",
  ],
  ["that names tag 0", (to) => to.init(1, 0, 1_000, 5, 5, EMPTY), 0, "#bad-init"],
  ["without streams", (to) => to.init(1, 0x2222, 1_000, 0, 5, EMPTY), 0, "-> abort"],
];

for (const [name, write, tag, happens] of BAD_INITS) {
  test(`INIT ${name} makes nothing and harms nobody (§3.3.2, §6.10, §8.5.1 A)`, () => {
    for (const situation of SITUATIONS) {
      const scene = new Scene(situation);
      assert.equal(scene.give(write, tag ?? scene.tag), happens, situation);
      scene.assertGoesOnAs(situation);
    }
  });
}
