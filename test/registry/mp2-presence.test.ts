import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Seals } from "../../src/base/seal.ts";
import { PRESENCE_TO_REGISTRY } from "../../src/wire/mp2-presence.ts";
import type { SessionId, StatusText } from "../../src/wire/mp2-values.ts";
import type { TestClient } from "./mp2-client.ts";
import { Scene, shown } from "./mp2-scene.ts";

test("a session whose association does not come within ten seconds is over, with a warning that names the cause", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.tryToRegister();
  scene.pass(9_900);
  assert.deepEqual(scene.registry.counts, { online: 0, offline: 0, pending: 0 });
  scene.pass(200);
  assert.deepEqual(scene.registry.counts, { online: 0, offline: 1, pending: 0 });
  assert.ok(scene.logs().some((text) => /^warn ola offline: its SCTP association never came up/.test(text)));
  // It finds out as soon as it speaks.
  const late = ola.associate();
  ola.attach();
  assert.deepEqual(scene.last("abort"), { type: "abort", association: late, reason: "not registered" });
});

test("an association without attach is aborted after five seconds", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.tryToRegister();
  const id = ola.associate();
  scene.pass(4_900);
  assert.equal(scene.last("abort"), undefined);
  scene.pass(200);
  assert.equal(scene.last("abort")?.association, id);
  assert.deepEqual(scene.registry.counts, { online: 0, offline: 1, pending: 0 });
});

function attachBytes(client: TestClient, seals: Seals, session = client.registered?.session): Uint8Array {
  assert.ok(session !== undefined && client.registered !== undefined);
  const { epoch, seq } = client.registered;
  const bytes = seals.seal(0, PRESENCE_TO_REGISTRY.encode({ type: "attach", session, epoch, seq }));
  assert.ok(bytes !== undefined);
  return bytes;
}

/** First messages on an association that end it. */
const FIRST: readonly (readonly [string, string, (scene: Scene, client: TestClient) => void])[] = [
  ["plain text", "forged", (_, client) => client.deliver(new Uint8Array(100))],
  ["nothing to speak of", "short", (_, client) => client.deliver(Uint8Array.of(1, 2, 3))],
  [
    "an attach of another session's keys",
    "forged",
    (scene, client) => {
      const other = scene.client("kari", "10.0.0.6");
      other.tryToRegister();
      client.deliver(attachBytes(client, other.seals));
    },
  ],
  [
    "an attach of another session, sealed as its own",
    "other-session",
    (scene, client) => {
      const other = scene.client("kari", "10.0.0.6");
      other.tryToRegister();
      client.deliver(attachBytes(client, client.seals, other.registered?.session));
    },
  ],
  [
    "an attach of no session",
    "other-session",
    (_, client) => client.deliver(attachBytes(client, client.seals, "00".repeat(16) as SessionId)),
  ],
  ["a status", "not-an-attach", (_, client) => client.tell({ type: "status", away: true })],
  ["a question", "not-an-attach", (_, client) => client.tell({ type: "roster" })],
  ["a leave", "not-an-attach", (_, client) => client.tell({ type: "leave" })],
  [
    "an attach on another stream than it was sealed for",
    "forged",
    (_, client) => client.deliver(attachBytes(client, client.seals), 1),
  ],
  [
    "an attach on a stream that has no seals",
    "bad-stream",
    (_, client) => client.deliver(attachBytes(client, client.seals), 7),
  ],
  [
    "an attach under mp1's payload identifier",
    "bad-ppid",
    (_, client) => client.deliver(attachBytes(client, client.seals), 0, 0),
  ],
  ["mp1's first byte", "bad-ppid", (_, client) => client.deliver(Uint8Array.of(0x30), 0, 0)],
  [
    "a sealed message of 4,097 bytes",
    "too-long",
    (_, client) => {
      const bytes = client.seals.seal(0, new Uint8Array(4_097));
      assert.ok(bytes !== undefined);
      client.deliver(bytes);
    },
  ],
  [
    "a sealed message of the registry's",
    "unknown-type",
    (_, client) => {
      const bytes = client.seals.seal(0, Uint8Array.of(0xa1, 0, 0x18, 36));
      assert.ok(bytes !== undefined);
      client.deliver(bytes);
    },
  ],
  [
    "sealed nonsense",
    "malformed",
    (_, client) => {
      const bytes = client.seals.seal(0, new Uint8Array(50).fill(0xff));
      assert.ok(bytes !== undefined);
      client.deliver(bytes);
    },
  ],
];

for (const [what, fault, send] of FIRST) {
  test(`instead of attach: ${what}`, () => {
    const scene = new Scene();
    const watcher = scene.join("watcher", "10.0.0.1");
    const ola = scene.client("ola", "10.0.0.5");
    ola.tryToRegister();
    const id = ola.associate();
    send(scene, ola);
    assert.equal(scene.last("abort")?.association, id);
    assert.equal(scene.registry.faults, 1);
    const text = `warn Closed the association of ola (10.0.0.5:51000): ${fault}`;
    assert.ok(scene.logs().includes(text), scene.logs().join("\n"));
    scene.pass(100);
    assert.equal(shown(watcher.mirror), "[ola lost] watcher");
    ola.comeOnline();
  });
}

/** What ends the association of a client that is attached. */
const LATER: readonly (readonly [string, string, (client: TestClient, attach: Uint8Array) => void])[] = [
  ["its attach once more", "replayed", (client, attach) => client.deliver(attach)],
  ["an attach that is new", "attached-already", (client) => client.attach()],
  [
    "a message that was overtaken on its stream",
    "replayed",
    (client) => {
      const [first, second] = [1, 2].map(() =>
        client.seals.seal(0, PRESENCE_TO_REGISTRY.encode({ type: "roster" })),
      );
      assert.ok(first !== undefined && second !== undefined);
      client.deliver(second);
      client.deliver(first);
    },
  ],
  [
    "a message with a bit changed",
    "forged",
    (client) => {
      const bytes = client.seals.seal(0, PRESENCE_TO_REGISTRY.encode({ type: "leave" }));
      assert.ok(bytes !== undefined);
      client.deliver(bytes.with(20, (bytes[20] ?? 0) ^ 1));
    },
  ],
  [
    "a push of another client's, as this one would seal it",
    "forged",
    (client) => {
      const forged = new Seals("client", {
        toClient: new Uint8Array(32),
        toRegistry: new Uint8Array(32).fill(1),
      });
      const bytes = forged.seal(0, PRESENCE_TO_REGISTRY.encode({ type: "leave" }));
      assert.ok(bytes !== undefined);
      client.deliver(bytes.with(7, 9));
    },
  ],
];

for (const [what, fault, send] of LATER) {
  test(`after attach: ${what}`, () => {
    const scene = new Scene();
    const watcher = scene.join("watcher", "10.0.0.1");
    const ola = scene.client("ola", "10.0.0.5");
    ola.tryToRegister();
    const id = ola.associate();
    const attach = attachBytes(ola, ola.seals);
    ola.deliver(attach);
    send(ola, attach);
    assert.equal(scene.last("abort")?.association, id);
    assert.ok(
      scene.logs().some((text) => text.endsWith(`: ${fault}`)),
      scene.logs().join("\n"),
    );
    scene.pass(100);
    assert.equal(shown(watcher.mirror), "[ola lost] watcher");
  });
}

test("any bytes on any stream of an attached client: never an exception, never more than its own end", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.client("ola", "10.0.0.5");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), fc.boolean(), (bytes, stream, isSealed) => {
      ola.comeOnline();
      const sealed = isSealed && stream < 3 ? ola.seals.seal(stream, bytes) : bytes;
      ola.deliver(sealed ?? bytes, stream);
      scene.pass(60);
      assert.match(shown(watcher.mirror), /^(ola watcher|\[ola (lost|left)\] watcher)$/);
    }),
    { numRuns: 200 },
  );
});

test("a client that keeps changing its status is told of twice a second at most, at last as it is", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  scene.pass(1_000);
  const before = watcher.counts.delta;
  for (let count = 0; count < 1_000; count += 1) {
    ola.tell({ type: "status", away: false, status: `${count}` as StatusText });
    scene.pass(2);
  }
  scene.pass(1_000);
  assert.ok(watcher.counts.delta - before <= 6, `${watcher.counts.delta - before} in 2 s`);
  assert.equal(watcher.mirror.find("ola")?.status, "999");
});

test("a client whose address changes keeps name and session; somebody else's place it does not get", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  scene.pass(100);
  const id = ola.association ?? 0;
  const path = (address: string) => ({ via: "udp", address, outerPort: 40_001, local: "" }) as const;
  scene.event({ type: "moved", id, path: path("10.0.0.5") });
  scene.event({ type: "moved", id, path: path("192.168.3.3") });
  scene.pass(100);
  assert.equal(watcher.mirror.find("ola")?.address, "192.168.3.3");
  assert.equal(watcher.mirror.find("ola")?.session, ola.registered?.session);
  ola.tell({ type: "status", away: true });
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "ola:away watcher");
  scene.event({ type: "moved", id, path: path("10.0.0.1") });
  scene.pass(100);
  assert.equal(scene.last("abort")?.association, id);
  assert.equal(shown(watcher.mirror), "[ola lost] watcher");
});

test("SCTP that starts anew within a session: the same keys go on, and it must attach again", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  scene.pass(100);
  scene.event({ type: "restarted", id: ola.association ?? 0 });
  ola.attach();
  scene.pass(6_000);
  assert.equal(shown(watcher.mirror), "ola watcher");
  scene.event({ type: "restarted", id: ola.association ?? 0 });
  scene.pass(5_100);
  assert.equal(shown(watcher.mirror), "[ola lost] watcher");
});

test("from mp1 to mp2 and back at one address and port, whatever the endpoint makes of the association", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.client("ola", "10.0.0.5");
  const id = scene.up("10.0.0.5", 51_000, ola);
  ola.association = id;
  ola.tryToRegister();
  scene.event({ type: "restarted", id });
  ola.attach();
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "ola watcher");
  assert.equal(watcher.mirror.find("ola")?.kind, "mp2");
  scene.event({ type: "closed", id });
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "[ola left] watcher");
});

test("nothing is left behind of hundreds of clients that came and went", () => {
  const scene = new Scene();
  for (let index = 0; index < 300; index += 1) {
    const client = scene.join("ola", "10.0.0.5", 50_000 + (index % 7));
    if (index % 3 === 0) scene.lost(client.association ?? 0);
    else if (index % 3 === 1) client.tell({ type: "leave" });
    scene.clients.length = 0;
    scene.take();
    scene.pass(50);
  }
  for (const { association } of scene.registry.clients())
    if (association !== undefined) scene.lost(association);
  scene.pass(60_000);
  assert.deepEqual(scene.registry.counts, { online: 0, offline: 1, pending: 0 });
  scene.take();
  scene.pass(60_000);
  assert.deepEqual([...new Set(scene.take().map(({ type }) => type))], ["announce"]);
});

test("a second association from an attached client's address and port is turned away, and the first goes on", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  const other = scene.up("10.0.0.5", 51_000);
  assert.equal(scene.last("abort")?.association, other);
  ola.tell({ type: "status", away: true });
  scene.pass(6_000);
  assert.equal(shown(watcher.mirror), "ola:away watcher");
});
