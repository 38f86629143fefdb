/** Loss that SACKs show, and what is sent then (RFC 9260 §7.2.4), by the numbers of the DATA. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Transmission } from "../../src/sctp/tx/transmission.ts";

const ROOM = 1_188;

/** A sender with all to say, whose window has grown by ten packets: DATA 10 to 23 are in flight. */
class Sender {
  readonly tx = new Transmission(0, 1e9, false);

  constructor() {
    this.tx.add(0, 0, new Uint8Array(1e6));
    let sent = this.take();
    for (let count = 1; count <= 10; count += 1) {
      this.sack(count);
      sent = this.take();
    }
    assert.equal(sent.at(-1), 23);
  }

  /** What may leave now. */
  take(): number[] {
    const numbers: number[] = [];
    for (let chunk = this.tx.take(0, ROOM); chunk !== undefined; chunk = this.tx.take(0, ROOM)) {
      numbers.push(chunk.readUInt32BE(4));
    }
    return numbers;
  }

  /** All before `next` have arrived, and of those behind it some. */
  sack(next: number, ...arrived: readonly (readonly [first: number, last: number])[]): void {
    const gaps = arrived.map(([first, last]) => ({ start: first - next + 1, end: last - next + 1 }));
    const result = this.tx.acknowledge(0, {
      type: "sack",
      cumulativeTsn: (next - 1) >>> 0,
      window: 1e9,
      gaps,
    });
    assert.equal(result.type, "taken");
  }
}

/** In fast recovery: 10 was lost, and has just been sent again. */
function recovering(): Sender {
  const sender = new Sender();
  sender.sack(10, [11, 11]);
  sender.sack(10, [11, 12]);
  assert.deepEqual(sender.take(), [24, 25], "two have arrived, two more may leave");
  sender.sack(10, [11, 13]);
  assert.deepEqual(sender.take(), [10]);
  return sender;
}

test("§7.2.4 (3): what the third SACK misses goes out at once, whatever the window says, and nothing else", () => {
  recovering();
});

test("§7.2.4: a SACK that tells nothing new counts for nothing (HTNA)", () => {
  const sender = new Sender();
  for (let count = 0; count < 5; count += 1) sender.sack(10, [11, 11]);
  assert.ok(!sender.take().includes(10));
});

test("§7.2.4: in recovery whatever a SACK misses counts, if it moves the cumulative TSN", () => {
  const sender = new Sender();
  sender.sack(10, [11, 11]);
  sender.sack(10, [11, 11], [13, 13]);
  sender.sack(10, [11, 11], [13, 14]);
  assert.equal(sender.take()[0], 10);
  sender.sack(12, [13, 14]);
  assert.deepEqual(sender.take(), [], "the halved window is full");
  sender.sack(12, [13, 20]);
  assert.equal(sender.take()[0], 12);
});

test("§7.2.4: what was sent again is not missed by what was sent before it; T3 sends it once more", () => {
  const sender = recovering();
  for (let last = 14; last <= 20; last += 1) sender.sack(10, [11, last]);
  assert.ok(!sender.take().includes(10));
  sender.tx.timeout();
  assert.equal(sender.take()[0], 10);
});

test("§7.2.4: in recovery a second loss does not halve the window again", () => {
  const sender = new Sender();
  sender.sack(10, [11, 11]);
  sender.sack(10, [11, 12]);
  sender.sack(10, [11, 13]);
  assert.deepEqual(sender.take(), [10]);
  for (const last of [15, 16, 17, 18, 19]) sender.sack(10, [11, 13], [15, last]);
  assert.deepEqual(sender.take(), [14, 24]);
  // Half of 16,284 is 8,142 bytes: seven packets.
  sender.sack(25);
  assert.equal(sender.take().length, 7);
});

test("§7.2.4: once all that was in flight has arrived, recovery is over, and the next loss halves the window", () => {
  const sender = recovering();
  sender.sack(26);
  assert.deepEqual(sender.take(), [26, 27, 28, 29, 30, 31, 32]);
  for (const last of [27, 28, 29]) sender.sack(26, [27, last]);
  // Four packets: three are in flight, and one goes out again.
  assert.deepEqual(sender.take(), [26]);
});

test("§6.3.3: T3 ends recovery: the window grows again", () => {
  const sender = recovering();
  sender.tx.timeout();
  sender.take();
  sender.sack(14);
  assert.equal(sender.take().length >= 2, true);
});

test("RFC 8985: after T3, answers to what was sent before it do not count against what is sent again", () => {
  const tx = new Transmission(0, 1e9, false);
  const take = (now: number): number[] => {
    const numbers: number[] = [];
    for (let chunk = tx.take(now, ROOM); chunk !== undefined; chunk = tx.take(now, ROOM)) {
      numbers.push(chunk.readUInt32BE(4));
    }
    return numbers;
  };
  const sack = (now: number, next: number, last: number): void => {
    const gaps = last > next ? [{ start: 2, end: last - next + 1 }] : [];
    tx.acknowledge(now, { type: "sack", cumulativeTsn: (next - 1) >>> 0, window: 1e9, gaps });
  };
  tx.add(0, 0, new Uint8Array(1e5));
  take(0);
  sack(100, 1, 0);
  take(100);
  tx.timeout();
  const again = take(600);
  assert.equal(again[0], 1);
  // The round trip is 100 ms: what arrives now was sent long ago.
  for (let last = 2; last <= 5; last += 1) {
    sack(600 + last, 1, last);
    again.push(...take(600 + last));
  }
  assert.equal(again.filter((number) => number === 1).length, 1, again.join());
});
