/** The congestion window alone, RFC 9260 §7.2, in packets: what chunks one of them holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOSS_WINDOW, CHUNKS_LIMIT as PACKET } from "../../src/sctp/constants.ts";
import { type AcknowledgedBytes, CongestionWindow } from "../../src/sctp/tx/congestion.ts";

/** A SACK of one packet that moves the cumulative TSN; the window was full before. */
function sack(
  window: CongestionWindow,
  what: Partial<AcknowledgedBytes> = {},
  inFastRecovery = false,
): number {
  const usual = { bytes: PACKET, advanced: true, flightBefore: window.size, flight: PACKET };
  window.acknowledge({ ...usual, ...what }, inFastRecovery);
  return window.size;
}

/** The window after a loss at ten packets, found by SACKs or by T3. */
function after(loss: "fastRetransmit" | "timeout"): CongestionWindow {
  const window = new CongestionWindow();
  window.size = 10 * PACKET;
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
  ["by one packet at most", { bytes: 3_000 }, PACKET],
  ["not when the cumulative TSN stays", { advanced: false }, 0],
  ["not in fast recovery", {}, 0, true],
  ["not when it was not used", { flightBefore: 2 * PACKET }, 0],
];

for (const [rule, what, grows, recovery] of SLOW_START) {
  test(`§7.2.1: in slow start the window grows ${rule}`, () => {
    const window = new CongestionWindow();
    assert.equal(window.size, 4_404);
    assert.equal(sack(window, what, recovery), 4_404 + grows);
  });
}

test("§7.2.3: three SACKs that miss a TSN halve the window, T3 leaves one packet and the probe behind it; four packets are the least half", () => {
  assert.equal(after("fastRetransmit").size, 5 * PACKET);
  assert.equal(after("timeout").size, LOSS_WINDOW);
  assert.ok(LOSS_WINDOW > PACKET && LOSS_WINDOW <= 2 * PACKET);
  const small = new CongestionWindow();
  small.fastRetransmit();
  assert.equal(small.size, 4 * PACKET);
});

test("§7.2.1, §7.2.3: after T3 the window starts slowly up to half of what it was", () => {
  const window = after("timeout");
  const sizes = Array.from({ length: 7 }, () => sack(window));
  assert.deepEqual(
    sizes.map((size) => (size - LOSS_WINDOW) / PACKET),
    [1, 2, 3, 4, 4, 4, 4],
  );
});

test("§7.2.2: beyond the threshold it grows by one packet for each window", () => {
  const window = after("fastRetransmit");
  assert.equal(sack(window), 6 * PACKET);
  const sizes = Array.from({ length: 13 }, () => sack(window));
  assert.deepEqual(sizes, [
    ...Array.from({ length: 5 }, () => 6 * PACKET),
    ...Array.from({ length: 7 }, () => 7 * PACKET),
    8 * PACKET,
  ]);
});

test("§7.2.2: only while it is used, and from nothing again once nothing is in flight", () => {
  const unused = after("fastRetransmit");
  sack(unused);
  for (let count = 0; count < 10; count += 1)
    assert.equal(sack(unused, { flightBefore: 2 * PACKET }), 6 * PACKET);
  const idle = after("fastRetransmit");
  sack(idle);
  for (let count = 0; count < 5; count += 1) sack(idle);
  assert.equal(sack(idle, { bytes: 100, flight: 0 }), 6 * PACKET);
  for (let count = 0; count < 5; count += 1) assert.equal(sack(idle), 6 * PACKET);
  assert.equal(sack(idle), 7 * PACKET);
});

test("§6.1 D: Max.Burst: four packets beyond what is in flight", () => {
  const window = new CongestionWindow();
  for (const [flight, size] of [
    [5 * PACKET, 9 * PACKET],
    [0, 4 * PACKET],
  ] as const) {
    window.size = 20_000;
    window.limitBurst(flight);
    assert.equal(window.size, size);
  }
});
