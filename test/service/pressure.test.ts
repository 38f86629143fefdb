import assert from "node:assert/strict";
import { test } from "node:test";
import { Pressure, type Readings } from "../../src/service/pressure.ts";
import { memoryLimitOf } from "../../src/service/vitals.ts";

const MIB = 1_048_576;

/** A second after the other. */
function watch(): { readonly look: (readings: Partial<Readings>) => ReturnType<Pressure["look"]> } {
  const pressure = new Pressure();
  let now = 0;
  return {
    look: (readings) => {
      now += 1_000;
      return pressure.look(now, { memory: undefined, descriptors: undefined, ...readings });
    },
  };
}

const memory = (mebibytes: number): Partial<Readings> => ({
  memory: { used: mebibytes * MIB, limit: 1_000 * MIB },
});
const files = (used: number, limit = 10_000): Partial<Readings> => ({ descriptors: { used, limit } });

test("memory: garbage first, then nobody new, then all again, each told once and with some distance", () => {
  const { look } = watch();
  assert.deepEqual(look(memory(849)), { strain: undefined, collect: false, told: [] });
  assert.deepEqual(look(memory(850)), { strain: undefined, collect: true, told: [] }, "it may be garbage");
  const short = look(memory(850));
  assert.equal(short.collect, false, "not at once again");
  assert.match(short.strain?.text ?? "", /short of memory/);
  assert.ok((short.strain?.retryIn ?? 0) >= 1_000);
  assert.equal(short.told.length, 1);
  assert.equal(short.told[0]?.level, "error");
  assert.match(short.told[0]?.text ?? "", /^Short of memory: nobody new gets in.*MemoryMax/);
  assert.deepEqual(short.told[0]?.fields, { "memory-mib": 850, "limit-mib": 1_000 });
  for (const used of [900, 849, 760, 751]) {
    const { strain, told } = look(memory(used));
    assert.deepEqual([strain?.text, told], [short.strain?.text, []], `${used}`);
  }
  const enough = look(memory(750));
  assert.equal(enough.strain, undefined);
  assert.match(enough.told[0]?.text ?? "", /^Memory is enough again/);
  assert.deepEqual(look(memory(800)), { strain: undefined, collect: false, told: [] });
});

test("what a collection frees was garbage, and nobody is refused for it", () => {
  const { look } = watch();
  assert.equal(look(memory(990)).collect, true);
  assert.deepEqual(look(memory(400)), { strain: undefined, collect: false, told: [] });
});

test("while memory stays short, garbage is collected twice a minute", () => {
  const { look } = watch();
  const seconds = Array.from({ length: 90 }, (_, second) => (look(memory(950)).collect ? second : -1));
  assert.deepEqual(
    seconds.filter((second) => second >= 0),
    [0, 30, 60],
  );
});

test("open files: refused while dial-backs could take the last ones", () => {
  const { look } = watch();
  assert.equal(look(files(7_952)).strain, undefined);
  const short = look(files(7_953));
  assert.match(short.strain?.text ?? "", /open files/);
  assert.match(short.told[0]?.text ?? "", /^Too many open files: .*LimitNOFILE/);
  assert.deepEqual(short.told[0]?.fields, { "open-files": 7_953, limit: 10_000 });
  assert.ok(look(files(7_921)).strain !== undefined, "some distance");
  assert.match(look(files(7_920)).told[0]?.text ?? "", /^Open files are few enough again/);
  assert.match(look(files(Infinity)).strain?.text ?? "", /open files/, "none left to look with");
});

test("where few may be open at all, a quarter is kept", () => {
  const { look } = watch();
  assert.equal(look(files(90, 1_024)).strain, undefined, "an idle registry with the usual limit of a shell");
  assert.ok(look(files(800, 1_024)).strain !== undefined);
});

test("what is not known presses nobody, and ends what did", () => {
  const { look } = watch();
  look(memory(950));
  assert.ok(look(memory(950)).strain !== undefined);
  assert.equal(look({}).strain, undefined);
});

test("the smallest limit that systemd tells counts; what is none does not", () => {
  for (const [text, limit] of [
    ["MemoryMax=1073741824\nMemoryHigh=infinity\n", 1_073_741_824],
    ["MemoryHigh=500\nMemoryMax=1073741824\nEffectiveMemoryMax=1000\n", 500],
    ["MemoryMax=infinity\nMemoryHigh=infinity\n", undefined],
    ["MemoryMax=0\n", undefined],
    ["MemoryMax=99999999999999999999999\n", undefined],
    ["XMemoryMax=5\nMemoryMax=-5\nMemoryMax=5x\n", undefined],
    ["", undefined],
  ] as const)
    assert.equal(memoryLimitOf(text), limit, text);
});
