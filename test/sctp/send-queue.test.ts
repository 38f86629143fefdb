/** Whose turn it is among streams that have something to say (RFC 8260 §3.1, RFC 9260 §6.9). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SendQueue } from "../../src/sctp/tx/send-queue.ts";

/** The streams of the fragments that leave, after messages of so many bytes were queued, one a stream. */
function turns(interleaves: boolean, ...sizes: readonly number[]): string {
  const queue = new SendQueue(interleaves);
  for (const [stream, size] of sizes.entries()) queue.add(stream, 0, new Uint8Array(size));
  let streams = "";
  for (let fragment = queue.next(); fragment !== undefined; fragment = queue.next())
    streams += fragment.stream;
  return streams;
}

const TURNS: readonly [rule: string, interleaves: boolean, sizes: readonly number[], streams: string][] = [
  ["§6.9: as DATA, the fragments of a message stay together", false, [3_000, 3_000, 10], "0001112"],
  ["RFC 8260 §3.1: as I-DATA, streams take turns by fragment", true, [3_000, 3_000, 10], "0120101"],
  ["three long messages at once, the others wait", true, [3_000, 3_000, 3_000, 3_000], "012012031233"],
  ["but short ones do not wait for long ones", true, [3_000, 3_000, 3_000, 3_000, 10], "0124012031233"],
];

for (const [rule, interleaves, sizes, streams] of TURNS) {
  test(rule, () => assert.equal(turns(interleaves, ...sizes), streams));
}

test("what waits has memory of its own, once its sender is through with it", () => {
  const queue = new SendQueue(false);
  const [first, second] = [Uint8Array.of(1), Uint8Array.of(2)];
  queue.add(0, 0, first);
  assert.deepEqual(queue.next()?.bytes, Uint8Array.of(1), "what leaves at once is not copied");
  queue.add(0, 0, second);
  queue.keep();
  second.fill(9);
  assert.deepEqual(queue.next()?.bytes, Uint8Array.of(2));
});
