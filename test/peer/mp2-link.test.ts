import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LINK_TIMES, LINK_WINDOW } from "../../src/peer/link-limits.ts";
import { type LinkOutput, Mp2Link } from "../../src/peer/mp2-link.ts";
import { CHAT } from "../../src/wire/mp2-chat.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import type { MessageId, MessageText } from "../../src/wire/mp2-values.ts";
import { nickname } from "../chat/virtual-client.ts";

type Frame = Parameters<typeof CHAT.encode>[0];

function id(number: number): MessageId {
  return number.toString(16).padStart(32, "0") as MessageId;
}

function msg(number: number, text = "hi"): Frame & { type: "msg" } {
  return { type: "msg", id: id(number), time: 1_764_000_000_000, text: text as MessageText };
}

const GREETING: Frame = { type: "greeting", nick: nickname("ola"), capabilities: new Set() };

/** A link on a virtual clock, and the other side as a test plays it. */
class Bench {
  readonly link: Mp2Link;
  now = 0;
  readonly #outputs: LinkOutput[] = [];
  readonly #reader = new FrameReader(65_536);

  constructor(dialled: boolean) {
    const nick = () => nickname("adam");
    this.link = new Mp2Link({ now: 0, dialled, nick, emit: (out) => this.#outputs.push(out) });
  }

  /** A link that is up. */
  static up(dialled = true): Bench {
    const bench = new Bench(dialled);
    bench.hears(GREETING);
    bench.link.accept(0);
    bench.take();
    return bench;
  }

  hears(...frames: Frame[]): void {
    const bytes = Buffer.concat(frames.map((frame) => encodeFrame(CHAT.encode(frame))));
    this.link.received(this.now, new Uint8Array(bytes));
  }

  /** What it said since, "TYPE" or "close REASON", and what else it put out as "(TYPE)". */
  take(): readonly string[] {
    return this.#outputs.splice(0).flatMap((out) => {
      if (out.type !== "send") return [`(${out.type}${out.type === "over" ? ` ${out.end.by}` : ""})`];
      return this.#reader.push(out.bytes).frames.map((bytes) => {
        const decoded = CHAT.decode(bytes);
        assert.ok(decoded.ok);
        const { value } = decoded;
        if (value.type === "close") return `close ${value.reason}`;
        return value.type === "ack" ? `ack ${value.state} ${value.ids.length}` : value.type;
      });
    });
  }

  /** Lets time pass, stopping at every deadline. */
  pass(time: number): void {
    const end = this.now + time;
    for (;;) {
      const next = this.link.nextDeadline();
      if (next === undefined || next > end) break;
      this.now = Math.max(this.now, next);
      this.link.advance(this.now);
    }
    this.now = end;
  }
}

test("who dialled greets at once; who was called when it accepts", () => {
  const caller = new Bench(true);
  assert.deepEqual(caller.take(), ["greeting"]);
  caller.hears(GREETING);
  assert.deepEqual(caller.take(), ["(greeted)"]);
  caller.link.accept(0);
  assert.ok(caller.link.isUp);
  const called = new Bench(false);
  assert.deepEqual(called.take(), []);
  called.link.accept(0);
  assert.ok(!called.link.isUp, "nobody has said who it is");
  called.hears(GREETING);
  called.link.accept(0);
  assert.deepEqual(called.take(), ["(greeted)", "greeting"]);
  assert.ok(called.link.isUp);
});

test("what is said out of turn, or is no frame, ends the link", () => {
  const before: Readonly<Record<string, (bench: Bench) => void>> = {
    "a message before the greeting": (bench) => bench.hears(msg(1)),
    "a message before we accepted": (bench) => bench.hears(GREETING, msg(1)),
    "two greetings": (bench) => bench.hears(GREETING, GREETING),
    garbage: (bench) => void bench.link.received(0, encodeFrame(Uint8Array.of(1, 2, 3))),
    "an empty frame": (bench) => void bench.link.received(0, new Uint8Array(4)),
    "a frame too long": (bench) => void bench.link.received(0, Uint8Array.of(0, 1, 0, 1)),
    "a frame of another channel": (bench) =>
      void bench.link.received(0, encodeFrame(Uint8Array.of(0xa1, 0, 0x18, 28))),
  };
  for (const [name, attack] of Object.entries(before)) {
    const bench = new Bench(false);
    attack(bench);
    assert.deepEqual(bench.take().slice(-3), ["close protocol", "(end)", "(over us)"], name);
    assert.equal(bench.link.nextDeadline(), undefined, name);
    bench.hears(msg(2));
    assert.deepEqual(bench.take(), [], name);
  }
  const greeted = Bench.up();
  greeted.hears(GREETING);
  assert.deepEqual(greeted.take(), ["close protocol", "(end)", "(over us)"]);
});

test("silence instead of a greeting, and instead of an answer, ends it; a dead one is found within five seconds", () => {
  const mute = new Bench(false);
  mute.pass(LINK_TIMES.greeting);
  assert.deepEqual(mute.take(), ["(destroy)", "(over silence)"]);
  const dead = Bench.up();
  dead.link.send(0, msg(1));
  dead.pass(5_000);
  assert.deepEqual(dead.take(), ["msg", "ping", "(destroy)", "(over silence)"]);
  assert.ok(LINK_TIMES.silence + LINK_TIMES.pong < 5_000);
  const idle = Bench.up();
  idle.pass(LINK_TIMES.idlePing - 1);
  assert.deepEqual(idle.take(), []);
  idle.pass(1);
  assert.deepEqual(idle.take(), ["ping"]);
  idle.hears({ type: "pong", token: 1 });
  idle.pass(LINK_TIMES.pong + 1);
  assert.deepEqual(idle.take(), []);
});

test("who was stopped for a while asks again before it gives the other up", () => {
  const bench = Bench.up();
  bench.link.send(0, msg(1));
  bench.pass(LINK_TIMES.silence);
  bench.take();
  bench.now += 60_000;
  bench.link.advance(bench.now);
  assert.deepEqual(bench.take(), ["ping"]);
  bench.pass(LINK_TIMES.pong);
  assert.deepEqual(bench.take(), ["(destroy)", "(over silence)"]);
});

test("messages that come together are acknowledged together, after they were taken", () => {
  const bench = Bench.up();
  const link = bench.link;
  bench.hears(...Array.from({ length: 300 }, (_, number) => msg(number)));
  // The owner acknowledges each when it is shown: here afterwards, so the next bytes bring it out.
  link.acknowledge(
    Array.from({ length: 300 }, (_, number) => id(number)),
    "delivered",
  );
  bench.hears({ type: "pong", token: 9 });
  const said = bench.take().filter((out) => !out.startsWith("("));
  assert.deepEqual(said, ["ack delivered 256", "ack delivered 44"]);
});

test("no more than a window of messages is under way", () => {
  const bench = Bench.up();
  for (let number = 0; number < LINK_WINDOW; number += 1) bench.link.send(0, msg(number));
  assert.equal(bench.link.room, 0);
  bench.hears({ type: "ack", ids: [id(0), id(1), id(999)], state: "delivered" });
  assert.equal(bench.link.room, 2);
});

test("typing: changes only, over by itself, and no faster than anybody types", () => {
  const bench = Bench.up();
  const typing = (active: boolean): Frame => ({ type: "typing", active });
  bench.hears(typing(true), typing(true), typing(false));
  assert.deepEqual(bench.take(), ["(typing)", "(typing)"]);
  for (let count = 0; count < 1_000; count += 1) bench.hears(typing(count % 2 === 0));
  assert.ok(bench.take().length < 10);
});

test("close says why on either side, and the network may say nothing", () => {
  const left = Bench.up();
  left.hears({ type: "close", reason: "leaving" });
  assert.deepEqual(left.take(), ["(end)", "(over peer)"]);
  const broken = Bench.up();
  broken.link.ended();
  broken.link.ended();
  assert.deepEqual(broken.take(), ["(end)", "(over network)"]);
});

test("whatever bytes come, in whatever pieces: it never throws and is over at most once", () => {
  const frames = fc.constantFrom<Frame>(
    GREETING,
    msg(1),
    { type: "ack", ids: [id(1)], state: "read" },
    { type: "typing", active: true },
    { type: "ping", token: 1 },
    { type: "pong", token: 1 },
    { type: "close", reason: "busy" },
  );
  const pieces = fc.oneof(
    frames.map((frame) => encodeFrame(CHAT.encode(frame))),
    fc.uint8Array({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(pieces, { maxLength: 30 }), (dialled, chunks) => {
      const bench = new Bench(dialled);
      for (const chunk of chunks) {
        bench.link.received(bench.now, chunk);
        bench.link.accept(bench.now);
        bench.pass(300);
      }
      bench.link.close("leaving");
      assert.equal(bench.take().filter((out) => out.startsWith("(over")).length, 1);
    }),
  );
});
