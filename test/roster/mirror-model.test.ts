import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EarlyDeltas } from "../../src/roster/early-deltas.ts";
import { baseOf, type Change, type Delta, type Listed, type Page } from "../../src/roster/listed.ts";
import { Mirror } from "../../src/roster/mirror.ts";
import { Publication } from "../../src/roster/publication.ts";
import { foldNickname } from "../../src/wire/nickname.ts";
import { byName, difference, epoch, listed, nick } from "./entries.ts";

const EPOCH = epoch("00000000000000e1");

/** One step of the model: what happens at the registry, or to one of the messages that are on their way. */
type Step =
  | { readonly type: "note"; readonly name: number; readonly gone: boolean }
  | { readonly type: "publish" }
  | { readonly type: "deliver" | "repeat" | "lose"; readonly which: number }
  | { readonly type: "heard" }
  | { readonly type: "ask" }
  | { readonly type: "session" };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("note"), name: fc.nat(6), gone: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("publish") }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constantFrom("deliver", "repeat", "lose"), which: fc.nat(99) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("heard", "ask", "session") }) },
) as fc.Arbitrary<Step>;

/** The registry, one mirror, and every message ever sent to it that is not lost yet. */
class Model {
  readonly registry = new Publication({
    epoch: EPOCH,
    limits: { logChanges: 8, fewChanges: 4, deltaBytes: 800, pageBytes: 800 },
  });
  readonly mirror = new Mirror({ limits: { earlyChanges: 20 } });
  readonly history = new Map([[0, byName([])]]);
  readonly truth = new Map<string, Listed>();
  onTheWay: (Delta | Page)[] = [];
  now = 0;
  #count = 0;

  constructor() {
    this.mirror.begin(0, EPOCH, 0);
  }

  step(step: Step): void {
    this.now += 7;
    if (step.type === "note") this.#note(`client${step.name}`, step.gone);
    else if (step.type === "publish") this.publish();
    else if (step.type === "heard") this.mirror.heard(this.now, EPOCH, this.registry.seq);
    else if (step.type === "ask") this.ask();
    else if (step.type === "session") this.mirror.begin(this.now, EPOCH, this.registry.seq);
    else this.#message(step.type, step.which);
  }

  publish(): void {
    this.now += 50;
    const published = new Map(byName(this.history.get(this.registry.seq)?.values() ?? []));
    for (const message of this.registry.advance(this.now)) {
      for (const change of message.changes) {
        if (change.type === "put") published.set(foldNickname(change.entry.nick), change.entry);
        else published.delete(foldNickname(change.nick));
      }
      this.history.set(message.seq, new Map(published));
      this.onTheWay.push(message);
    }
  }

  ask(): boolean {
    this.now = Math.max(this.now, this.mirror.nextDeadline() ?? 0);
    const ask = this.mirror.nextAsk(this.now);
    if (ask !== undefined) this.onTheWay.push(...this.registry.answer(ask));
    return ask !== undefined;
  }

  deliver(message: Delta | Page): void {
    assert.notEqual(this.mirror.receive(this.now, message), "refused");
    const { seq } = this.mirror;
    if (seq === undefined) return;
    const was = this.history.get(seq);
    assert.ok(was !== undefined, `nothing was ever at ${seq}`);
    assert.equal(difference(byName(this.mirror.entries()), was), undefined);
  }

  #note(name: string, gone: boolean): void {
    this.#count += 1;
    if (gone) this.truth.delete(name);
    else this.truth.set(name, listed(name, { lastSeen: this.#count }));
    this.registry.note(this.now, nick(name), this.truth.get(name));
  }

  #message(fate: "deliver" | "repeat" | "lose", which: number): void {
    const place = which % Math.max(1, this.onTheWay.length);
    const message = this.onTheWay[place];
    if (fate !== "repeat") this.onTheWay.splice(place, 1);
    if (message !== undefined && fate !== "lose") this.deliver(message);
  }
}

test("model: always the roster as it once was; the truth, one beacon and one answer after the faults", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 120 }), fc.infiniteStream(fc.nat(999)), (steps, order) => {
      const model = new Model();
      for (const step of steps) model.step(step);
      model.publish();
      model.onTheWay = [];
      model.mirror.heard(model.now, EPOCH, model.registry.seq);
      if (model.ask()) {
        const answer = model.onTheWay;
        assert.ok(answer.length <= 7 + 8, `${answer.length} messages`);
        while (answer.length > 0) {
          const [message] = answer.splice((order.next().value ?? 0) % answer.length, 1);
          if (message !== undefined) model.deliver(message);
        }
      }
      assert.ok(model.mirror.isCurrent);
      assert.equal(model.mirror.seq, model.registry.seq);
      assert.equal(difference(byName(model.mirror.entries()), model.truth), undefined);
    }),
    { numRuns: 1_000 },
  );
});

test("early deltas: what leads on from a state, whatever the order, and never more than the capacity", () => {
  const pieces = fc.array(fc.record({ base: fc.nat(60), size: fc.integer({ min: 1, max: 8 }) }), {
    maxLength: 50,
  });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 8, max: 60 }), fc.nat(60), (all, capacity, seq) => {
      const early = new EarlyDeltas(capacity);
      for (const { base, size } of all) {
        const changes = Array.from({ length: size }, (): Change => ({ type: "remove", nick: nick("ola") }));
        const piece: Delta = { type: "delta", epoch: EPOCH, seq: base + size, changes };
        early.add(piece);
        assert.ok(early.size <= capacity);
      }
      let reached = seq;
      for (const taken of early.take(seq)) {
        assert.ok(baseOf(taken) <= reached && taken.seq > reached);
        reached = taken.seq;
      }
      const total = new Set(all.map(({ base, size }) => `${base} ${size}`));
      const changes = [...total].reduce((sum, piece) => sum + Number(piece.split(" ")[1]), 0);
      if (changes <= capacity) {
        let expected = seq;
        for (let moved = true; moved; ) {
          const further = all.filter(({ base, size }) => base <= expected && base + size > expected);
          moved = further.length > 0;
          expected = Math.max(expected, ...further.map(({ base, size }) => base + size));
        }
        assert.equal(reached, expected);
      }
      assert.deepEqual(early.take(reached), []);
    }),
  );
});
