import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { type Fingerprint, fingerprintText } from "../../src/base/fingerprint.ts";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { Pins } from "../../src/chat/pins.ts";
import { applyPinChange, type ChooseChanges } from "../../src/chat/trust.ts";
import { Profile } from "../../src/io/profile.ts";
import { runFingerprint, runTrustAccept, runTrustForget, runTrustList } from "../../src/tui/trust.ts";
import { acceptKey, forgetKey } from "../../src/tui/trust-changes.ts";

const OLD = "a0".repeat(32) as Fingerprint;
const NEW = "b1".repeat(32) as Fingerprint;
const AT = Date.UTC(2026, 10, 22);
const ola = { kind: "peer", name: "ola" } as const;

const changed = Pins.none.meet(ola, OLD, AT).meet(ola, NEW, AT + 86_400_000);

function scene(t: TestContext, options: { json?: boolean; pins?: Pins } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-trust-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const profile = Profile.open(directory);
  profile.pins.update(() => options.pins ?? Pins.none);
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const text = (stream: PassThrough): string => {
    let all = "";
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) all += chunk;
    return all;
  };
  return {
    profile,
    context: {
      profile,
      changeKeys: async (choose: ChooseChanges) =>
        void profile.pins.update((pins) => choose(pins).reduce(applyPinChange, pins)),
      clock: { now: () => 0, wall: () => AT },
      output,
      errors,
      json: options.json ?? false,
    },
    printed: () => text(output),
    failed: () => text(errors),
  };
}

test("fingerprint prints the key that others know us by, the same each time", async (t) => {
  const { context, printed, profile } = scene(t);
  assert.equal(await runFingerprint(context), EXIT.ok);
  const line = printed();
  assert.match(line, /^\d{5}( \d{5}){7}\n$/);
  await runFingerprint({ ...context, json: true });
  const { schema, identities } = JSON.parse(printed());
  const { fingerprint } = await profile.identity();
  assert.deepEqual([schema, identities], [1, [{ slot: 1, fingerprint, digits: line.trim() }]]);
});

test("trust list shows a refused key in words, and what to do", (t) => {
  const { context, printed } = scene(t, { pins: changed });
  assert.equal(runTrustList(context), EXIT.ok);
  const text = printed();
  assert.match(text, new RegExp(`^ola +${fingerprintText(OLD)} {2}first seen 2026-11-22$`, "m"));
  assert.match(text, /!!! ANOTHER KEY came as ola on 2026-11-23 and was REFUSED:/);
  assert.match(text, new RegExp(fingerprintText(NEW)));
  assert.match(text, /multiproto-chat trust accept ola/);
  runTrustList({ ...context, json: true });
  const [key] = JSON.parse(printed()).keys;
  assert.deepEqual(
    [key.kind, key.name, key.fingerprint, key.trust, key.refused.fingerprint],
    ["peer", "ola", OLD, "changed", NEW],
  );
});

test("trust accept takes the refused key, and verifies one that was only seen", async (t) => {
  const { context, printed, profile } = scene(t, { pins: changed });
  assert.equal(await runTrustAccept(context, { name: "OLA", whose: undefined, spoken: undefined }), EXIT.ok);
  assert.equal(printed(), `accepted: ola ${fingerprintText(NEW)}\n`);
  const pin = profile.pins.read().find(ola);
  assert.deepEqual([pin?.fingerprint, pin?.by, pin?.refused], [NEW, "user", undefined]);
});

test("with the digits only that key is accepted, the new one or the old; a part of them never", () => {
  const how = { name: "ola", whose: undefined, at: AT };
  const right = acceptKey(changed, { ...how, spoken: fingerprintText(NEW) });
  assert.ok(right.ok && right.fingerprint === NEW);
  const before = acceptKey(changed, { ...how, spoken: fingerprintText(OLD) });
  assert.ok(before.ok && applyPinChange(changed, before.change).find(ola)?.refused === undefined);
  const other = acceptKey(changed, { ...how, spoken: "c2".repeat(32) });
  assert.ok(!other.ok && other.why === "mismatch");
  assert.match(
    other.text,
    new RegExp(`that is not the key that came as ola, which is ${fingerprintText(NEW)}`),
  );
  const part = acceptKey(changed, { ...how, spoken: fingerprintText(NEW).slice(0, 11) });
  assert.ok(!part.ok && part.why === "usage");
});

test("a key can be trusted before it was ever seen, if all of it is given", () => {
  const how = { name: "per", whose: "peer", at: AT } as const;
  const whole = acceptKey(Pins.none, { ...how, spoken: NEW.toUpperCase() });
  assert.ok(
    whole.ok && applyPinChange(Pins.none, whole.change).find({ kind: "peer", name: "per" })?.by === "user",
  );
  const digits = acceptKey(Pins.none, { ...how, spoken: fingerprintText(NEW) });
  assert.ok(!digits.ok && digits.why === "unknown");
});

test("a name that a person and a registry have is asked about, unless one of them has changed", () => {
  const realm = { kind: "realm", name: "ola" } as const;
  const both = Pins.none.meet(ola, OLD, AT).meet(realm, OLD, AT);
  const unclear = forgetKey(both, "ola", undefined);
  assert.ok(!unclear.ok && unclear.why === "ambiguous");
  const forgotten = forgetKey(both, "ola", "registry");
  assert.ok(forgotten.ok);
  const left = applyPinChange(both, forgotten.change);
  assert.ok(left.find(realm) === undefined && left.find(ola) !== undefined);
  const accepted = acceptKey(both.meet(realm, NEW, AT), {
    name: "ola",
    whose: undefined,
    spoken: undefined,
    at: AT,
  });
  assert.ok(accepted.ok && accepted.subject.kind === "realm");
});

test("an unknown name has an exit code of its own, and names are safe for a terminal", async (t) => {
  const { context, failed, printed } = scene(t, { pins: changed, json: true });
  assert.equal(await runTrustForget(context, { name: "no\u001b[2J", whose: undefined }), EXIT.unknownName);
  assert.match(failed(), /no key of no\\x1b\[2J has been seen \(see: trust list\)/);
  assert.equal(await runTrustForget(context, { name: "ola", whose: "peer" }), EXIT.ok);
  assert.equal(JSON.parse(printed()).type, "forgotten");
  assert.equal(context.profile.pins.read().find(ola), undefined);
});
