import assert from "node:assert/strict";
import type { Pair, Side } from "./pair.ts";
import { type Program, Silence } from "./program.ts";
import {
  type BothWays,
  bothSeconds,
  chunks,
  close,
  connect,
  expectRun,
  greet,
  LARGEST_MESSAGE,
  runArrives,
  runBothWays,
  seconds,
  set,
} from "./steps.ts";

/** One thing that our endpoint and a peer must be able to do together: a row of docs/interop.md. */
export interface Behaviour {
  readonly name: string;
  /** Both programs are without an association before and after. Returns what the table shows: "yes" or figures. */
  prove(pair: Pair): Promise<string>;
}

/** A run of 100 with this as its largest message can be sent without waiting, with every stack. */
const FITS_INTO_BUFFER = 16_384;
/** Fits into one chunk with either endpoint. */
const UNFRAGMENTED = 1_000;
/** A vanished peer is to be missed within this. */
const LOST_WITHIN_MILLIS = 5_000;
/** Loss makes both sides wait for timers of up to a second or two, again and again. */
const LOSSY_MILLIS = 60_000;

export const BEHAVIOURS: readonly Behaviour[] = [
  { name: "association begun by us", prove: (pair) => upAndDown(pair, "ours") },
  { name: "association begun by the peer", prove: (pair) => upAndDown(pair, "peer") },
  { name: "association begun by the peer's first message", prove: beginBySending },
  { name: "1,000 messages each way at once", prove: (pair) => transfer(pair, 1_000) },
  { name: "our heartbeats, answered", prove: ourHeartbeats },
  { name: "the peer's heartbeats, answered", prove: peerHeartbeats },
  { name: "SHUTDOWN by us, idle", prove: (pair) => shutDown(pair, "ours") },
  { name: "SHUTDOWN by the peer, idle", prove: (pair) => shutDown(pair, "peer") },
  { name: "SHUTDOWN by us, data unacknowledged", prove: (pair) => shutDownEarly(pair, "ours") },
  { name: "SHUTDOWN by the peer, data unacknowledged", prove: (pair) => shutDownEarly(pair, "peer") },
  { name: "ABORT by us", prove: (pair) => abort(pair, "ours") },
  { name: "ABORT by the peer", prove: (pair) => abort(pair, "peer") },
  { name: "peer killed, begins anew", prove: restartOfPeer },
  { name: "ours killed, begins anew", prove: restartOfOurs },
  { name: "ours killed, the peer goes on: ABORT", prove: strayData },
  { name: "cable pulled: suspect, lost", prove: vanish },
  { name: "5 % loss, 200 messages each way", prove: (pair) => transferWithLoss(pair, 5) },
  { name: "20 % loss, 200 messages each way", prove: (pair) => transferWithLoss(pair, 20) },
  { name: "I-DATA, 200 messages each way, unfragmented", prove: interleave },
  { name: "I-DATA, a short message passes a long one", prove: overtake },
];

async function upAndDown(pair: Pair, who: Side): Promise<string> {
  await connect(pair, who);
  await greet(pair);
  await close(pair, who);
  return "yes";
}

async function beginBySending(pair: Pair): Promise<string> {
  pair.initiateBySending();
  await pair.ours.hears(/^up$/);
  await pair.peer.hears(/^up$/);
  await pair.ours.hears(/^message 0 \d+ 1 right$/);
  await greet(pair);
  await close(pair, "peer");
  return "yes";
}

async function transfer(pair: Pair, count: number): Promise<string> {
  await connect(pair, "ours");
  const took = await runBothWays(pair, count);
  await greet(pair);
  await close(pair, "ours");
  return bothSeconds(took);
}

async function transferWithLoss(pair: Pair, percent: number): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    await pair.lose(percent);
    await connect(pair, "ours", LOSSY_MILLIS);
    let took: BothWays;
    try {
      took = await runBothWays(pair, 200, { millis: LOSSY_MILLIS });
    } catch (error) {
      // Only this may be the peer's fault: it has received all of ours, and what it sends does not come.
      const waitsForPeer = error instanceof Silence && error.program === pair.ours;
      if (!waitsForPeer || attempt === pair.stack.lossyAttempts) throw error;
      await pair.reset();
      continue;
    }
    await greet(pair);
    await close(pair, "ours", LOSSY_MILLIS);
    await pair.loseNothing();
    const figures = bothSeconds(took);
    return attempt === 1 ? figures : `${figures}, attempt ${attempt} (2)`;
  }
}

async function ourHeartbeats(pair: Pair): Promise<string> {
  await set(pair.ours, "heartbeat 250");
  await connect(pair, "ours");
  const share = await answered(pair.ours, 5, "out-heartbeat", "in-heartbeat-ack");
  assert.equal(pair.ours.heardSince(/^(suspect|lost)/), false, "answered, but not taken for an answer");
  await close(pair, "ours");
  await set(pair.ours, "heartbeat 0");
  return share;
}

async function peerHeartbeats(pair: Pair): Promise<string> {
  await set(pair.peer, "heartbeat 100");
  await connect(pair, "peer");
  const share = await answered(pair.ours, 3, "in-heartbeat", "out-heartbeat-ack");
  assert.equal(pair.peer.heardSince(/^lost/), false, "answered, but not taken for an answer");
  await close(pair, "peer");
  await set(pair.peer, "heartbeat 0");
  return share;
}

/** Waits until `count` heartbeats have been answered; how many of how many were. */
async function answered(ours: Program, count: number, asking: string, answering: string): Promise<string> {
  const before = await chunks(ours);
  ours.say(`await ${answering} ${before(answering) + count}`);
  await ours.hears(/^enough$/);
  const after = await chunks(ours);
  return `${after(answering) - before(answering)} of ${after(asking) - before(asking)}`;
}

async function shutDown(pair: Pair, who: Side): Promise<string> {
  await connect(pair, who === "ours" ? "peer" : "ours");
  await close(pair, who);
  return "yes";
}

/** While the other's packets are lost, nothing can be acknowledged. */
async function shutDownEarly(pair: Pair, who: Side): Promise<string> {
  await connect(pair, who === "ours" ? "peer" : "ours");
  const [sender, receiver] = who === "ours" ? [pair.ours, pair.peer] : [pair.peer, pair.ours];
  await expectRun(receiver, 100, FITS_INTO_BUFFER);
  await pair.silence(who === "ours" ? "peer" : "ours");
  sender.say(`bulk 100 ${FITS_INTO_BUFFER}`, "close");
  await sender.hears(/^closing$/);
  await pair.loseNothing();
  await runArrives(receiver);
  await receiver.hears(/^closed$/);
  await sender.hears(/^closed$/);
  return "yes";
}

async function abort(pair: Pair, who: Side): Promise<string> {
  await connect(pair, who);
  if (who === "ours") {
    pair.ours.say("abort");
    await pair.peer.hears(/^lost$/);
  } else {
    pair.peer.say("abort");
    await pair.ours.hears(/^lost aborted:/);
  }
  return "yes";
}

async function restartOfPeer(pair: Pair): Promise<string> {
  // A guest on a busy machine may need longer to start a program than a peer may be silent.
  await set(pair.ours, "heartbeat 1000 60000");
  await connect(pair, "ours");
  await greet(pair);
  await pair.restartPeer();
  pair.initiate("peer");
  assert.equal(await pair.ours.hears(/^(restarted|up|lost)/), "restarted same");
  await pair.peer.hears(/^up$/);
  await runBothWays(pair, 100);
  await close(pair, "peer");
  await set(pair.ours, "heartbeat 0");
  return "yes";
}

async function restartOfOurs(pair: Pair): Promise<string> {
  await connect(pair, "peer");
  await greet(pair);
  await pair.restartOurs();
  pair.initiate("ours");
  await pair.ours.hears(/^up$/);
  assert.equal(await pair.peer.hears(/^(restarted|up|lost)/), "restarted");
  await runBothWays(pair, 100);
  await close(pair, "ours");
  return "yes";
}

/** RFC 9260 §8.4 (8): a packet of an association that we do not know is answered by ABORT with its own v-tag. */
async function strayData(pair: Pair): Promise<string> {
  await connect(pair, "ours");
  await pair.restartOurs();
  pair.peer.say("send 0 1000");
  await pair.peer.hears(/^lost$/);
  return "yes";
}

async function vanish(pair: Pair): Promise<string> {
  await connect(pair, "peer");
  await greet(pair);
  await pair.unplug();
  const unplugged = performance.now();
  await pair.ours.hears(/^suspect$/);
  const suspect = performance.now() - unplugged;
  await pair.ours.hears(/^lost timeout:/);
  const lost = performance.now() - unplugged;
  await pair.plugIn();
  pair.peer.say("abort");
  await pair.peer.hears(/^aborted$/);
  assert.ok(lost <= LOST_WITHIN_MILLIS, `lost after ${seconds(lost)}`);
  return `${seconds(suspect)}, ${seconds(lost)}`;
}

/** RFC 8260: agreed on by both, all data travels as I-DATA. */
async function interleave(pair: Pair): Promise<string> {
  await pair.restartPeer({ interleaving: true });
  const before = await chunks(pair.ours);
  await connect(pair, "ours");
  const took = await runBothWays(pair, 200, { largest: UNFRAGMENTED });
  await close(pair, "ours");
  const after = await chunks(pair.ours);
  for (const direction of ["in", "out"]) {
    assert.ok(after(`${direction}-i-data`) > before(`${direction}-i-data`), `no I-DATA ${direction}`);
    assert.equal(after(`${direction}-data`), before(`${direction}-data`), `DATA ${direction}`);
  }
  await pair.restartPeer();
  return bothSeconds(took);
}

async function overtake(pair: Pair): Promise<string> {
  await pair.restartPeer({ interleaving: true });
  await connect(pair, "ours");
  const { ours, peer } = pair;
  if (!pair.stack.numbersFragments) {
    peer.say(`send 1 ${LARGEST_MESSAGE}`);
    await ours.hears(/^lost protocol-violation: /);
    await peer.hears(/^lost$/);
    await pair.restartPeer();
    return "no (1)";
  }
  for (const [from, to] of [
    [ours, peer],
    [peer, ours],
  ] as const) {
    from.say(`send 1 ${LARGEST_MESSAGE}`, "send 2 1");
    assert.equal(await to.hears(/^(message|lost)/), "message 2 7 1 right");
    assert.equal(await to.hears(/^(message|lost)/), `message 1 7 ${LARGEST_MESSAGE} right`);
  }
  await close(pair, "ours");
  await pair.restartPeer();
  return "yes";
}
