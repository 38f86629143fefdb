import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatEvent } from "../../src/chat/events.ts";
import { CHAT } from "../../src/wire/mp2-chat.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import type { MessageId, MessageText } from "../../src/wire/mp2-values.ts";
import { EVE, entry, key, Mp2Client, OLA, REGISTRY_KEY, seeded, UNIX } from "./mp2-client.ts";
import { nickname } from "./virtual-client.ts";

/** Everything that may happen to a client, in any order, at any time, by anybody. */
class Chaos {
  readonly bench: Mp2Client;
  readonly #random: ReturnType<typeof seeded>;
  #connections = 0;

  constructor(seed: number) {
    this.#random = seeded(seed);
    this.bench = new Mp2Client({ random: seeded(seed + 1), legacy: this.#below(2) === 0 });
    if (this.#below(3) > 0) this.bench.online(entry(OLA), entry(EVE));
    else this.bench.client.start(0);
  }

  step(): void {
    const { bench } = this;
    const roll = this.#below(12);
    if (roll < 4) bench.handle(this.#event());
    else if (roll < 7) bench.client.received(bench.now, this.#connection(), this.#bytes());
    else if (roll < 9) bench.pass(this.#below(3_000));
    else this.#command();
    bench.drain();
  }

  #command(): void {
    const { bench } = this;
    const name = ["ola", "eve", "nobody", "10.0.0.11:50000"][this.#below(4)] ?? "ola";
    const subject = { kind: "peer", name } as const;
    const commands: readonly (() => void)[] = [
      () => bench.client.send(bench.now, name, "hello", { waitMillis: this.#below(2) * 5_000 }),
      () => bench.client.typing(bench.now, name, true),
      () => bench.client.markRead(bench.now, name, ["0".repeat(32) as MessageId]),
      () => bench.client.setStatus(bench.now, this.#below(2) === 0, undefined),
      () => void bench.client.rename(bench.now, nickname(`adam${this.#below(9)}`)),
      () => void bench.client.accept(bench.now, subject, this.#key()),
      () => void bench.client.forget(bench.now, subject),
    ];
    commands[this.#below(commands.length)]?.();
  }

  #event(): ChatEvent {
    const connection = this.#connection();
    const association = this.bench.association + this.#below(2);
    const bytes = this.#bytes();
    const from = { address: "10.0.0.1", port: 10_001 };
    const events: readonly ChatEvent[] = [
      { type: "hello-sent", protocol: "mp2", to: "any" },
      { type: "hello-failed", text: "no" },
      { type: "datagram", from, bytes: this.#datagram() },
      { type: "dialed-back", connection, address: "10.0.0.1" },
      { type: "dial-back-answer", connection, bytes },
      { type: "dial-back-failed", connection },
      this.#opened(),
      this.#opened(),
      { type: "tls-ended", connection },
      { type: "tls-closed", connection },
      { type: "tls-failed", connection, failure: "timeout", code: "TEST" },
      { type: "association-up", association },
      { type: "association-message", association, stream: this.#below(4), ppid: this.#below(2), bytes },
      { type: "association-ended", association, how: "lost" },
      { type: "message", address: "10.0.0.9", message: { from: nickname("ola"), text: "hi" } },
      { type: "network-changed" },
      { type: "pins", pins: this.bench.pins },
    ];
    return events[this.#below(events.length)] ?? { type: "network-changed" };
  }

  #opened(): ChatEvent {
    const isOurs = this.#below(3) === 0;
    if (!isOurs) this.#connections += 1;
    const connection = isOurs ? -1 - this.#below(5) : this.#connections;
    const isRegistry = this.#below(3) === 0;
    const keys = { toClient: new Uint8Array(32).fill(1), toRegistry: new Uint8Array(32).fill(2) };
    return {
      type: "tls-opened",
      connection,
      initiative: isOurs ? "ours" : "theirs",
      address: "10.0.0.11",
      port: 50_000,
      fingerprint: isRegistry ? REGISTRY_KEY : this.#key(),
      protocol: isRegistry ? "mp2-registry" : "mp2-chat",
      ...(isRegistry ? { keys } : {}),
    };
  }

  #key() {
    return [OLA.key, EVE.key, key("dd"), REGISTRY_KEY][this.#below(4)] ?? OLA.key;
  }

  #connection(): number {
    return this.#below(2) === 0 ? -1 - this.#below(5) : this.#connections - this.#below(4);
  }

  #datagram(): Uint8Array {
    return new Uint8Array([0x6d, 0x70, 0x32, 1, ...this.#random.bytes(this.#below(60))]);
  }

  /** Frames of chat, in order or not, and garbage. */
  #bytes(): Uint8Array {
    const id = this.#below(30).toString(16).padStart(32, "0") as MessageId;
    const frames = [
      {
        type: "greeting",
        nick: nickname(this.#below(2) === 0 ? "ola" : "eve"),
        capabilities: new Set<never>(),
      },
      { type: "msg", id, time: UNIX, text: "hi" as MessageText },
      { type: "ack", ids: [id], state: "read" },
      { type: "pong", token: 1 },
      { type: "close", reason: "untrusted" },
    ] as const;
    const frame = frames[this.#below(12)];
    return frame === undefined ? this.#random.bytes(this.#below(50)) : encodeFrame(CHAT.encode(frame));
  }

  #below(limit: number): number {
    return this.#random.below(limit);
  }
}

test("whatever happens in whatever order: nothing is thrown, nothing waits for ever, and it can be left", () => {
  const first = Number(process.env.CHAT_SEED ?? 1);
  const rounds = Number(process.env.CHAT_SEEDS ?? (process.env.CHAT_SEED === undefined ? 60 : 1));
  for (let seed = first; seed < first + rounds; seed += 1) {
    const chaos = new Chaos(seed);
    for (let step = 0; step < 400; step += 1) chaos.step();
    const { bench } = chaos;
    bench.pass(60_000);
    bench.client.leave(bench.now);
    assert.equal(bench.client.pending, 0, `seed ${seed}`);
    bench.pass(20_000);
    assert.equal(bench.client.nextDeadline(), undefined, `seed ${seed}`);
    const ended = bench.notices().filter(({ type }) => type === "ended");
    assert.equal(ended.length, 1, `seed ${seed}`);
  }
});
