/** The stall trap: while our own process does not run, the peers' silence does not count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as encode from "../../src/sctp/encode.ts";
import { associate, Target } from "./target.ts";

/** A peer that has been asked for a sign of life, and the answer that it has given. */
function asked(): { target: Target; tag: number; answer: Uint8Array } {
  const target = new Target();
  const { tag } = associate(target);
  const [heartbeat] = target.pass(1_000).flatMap((sent) => [...sent.packet.chunks]);
  assert.ok(heartbeat?.type === "heartbeat");
  target.endpoint.advance(target.now);
  return { target, tag, answer: encode.encodeHeartbeatAck(heartbeat.info) };
}

test("a stop with the answer unread: timers first or sockets first, nobody is suspect or lost, and it is one stall", () => {
  for (const timersFirst of [true, false]) {
    for (const seconds of [1, 5, 3_600]) {
      const { target, tag, answer } = asked();
      target.now += 1_000 * seconds;
      if (timersFirst) target.endpoint.advance(target.now);
      // Others are heard first; what was due waits meanwhile.
      for (const whose of [tag + 1, tag + 1, tag]) target.hit(whose, answer);
      target.endpoint.advance(target.now);
      target.drain();
      assert.deepEqual(target.kinds(), ["up"], `${seconds} s, ${timersFirst ? "timers" : "sockets"} first`);
      assert.equal(target.count("stalls"), 1);
    }
  }
});

/** Milliseconds until a peer that says nothing is lost, after our process has stopped for a time. */
function lostAfter(stop: number): number {
  const { target } = asked();
  const began = target.now;
  target.now += stop;
  target.endpoint.advance(target.now);
  while (target.endpoint.status(1) !== undefined)
    target.pass((target.endpoint.nextDeadline() ?? 0) - target.now);
  return Math.round(target.now - began - stop);
}

test("after a stop the peer has all the time it had before, and not more", () => {
  assert.deepEqual([5_000, 60_000].map(lostAfter), [lostAfter(0), lostAfter(0)]);
});

test("to be late by half a second at most, again and again, is no stall: who is silent is lost in time", () => {
  const { target } = asked();
  const began = target.now;
  while (target.endpoint.status(1) !== undefined && target.now < began + 60_000) {
    target.now = (target.endpoint.nextDeadline() ?? 0) + 100;
    target.endpoint.advance(target.now);
    target.drain();
  }
  assert.equal(target.count("stalls"), 0);
  assert.ok(target.now - began < 3_300, `${target.now - began} ms`);
});
