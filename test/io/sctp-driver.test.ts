import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import type { InitPressure, Path, SctpEndpoint, Transmit } from "../../src/sctp/api.ts";
import { within } from "../support/until.ts";

const path: Path = { via: "udp", address: "192.0.2.1", outerPort: 9_899, local: "" };
const PROBES = 100;

/** A core that wants {@link PROBES} packets sent whenever time goes on, and answers each packet with one. */
class FakeEndpoint {
  advances = 0;
  pressure: InitPressure = { share: 1, perSecond: 0 };
  readonly transmits: Transmit[] = [];

  advance(): void {
    this.advances += 1;
    for (let number = 0; number < PROBES; number += 1) this.#say("probe");
  }

  receive(): void {
    this.#say("answer");
  }

  connect(): number {
    return 1;
  }

  nextDeadline(): number {
    return this.advances === 0 ? 0 : Infinity;
  }

  pollTransmit(): Transmit | undefined {
    return this.transmits.shift();
  }

  pollEvent(): undefined {}

  initPressure(): InitPressure {
    return this.pressure;
  }

  #say(text: string): void {
    this.transmits.push({ path, bytes: Buffer.from(text) });
  }
}

test("what time makes due leaves a few packets at a time, and answers do not wait for it", async () => {
  const endpoint = new FakeEndpoint();
  const driver = new SctpDriver({
    endpoint: endpoint as unknown as SctpEndpoint,
    clock: { now: () => 1_000, wall: () => 0 },
    onEvent: () => assert.fail("no event was given"),
  });
  const sent: string[] = [];
  const begun = Promise.withResolvers<void>();
  driver.attach({
    via: "udp",
    send: (_, bytes) => {
      sent.push(Buffer.from(bytes).toString());
      begun.resolve();
    },
    close: async () => {},
  });
  driver.connect(path, 1);
  await within("the first probe", begun.promise);
  const probes = (): number => sent.filter((text) => text === "probe").length;
  assert.ok(probes() < PROBES / 4, `${probes()} in the first turn`);
  driver.receive(path, new Uint8Array());
  assert.equal(sent.at(-1), "answer");
  for (let turns = 0; turns < PROBES && probes() < PROBES; turns += 1) await nextTurn();
  assert.equal(probes(), PROBES);
  assert.equal(endpoint.advances, 1);
  await driver.close();
});

test("what the core wants of a flood is told to the transports that can, and to the owner, once", async () => {
  const endpoint = new FakeEndpoint();
  const owner: InitPressure[] = [];
  const driver = new SctpDriver({
    endpoint: endpoint as unknown as SctpEndpoint,
    clock: { now: () => 1_000, wall: () => 0 },
    onEvent: () => assert.fail("no event was given"),
    onInitPressure: (pressure) => owner.push(pressure),
  });
  const shares: number[] = [];
  const common = { send: () => {}, close: async () => {} };
  driver.attach({ ...common, via: "udp", thinInits: (share) => shares.push(share) });
  driver.attach({ ...common, via: "raw" });
  for (const share of [1, 0.1, 0.1, 1]) {
    if (share !== endpoint.pressure.share) endpoint.pressure = { share, perSecond: 20_000 };
    driver.receive(path, new Uint8Array());
  }
  assert.deepEqual(shares, [0.1, 1]);
  assert.deepEqual(
    owner.map(({ share }) => share),
    shares,
  );
  await driver.close();
});
