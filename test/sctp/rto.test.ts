/** What is waited for, and how often: RTO and the timers that follow it (RFC 9260 §6.3). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RoundTrip } from "../../src/sctp/rto.ts";
import { Scene, type Situation } from "./scene.ts";

/** Round trips measured one after the other, and the RTO after them. */
const MEASURED: readonly [rule: string, roundTrips: readonly number[], timeout: number][] = [
  ["C1: RTO.Initial", [], 500],
  ["C2: the first, and twice itself", [200], 600],
  ["C3: the same again", [200, 200], 500],
  ["C3: twice as long", [200, 400], 725],
  ["C3: long, then short", [200, 400, 100], 209.375 + 4 * 125],
  ["C6: RTO.Min", [10], 100],
  ["C7: RTO.Max", [1_000], 2_000],
];

for (const [rule, roundTrips, timeout] of MEASURED) {
  test(`§6.3.1 ${rule}`, () => {
    const roundTrip = new RoundTrip();
    for (const millis of roundTrips) roundTrip.measure(millis);
    assert.equal(roundTrip.timeout, timeout);
  });
}

test("§6.3.3 E2: each expiry doubles the RTO, up to RTO.Max, until a round trip is measured", () => {
  const roundTrip = new RoundTrip();
  roundTrip.measure(200);
  const timeouts = Array.from({ length: 3 }, () => {
    roundTrip.backOff();
    return roundTrip.timeout;
  });
  assert.deepEqual(timeouts, [1_200, 2_000, 2_000]);
  roundTrip.measure(200);
  assert.equal(roundTrip.timeout, 500);
});

/** What is sent again in a situation when nothing answers, how often, and the end. */
const UNANSWERED: readonly [string, Situation, chunk: string, times: number, then: string, end: string][] = [
  ["§5.1: INIT under T1", "cookie-wait", "init", 10, "", "lost"],
  ["§5.1: COOKIE ECHO under T1", "cookie-echoed", "cookie-echo", 10, "", "lost"],
  ["§6.3.3, §8.1: DATA under T3", "established", "data", 20, "abort", "lost"],
  ["§9.2: SHUTDOWN under T2", "shutdown-sent", "shutdown", 8, "abort", "lost"],
  ["§9.2: SHUTDOWN ACK under T2", "shutdown-ack-sent", "shutdown-ack", 8, "", "closed"],
];

/** An endpoint whose peer says nothing any more, with DATA on the way where they may be sent. */
function silentFrom(situation: Situation): Scene {
  const scene = new Scene(situation);
  if (situation === "established") scene.say();
  return scene;
}

for (const [rule, situation, chunk, times, then, end] of UNANSWERED) {
  test(`${rule} is sent again ${times} times, after 0.5, 1 and 2 s`, () => {
    const { target, id } = silentFrom(situation);
    const began = target.now;
    const sent: [string, number][] = [];
    while (target.endpoint.status(id) !== undefined) {
      for (const { packet } of target.pass((target.endpoint.nextDeadline() ?? 0) - target.now)) {
        sent.push([packet.chunks[0]?.type ?? "", target.now - began]);
      }
    }
    const expected = Array.from({ length: times }, (_, index) => [
      chunk,
      index === 0 ? 500 : 2_000 * index - 500,
    ]);
    if (then !== "") expected.push([then, 2_000 * times - 500]);
    assert.deepEqual(sent, expected);
    assert.equal(target.now - began, 2_000 * times - 500);
    assert.equal(target.kinds().at(-1), end);
  });
}
