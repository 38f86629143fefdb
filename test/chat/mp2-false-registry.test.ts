import assert from "node:assert/strict";
import { test } from "node:test";
import { BOUNDS } from "../../src/chat/bounds.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import { REGISTRATION_TO_CLIENT } from "../../src/wire/mp2-registration.ts";
import type { Nonce, SessionId } from "../../src/wire/mp2-values.ts";
import { ADAM, EPOCH, entry, key, Mp2Client, OLA, REALM, REGISTRY_KEY, UNIX } from "./mp2-client.ts";

/** Somebody answers a search who is no registry, or a broken one. */

/** What a registry says in order, as bytes; the client says `register` after the first. */
function sayings(nonce: Nonce): readonly Uint8Array[] {
  const page = { type: "page", epoch: EPOCH, seq: 10, index: 0, count: 1, entries: [entry(OLA)] } as const;
  const capabilities = new Set<never>();
  return [
    REGISTRATION_TO_CLIENT.encode({ type: "challenge", realm: REALM, epoch: EPOCH, nonce, capabilities }),
    REGISTRATION_TO_CLIENT.encode({
      ...{ type: "registered", session: "50".repeat(16) as SessionId, epoch: EPOCH, seq: 10, time: UNIX },
      ...{ sctpPort: 10_001, encapsulationPort: 9_899, rawIp: false, heartbeat: 1_000, lostAfter: 2_800 },
    }),
    REGISTRATION_TO_CLIENT.encode(page),
  ];
}

/** A false registry says so much as it should, then `bytes`; the client gives it up, says one line, and finds the true one. */
function givesUp(name: string, turn: number, spoil: (whole: Uint8Array) => Uint8Array, time = 0): void {
  const bench = new Mp2Client();
  bench.client.start(0);
  bench.pass(0);
  const { connection, nonce } = bench.dialBack();
  const said = sayings(nonce);
  for (const bytes of said.slice(0, turn)) bench.client.received(bench.now, connection, encodeFrame(bytes));
  bench.client.received(bench.now, connection, spoil(said[turn] ?? new Uint8Array()));
  bench.pass(time);
  const destroyed = bench.take("tls-destroy").map((out) => out.connection);
  assert.deepEqual(destroyed, [connection], name);
  const told = bench.noticeTypes().filter((type) => type !== "search-hint");
  assert.deepEqual(told, ["searching", "search-failing"], name);
  bench.pass(4_000);
  bench.joinRegistry([entry(ADAM)]);
  assert.equal(bench.noticeTypes().at(-1), "online", name);
}

test("a false registry's challenge, registered and page, cut short at every byte, lengthened, or of other channels", () => {
  const lengths = sayings(new Uint8Array(16) as Nonce).map(({ length }) => length);
  for (const [turn, length] of lengths.entries()) {
    for (let cut = 1; cut < length; cut += 1)
      givesUp(`${turn} cut to ${cut}`, turn, (whole) => encodeFrame(whole.subarray(0, cut)));
    givesUp(`${turn} and a byte`, turn, (whole) => encodeFrame(Buffer.concat([whole, Buffer.of(0)])));
    for (let type = 0; type < 0x50; type += 1) {
      const wrong = Buffer.from(type < 24 ? [0xa1, 0, type] : [0xa1, 0, 0x18, type]);
      givesUp(`type ${type} instead of ${turn}`, turn, () => encodeFrame(wrong));
    }
  }
});

test("a false registry that sends half a message and then nothing, at each step: given up in time", () => {
  for (const [turn, time] of [5_000, 10_000, 15_000].entries())
    for (const bytes of [0, 1, 3, 4, 5, 40])
      givesUp(`${turn}, ${bytes} bytes`, turn, (whole) => encodeFrame(whole).subarray(0, bytes), time);
});

test("of false registries at ever other addresses eight are named", () => {
  const bench = new Mp2Client();
  bench.client.start(0);
  bench.pass(0);
  for (let count = 0; count < 20; count += 1) {
    bench.pass(30_000);
    const nonce = bench.nonce();
    const from = { address: `10.0.1.${count}`, port: 10_001 };
    const fingerprint = key(count.toString(16).padStart(2, "0"));
    bench.cookie(nonce, { from, fingerprint });
    const connection = bench.connects("mp2-registry", fingerprint, from.address);
    bench.client.received(bench.now, connection, encodeFrame(Uint8Array.of(0xff)));
  }
  const told = bench.notices().filter(({ type }) => type === "search-failing");
  assert.equal(told.length, 8);
});

test("calls that are passed on from ever other addresses: each is refused, and few are told", () => {
  const bench = new Mp2Client();
  bench.client.start(0);
  bench.pass(0);
  bench.cookie(bench.nonce());
  for (let round = 0; round < 3; round += 1)
    for (let host = 0; host < 50; host += 1)
      bench.connects("mp2-registry", REGISTRY_KEY, `10.9.${round}.${host}`);
  assert.equal(bench.take("tls-destroy").length, 150);
  const told = bench.noticeTypes().filter((type) => type === "search-failing");
  assert.equal(told.length, BOUNDS.unusableTold);
});
