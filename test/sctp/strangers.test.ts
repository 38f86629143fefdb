import assert from "node:assert/strict";
import { test } from "node:test";
import { isForStranger } from "../../src/sctp/strangers.ts";
import { PORT, packet } from "./wire.ts";

/** A packet whose first chunk has this type and these flags (RFC 9260 §3.2). */
function withChunk(type: number, flags: number): Uint8Array {
  return packet(0x1234_5678, Uint8Array.of(type, flags, 0, 4), PORT, PORT);
}

test("INIT ACK, and ABORT and SHUTDOWN COMPLETE with the T bit, answer strangers; all else goes to whom we know", () => {
  const types = Array.from({ length: 256 }, (_, type) => type);
  const forStrangers = (flags: number) => types.filter((type) => isForStranger(withChunk(type, flags)));
  assert.deepEqual(forStrangers(0), [2]);
  assert.deepEqual(forStrangers(1), [2, 6, 14]);
  assert.equal(isForStranger(new Uint8Array(12)), false);
});
