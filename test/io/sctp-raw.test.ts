import assert from "node:assert/strict";
import { test } from "node:test";
import { RawIp } from "../../src/io/sctp-raw.ts";

test("what a packet on raw IP brings about by promises happens at once", async (t) => {
  const first = Promise.withResolvers<string>();
  let raw: RawIp;
  try {
    raw = await RawIp.open({
      sink: () => queueMicrotask(() => first.resolve("the packet")),
      onError: (error) => first.reject(error),
    });
  } catch (error) {
    t.skip(`needs root and the native part: ${error}`);
    return;
  }
  t.after(() => raw.close());
  // Long enough that a packet has come before.
  const timer = setTimeout(() => first.resolve("a timer"), 2_000);
  const cookieEcho = Buffer.from([0x13, 0x88, 0x27, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 4]);
  raw.send({ via: "raw", address: "127.0.0.77", outerPort: 0, local: "127.0.0.1" }, cookieEcho);
  assert.equal(await first.promise, "the packet");
  clearTimeout(timer);
});
