/** The congestion window alone, RFC 9260 §7.2, in packets of 1,200 bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AcknowledgedBytes, CongestionWindow } from "../../src/sctp/tx/congestion.ts";

/** A SACK of one packet that moves the cumulative TSN; the window was full before. */
function sack(
  window: CongestionWindow,
  what: Partial<AcknowledgedBytes> = {},
  inFastRecovery = false,
): number {
  const usual = { bytes: 1_200, advanced: true, flightBefore: window.size, flight: 1_200 };
  window.acknowledge({ ...usual, ...what }, inFastRecovery);
  return window.size;
}

/** The window after a loss at 12,000 bytes, found by SACKs or by T3. */
function after(loss: "fastRetransmit" | "timeout"): CongestionWindow {
  const window = new CongestionWindow();
  window.size = 12_000;
  window[loss]();
  return window;
}

const SLOW_START: readonly [
  rule: string,
  what: Partial<AcknowledgedBytes>,
  grows: number,
  recovery?: boolean,
][] = [
  ["by what was acknowledged", { bytes: 500 }, 500],
  ["by one packet at most", { bytes: 3_000 }, 1_200],
  ["not when the cumulative TSN stays", { advanced: false }, 0],
  ["not in fast recovery", {}, 0, true],
  ["not when it was not used", { flightBefore: 2_400 }, 0],
];

for (const [rule, what, grows, recovery] of SLOW_START) {
  test(`§7.2.1: in slow start the window grows ${rule}`, () => {
    const window = new CongestionWindow();
    assert.equal(window.size, 4_404);
    assert.equal(sack(window, what, recovery), 4_404 + grows);
  });
}

test("§7.2.3: three SACKs that miss a TSN halve the window, T3 leaves one packet; four packets are the least half", () => {
  assert.equal(after("fastRetransmit").size, 6_000);
  assert.equal(after("timeout").size, 1_200);
  const small = new CongestionWindow();
  small.fastRetransmit();
  assert.equal(small.size, 4_800);
});

test("§7.2.1, §7.2.3: after T3 the window starts slowly up to half of what it was", () => {
  const window = after("timeout");
  const sizes = Array.from({ length: 7 }, () => sack(window));
  assert.deepEqual(sizes, [2_400, 3_600, 4_800, 6_000, 7_200, 7_200, 7_200]);
});

test("§7.2.2: beyond the threshold it grows by one packet for each window", () => {
  const window = after("fastRetransmit");
  assert.equal(sack(window), 7_200);
  const sizes = Array.from({ length: 13 }, () => sack(window));
  assert.deepEqual(sizes, [
    ...Array.from({ length: 5 }, () => 7_200),
    ...Array.from({ length: 7 }, () => 8_400),
    9_600,
  ]);
});

test("§7.2.2: only while it is used, and from nothing again once nothing is in flight", () => {
  const unused = after("fastRetransmit");
  sack(unused);
  for (let count = 0; count < 10; count += 1) assert.equal(sack(unused, { flightBefore: 2_400 }), 7_200);
  const idle = after("fastRetransmit");
  sack(idle);
  for (let count = 0; count < 5; count += 1) sack(idle);
  assert.equal(sack(idle, { bytes: 100, flight: 0 }), 7_200);
  for (let count = 0; count < 5; count += 1) assert.equal(sack(idle), 7_200);
  assert.equal(sack(idle), 8_400);
});

test("§6.1 D: Max.Burst: four packets beyond what is in flight", () => {
  const window = new CongestionWindow();
  for (const [flight, size] of [
    [6_000, 10_800],
    [0, 4_800],
  ] as const) {
    window.size = 20_000;
    window.limitBurst(flight);
    assert.equal(window.size, size);
  }
});
