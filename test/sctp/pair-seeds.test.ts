/**
 * Hundreds of conversations, each of them drawn from its seed: how the network behaves, who sends what, who closes
 * when, and what befalls them. PAIR_SEED=n repeats one, PAIR_SEEDS=n makes a longer run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "./conversation.ts";

const ONE = process.env.PAIR_SEED;
const SEEDS = Number(process.env.PAIR_SEEDS ?? 1_000);
const TESTS = 10;
/** All nine farewells in a row are lost in one of 100,000 conversations at 15% loss; a longer run may meet that. */
const SURPRISES = Math.floor(SEEDS / 10_000);

function converse(seed: number): Conversation {
  try {
    const conversation = new Conversation(seed);
    conversation.run();
    return conversation;
  } catch (error) {
    throw new Error(`PAIR_SEED=${seed}`, { cause: error });
  }
}

if (ONE !== undefined) {
  test(`conversation ${ONE}`, (context) => context.diagnostic(converse(Number(ONE)).describe()));
} else {
  for (let part = 0; part < TESTS; part += 1) {
    const first = 1 + Math.floor((part * SEEDS) / TESTS);
    const last = Math.floor(((part + 1) * SEEDS) / TESTS);
    test(`conversations ${first} to ${last}`, (context) => {
      const told = new Map<string, number>();
      const surprises: string[] = [];
      for (let seed = first; seed <= last; seed += 1) {
        const conversation = converse(seed);
        for (const [type, count] of conversation.ledger.events) told.set(type, (told.get(type) ?? 0) + count);
        if (conversation.surprise !== undefined)
          surprises.push(`PAIR_SEED=${seed}: ${conversation.surprise}`);
      }
      context.diagnostic([...told].map(([type, count]) => `${count} ${type}`).join(", "));
      assert.ok(surprises.length <= SURPRISES, surprises.join("\n\n"));
    });
  }
}
