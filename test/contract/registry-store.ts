import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { MisuseError } from "../../src/base/errors.ts";
import {
  MAX_BAN_REASON_LENGTH,
  MAX_BANS,
  MAX_BINDINGS,
  MAX_CHANGES_PER_COMMIT,
  type RegistryStore,
  type StoreChange,
  StoreError,
} from "../../src/roster/store.ts";
import { ban, binding, epoch, key, nick, sorted, WALL } from "../support/stores.ts";
import type { Owner } from "../support/until.ts";

/** Where the stores of a back end are: opened again, a place has what was committed there. */
export interface StorePlace {
  open(): RegistryStore;
}

/** What `RegistryStore` promises, whatever is behind it. */
export function registryStoreContract(name: string, makePlace: (owner: Owner) => StorePlace): void {
  const bind = (who: string, owner: number, lastSeen?: number): StoreChange => ({
    type: "bind",
    binding: binding(who, owner, lastSeen),
  });
  const lineage = (number: number, seqLimit: number): StoreChange => ({
    type: "lineage",
    lineage: { epoch: epoch(number), seqLimit },
  });

  suite(`registry store contract: ${name}`, () => {
    test("a new store is empty and has no lineage", (t) => {
      assert.deepEqual(makePlace(t).open().load(), { bindings: [], bans: [], lineage: undefined });
    });

    test("what was committed is there when it is opened again", (t) => {
      const place = makePlace(t);
      const store = place.open();
      store.commit([
        bind("ola", 1),
        bind("Łódź", 2, WALL + 5),
        { type: "ban", ban: ban(7, "spam") },
        lineage(3, 100),
      ]);
      const expected = {
        bindings: [binding("ola", 1), binding("Łódź", 2, WALL + 5)],
        bans: [ban(7, "spam")],
        lineage: { epoch: epoch(3), seqLimit: 100 },
      };
      assert.deepEqual(sorted(store.load()), expected);
      store.close();
      assert.deepEqual(sorted(place.open().load()), expected);
    });

    test("names that fold to the same are one name, kept as first written", (t) => {
      const store = makePlace(t).open();
      store.commit([bind("Ola", 1)]);
      store.commit([bind("ｏｌａ", 1, WALL + 9)]);
      assert.deepEqual(store.load().bindings, [binding("Ola", 1, WALL + 9)]);
      assert.throws(() => store.commit([bind("OLA", 2)]), MisuseError);
      store.commit([{ type: "unbind", nickname: nick("oLa") }]);
      assert.deepEqual(store.load().bindings, []);
    });

    test("a binding never moves to another key, and the whole commit that tries is void", (t) => {
      const store = makePlace(t).open();
      store.commit([bind("ola", 1), lineage(1, 10)]);
      const before = sorted(store.load());
      const changes = [bind("eva", 2), { type: "ban", ban: ban(3) } as const, lineage(2, 5), bind("ola", 2)];
      assert.throws(() => store.commit(changes), MisuseError);
      assert.deepEqual(sorted(store.load()), before);
      store.commit([{ type: "unbind", nickname: nick("ola") }, bind("ola", 2)]);
      assert.deepEqual(store.load().bindings, [binding("ola", 2)]);
    });

    test("last seen goes forward only, and only for names that are bound", (t) => {
      const store = makePlace(t).open();
      store.commit([bind("ola", 1)]);
      const seen = (name: string, at: number): StoreChange => ({ type: "seen", nickname: nick(name), at });
      store.commit([seen("OLA", WALL + 10), seen("ola", WALL + 3), seen("nobody", WALL)]);
      assert.deepEqual(store.load().bindings, [binding("ola", 1, WALL + 10)]);
    });

    test("unbinding and unbanning what is not there changes nothing; the older ban stays", (t) => {
      const store = makePlace(t).open();
      store.commit([{ type: "ban", ban: ban(1, "first") }]);
      store.commit([
        { type: "ban", ban: ban(1, "second") },
        { type: "unban", fingerprint: key(2) },
        { type: "unbind", nickname: nick("nobody") },
      ]);
      assert.deepEqual(store.load().bans, [ban(1, "first")]);
      store.commit([{ type: "unban", fingerprint: key(1) }]);
      assert.deepEqual(store.load().bans, []);
    });

    test("the limit of seq never goes back within an epoch; a new epoch begins where it likes", (t) => {
      const store = makePlace(t).open();
      store.commit([lineage(1, 100)]);
      store.commit([lineage(1, 100)]);
      assert.throws(() => store.commit([lineage(1, 99)]), MisuseError);
      store.commit([lineage(2, 1)]);
      assert.deepEqual(store.load().lineage, { epoch: epoch(2), seqLimit: 1 });
    });

    test("nothing is written that could not be read again", (t) => {
      const store = makePlace(t).open();
      const bad: readonly StoreChange[] = [
        { type: "bind", binding: { ...binding("ola", 1), boundAt: 0.5 } },
        { type: "bind", binding: { ...binding("ola", 1), fingerprint: "AB" as never } },
        { type: "bind", binding: { ...binding("ola", 1), nickname: "two words" as never } },
        { type: "seen", nickname: nick("ola"), at: Number.NaN },
        { type: "ban", ban: ban(1, "x".repeat(MAX_BAN_REASON_LENGTH + 1)) },
        { type: "ban", ban: ban(1, "half a pair \ud83d") },
        { type: "lineage", lineage: { epoch: "x" as never, seqLimit: 1 } },
        { type: "lineage", lineage: { epoch: epoch(1), seqLimit: 2 ** 53 } },
      ];
      for (const change of bad) assert.throws(() => store.commit([bind("eva", 2), change]), MisuseError);
      const many = Array.from({ length: MAX_CHANGES_PER_COMMIT + 1 }, () => lineage(1, 1));
      assert.throws(() => store.commit(many), MisuseError);
      assert.deepEqual(store.load(), { bindings: [], bans: [], lineage: undefined });
    });

    test("it holds so many bindings and bans and no more, and goes on", (t) => {
      const store = makePlace(t).open();
      const fill = (total: number, change: (index: number) => StoreChange): void => {
        for (let from = 0; from < total; from += MAX_CHANGES_PER_COMMIT) {
          const length = Math.min(MAX_CHANGES_PER_COMMIT, total - from);
          store.commit(Array.from({ length }, (_, index) => change(from + index)));
        }
      };
      fill(MAX_BINDINGS, (index) => bind(`n${index}`, index));
      fill(MAX_BANS, (index) => ({ type: "ban", ban: ban(index) }));
      const isFull = (error: unknown): boolean => error instanceof StoreError && error.fault === "full";
      const unbind: StoreChange = { type: "unbind", nickname: nick("n0") };
      assert.throws(() => store.commit([unbind, bind("a", 1), bind("b", 1)]), isFull);
      assert.throws(() => store.commit([{ type: "ban", ban: ban(MAX_BANS) }]), isFull);
      store.commit([unbind, bind("a", 1)]);
      const { bindings, bans } = store.load();
      assert.deepEqual([bindings.length, bans.length], [MAX_BINDINGS, MAX_BANS]);
    });
  });
}
