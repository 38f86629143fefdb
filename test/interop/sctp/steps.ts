import assert from "node:assert/strict";
import type { Pair, Side } from "./pair.ts";
import type { Program } from "./program.ts";

/** What behaviours.ts is made of: steps that a pair takes, each waited for on both sides. */

/** The largest that our endpoint takes or gives. */
export const LARGEST_MESSAGE = 65_536;

export async function connect(pair: Pair, who: Side, millis?: number): Promise<void> {
  pair.initiate(who);
  await pair.ours.hears(/^up$/, millis);
  await pair.peer.hears(/^up$/, millis);
}

export async function close({ ours, peer }: Pair, who: Side, millis?: number): Promise<void> {
  (who === "ours" ? ours : peer).say("close");
  await ours.hears(/^closed$/, millis);
  await peer.hears(/^closed$/, millis);
}

/** One message each way, which also shows that none came too many before. */
export async function greet({ ours, peer }: Pair): Promise<void> {
  for (const [from, to] of [
    [ours, peer],
    [peer, ours],
  ] as const) {
    from.say("send 0 1000");
    assert.equal(await to.hears(/^(message|wrong)/), "message 0 7 1000 right");
  }
}

export async function expectRun(receiver: Program, count: number, largest: number): Promise<void> {
  receiver.say(`expect ${count} ${largest}`);
  await receiver.hears(/^expecting$/);
}

export async function runArrives(receiver: Program, millis?: number): Promise<void> {
  assert.equal(await receiver.hears(/^(received all|wrong|lost)/, millis), "received all", receiver.name);
}

/** Sends a run each way at the same time; milliseconds until both have arrived. */
export async function runBothWays(
  { ours, peer }: Pair,
  count: number,
  { millis, largest = LARGEST_MESSAGE }: { readonly millis?: number; readonly largest?: number } = {},
): Promise<BothWays> {
  await expectRun(ours, count, largest);
  await expectRun(peer, count, largest);
  const begun = performance.now();
  for (const sender of [ours, peer]) sender.say(`bulk ${count} ${largest}`);
  const arrives = async (receiver: Program): Promise<number> => {
    await runArrives(receiver, millis);
    return performance.now() - begun;
  };
  const [sent, received] = await Promise.allSettled([arrives(peer), arrives(ours)]);
  // In this order: a peer that has not got all of ours is our failure, whatever else it lacks.
  if (sent.status === "rejected") throw sent.reason;
  if (received.status === "rejected") throw received.reason;
  return { sent: sent.value, received: received.value };
}

/** Milliseconds until the peer had all of ours, and until we had all of its. */
export interface BothWays {
  readonly sent: number;
  readonly received: number;
}

export function bothSeconds({ sent, received }: BothWays): string {
  return `${seconds(sent)}, ${seconds(received)}`;
}

/** How many chunks of each type came ("in-…") and went ("out-…") since the speaker began. */
export async function chunks(ours: Program): Promise<(name: string) => number> {
  ours.say("chunks");
  const counts = JSON.parse((await ours.hears(/^chunks /)).slice("chunks ".length));
  return (name) => counts[name] ?? 0;
}

export async function set(program: Program, command: string): Promise<void> {
  program.say(command);
  await program.hears(/^set$/);
}

export function seconds(millis: number): string {
  return `${(millis / 1_000).toFixed(millis < 1_000 ? 2 : 1)} s`;
}
