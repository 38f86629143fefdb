/** Settings that would make an endpoint useless, or harm others, are refused at the start and later. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCTP_SETTINGS, type SctpSettings } from "../../src/sctp/index.ts";
import { Target } from "./target.ts";

/** The last value that is taken, and the first that is not. */
const LIMITS: readonly [name: string, good: Partial<SctpSettings>, bad: Partial<SctpSettings>][] = [
  ["a heartbeat is 10 ms at least", { heartbeatMillis: 10 }, { heartbeatMillis: 9 }],
  ["no heartbeat is no number", {}, { heartbeatMillis: NaN }],
  ["there is time for two heartbeats", { lostAfterMillis: 2_000 }, { lostAfterMillis: 1_999 }],
  ["a message has a byte", { maxMessageBytes: 1 }, { maxMessageBytes: 0 }],
  ["a message has 65,536 bytes at most", { maxMessageBytes: 65_536 }, { maxMessageBytes: 65_537 }],
  ["two messages can be held", { maxHeldBytes: 131_072 }, { maxHeldBytes: 131_071 }],
];

for (const [name, good, bad] of LIMITS) {
  test(name, () => {
    const target = new Target(good);
    const refused = { ...DEFAULT_SCTP_SETTINGS, ...bad };
    assert.throws(() => new Target(bad), { name: "MisuseError" });
    assert.throws(() => target.endpoint.configure(refused), { name: "MisuseError" });
  });
}
