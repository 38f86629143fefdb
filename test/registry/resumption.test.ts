/** Sessions that go on with a ticket, and everything that is not quite one. docs/protocol-mp2.md, "Resumption". */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DISCOVERY_TO_REGISTRY, type Join, type Resume } from "../../src/wire/mp2-discovery.ts";
import { joinMac, joinTranscript } from "../../src/wire/mp2-resumption.ts";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import { SeededRandom } from "../sctp/random.ts";
import { NodeKey } from "../sim/keys.ts";
import type { TestClient } from "./mp2-client.ts";
import { Scene, shown } from "./mp2-scene.ts";

const DAY = 86_400_000;

/** Ola and kari, online; the registry has been killed and is there again. */
function restarted(): [Scene, TestClient, TestClient] {
  const [scene, ola, kari] = online();
  scene.restart();
  return [scene, ola, kari];
}

function online(): [Scene, TestClient, TestClient] {
  const scene = new Scene();
  const ola = scene.join("ola", "10.0.0.5");
  const kari = scene.join("kari", "10.0.0.6");
  scene.pass(200);
  for (const { counts } of scene.clients) counts.delta = counts.page = 0;
  return [scene, ola, kari];
}

/** The join is no resumption: its client is dialled back as ever, and gets in. */
function isDialledBack(client: TestClient, bytes: Uint8Array): void {
  const [dials, resumed] = [client.dials.length, client.resumed.length];
  client.send(bytes);
  assert.equal(client.resumed.length, resumed, "it is answered");
  assert.equal(client.dials.length, dials + 1, "it is not dialled back");
  client.openTls();
  client.register();
  client.scene.pass(20);
  assert.ok(client.registered !== undefined, `refused: ${client.refused?.text}`);
  client.scene.do((registry) => registry.tlsClosed(client.scene.now, client.dial));
}

test("after a restart: no dial-back, no number, no change, and all that follows is told with the new keys", () => {
  const [scene, ola, kari] = restarted();
  const before = { ...scene.registry.published };
  const session = ola.registered?.session;
  scene.take();
  ola.comeBack();
  kari.comeBack();
  scene.pass(10_000);
  assert.deepEqual(scene.all("dial-tls"), []);
  assert.deepEqual(scene.registry.published, before);
  assert.deepEqual([ola.counts.delta, ola.counts.page, kari.counts.delta, kari.counts.page], [0, 0, 0, 0]);
  assert.equal(ola.mirror.find("ola")?.session, session);
  kari.tell({ type: "status", away: true, status: "here" as StatusText });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari:away ola");
  assert.ok(scene.logs().some((line) => /info ola online from/.test(line)));
});

test("again and again, each time with another ticket, other keys and another secret", () => {
  const [scene, ola] = online();
  const seen = new Set<string>();
  for (let round = 0; round < 5; round += 1) {
    scene.restart();
    ola.comeBack();
    scene.pass(100);
    for (const bytes of [ola.ticket?.bytes, ola.secret, ola.keys.toClient, ola.keys.toRegistry]) {
      assert.ok(bytes !== undefined);
      seen.add(Buffer.from(bytes).toString("hex"));
    }
  }
  assert.equal(seen.size, 20);
});

test("an association that was lost while the registry runs: as long as the registry has not lost it, too", () => {
  const [scene, ola, kari] = online();
  const former = ola.association ?? -1;
  ola.comeBack();
  scene.pass(100);
  assert.ok(scene.all("abort").some(({ association }) => association === former));
  assert.equal(kari.counts.delta, 0, "nobody is told");
  kari.tell({ type: "status", away: true });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari:away ola");
  scene.lost(ola.association ?? -1);
  assert.equal(ola.tryToResume(), false);
  scene.pass(100);
  assert.equal(shown(kari.mirror), "[ola lost] kari:away");
});

test("a suspect that goes on is suspected no longer", () => {
  const [scene, ola, kari] = online();
  scene.event({ type: "suspect", id: ola.association ?? -1 });
  scene.pass(100);
  assert.equal(shown(kari.mirror), "kari ola:suspect");
  ola.comeBack();
  scene.pass(100);
  assert.equal(shown(kari.mirror), "kari ola");
});

test("the answer is no longer than the join, is the same for the same join, and for no other place", () => {
  const [scene, ola] = restarted();
  ola.hello();
  const join = ola.resumeMessage();
  const bytes = DISCOVERY_TO_REGISTRY.encode(join);
  scene.take();
  ola.send(bytes);
  ola.send(bytes);
  scene.pass(1_000);
  ola.send(bytes);
  const answers = scene.all("datagram").map(({ bytes: sent }) => Buffer.from(sent).toString("hex"));
  assert.equal(answers.length, 3);
  assert.equal(new Set(answers).size, 1);
  assert.ok((answers[0]?.length ?? 0) / 2 <= bytes.length);
  for (const source of [
    { address: "10.0.0.99", port: 51_000 },
    { address: "10.0.0.5", port: 51_001 },
  ])
    ola.send(bytes, source);
  assert.equal(scene.all("datagram").length, 3);
  assert.equal(scene.registry.ignored["bad-cookie"], 2);
  const [answer] = ola.resumed;
  assert.ok(answer !== undefined);
  ola.goOn(join, answer);
  ola.associate();
  ola.attach();
  ola.send(bytes);
  assert.equal(scene.all("datagram").length, 3, "nor when it is attached");
  assert.equal(scene.registry.ignored["bad-cookie"], 3);
});

test("a second join that waited beside the first changes no keys", () => {
  const [scene, ola] = restarted();
  ola.hello();
  const first = ola.resumeMessage();
  const { pair } = ola;
  scene.now += 5;
  ola.hello();
  const second = ola.resumeBytes();
  scene.now += 5;
  ola.send(DISCOVERY_TO_REGISTRY.encode(first));
  ola.send(second);
  const [answer, ...others] = ola.resumed;
  assert.ok(answer !== undefined);
  assert.deepEqual(others, []);
  ola.pair = pair;
  ola.goOn(first, answer);
  ola.associate();
  ola.attach();
  assert.ok(ola.attached !== undefined);
});

test("resumed, and then nothing: the session ends as one that never attached", () => {
  const [scene, ola, kari] = restarted();
  kari.comeBack();
  assert.ok(ola.tryToResume());
  scene.pass(9_000);
  assert.equal(shown(kari.mirror), "kari ola");
  scene.pass(2_000);
  assert.equal(shown(kari.mirror), "[ola lost] kari");
  assert.equal(ola.tryToResume(), false, "and its ticket is void");
});

test("resumed, and an attach with the former keys: no more than any forgery", () => {
  const [scene, ola, kari] = restarted();
  kari.comeBack();
  const { seals } = ola;
  assert.ok(ola.tryToResume());
  ola.seals = seals;
  ola.associate();
  ola.attached = undefined;
  ola.attach();
  assert.equal(ola.attached, undefined);
  assert.equal(scene.registry.faults, 1);
});

/** Joins that are no resumption, though their senders have what they have. */
const NONE: Readonly<Record<string, (scene: Scene, ola: TestClient, kari: TestClient) => Uint8Array>> = {
  "a ticket of zeros": (_scene, ola) => ola.resumeBytes((said) => ({ ...said, ticket: new Uint8Array(116) })),
  "a ticket that is cut off": (_scene, ola) =>
    ola.resumeBytes((said) => ({ ...said, ticket: said.ticket.subarray(0, 115) })),
  "a longer one": (_scene, ola) =>
    ola.resumeBytes((said) => ({ ...said, ticket: new Uint8Array([...said.ticket, 0]) })),
  "somebody else's ticket": (_scene, ola, kari) =>
    ola.resumeBytes((said) => ({ ...said, ticket: kari.ticket?.bytes ?? assert.fail() })),
  "somebody else's ticket and secret": (_scene, ola, kari) => {
    ola.secret = kari.secret;
    return ola.resumeBytes((said) => ({ ...said, ticket: kari.ticket?.bytes ?? assert.fail() }));
  },
  "another secret": (_scene, ola) => {
    ola.secret = new Uint8Array(32).fill(7);
    return ola.resumeBytes();
  },
  "a proof of another share": (_scene, ola) => {
    const join = ola.resumeMessage();
    return DISCOVERY_TO_REGISTRY.encode({
      ...join,
      resume: { ...join.resume, share: new Uint8Array(32).fill(9) },
    });
  },
  "a proof of another join": (_scene, ola) => {
    const former = ola.resumeMessage().resume;
    ola.hello();
    return DISCOVERY_TO_REGISTRY.encode({ ...ola.resumeMessage(), resume: former });
  },
  "a share of a low order": (_scene, ola) =>
    ola.resumeBytes((said) => ({ ...said, share: new Uint8Array(32) })),
  "another share of a low order": (_scene, ola) =>
    ola.resumeBytes((said) => ({ ...said, share: Uint8Array.of(1, ...new Uint8Array(31)) })),
  "a ticket that has expired": (scene, ola) => {
    scene.now += DAY + 1;
    ola.hello();
    return ola.resumeBytes();
  },
  "a name that was given away": (scene, ola) => {
    scene.command({ type: "forget", nickname: "ola" });
    return ola.resumeBytes();
  },
  "after a kick": (scene, ola) => {
    scene.command({ type: "kick", target: "ola" });
    return ola.resumeBytes();
  },
  "of a session that came after": (_scene, ola) => {
    const { ticket, secret } = ola;
    ola.comeOnline();
    ola.tell({ type: "leave" });
    ola.comeOnline();
    ola.ticket = ticket;
    ola.secret = secret;
    ola.hello();
    return ola.resumeBytes();
  },
  "of a session that has left": (_scene, ola) => {
    ola.comeBack();
    ola.tell({ type: "leave" });
    ola.hello();
    return ola.resumeBytes();
  },
  "when its time to come back is over": (scene, ola) => {
    scene.pass(8_100);
    ola.hello();
    return ola.resumeBytes();
  },
};

for (const [what, join] of Object.entries(NONE)) {
  test(`dialled back instead: ${what}`, () => {
    const [scene, ola, kari] = restarted();
    ola.hello();
    isDialledBack(ola, join(scene, ola, kari));
  });
}

test("a banned key does not go on, and hears why by the ordinary way", () => {
  const [scene, ola] = restarted();
  scene.command({ type: "ban", target: "ola", reason: "noise" });
  assert.equal(ola.tryToResume(), false);
  ola.openTls();
  ola.register();
  assert.equal(ola.refused?.code, "banned");
});

test("a ticket is good at its own address and port alone, whoever brings it", () => {
  const [scene, ola] = restarted();
  const thief = scene.client("ola", "10.0.0.77", 51_000, "a thief");
  thief.ticket = ola.ticket;
  thief.secret = ola.secret;
  assert.equal(thief.tryToResume(), false);
  const beside = scene.client("ola", "10.0.0.5", 51_001, "another thief");
  beside.ticket = ola.ticket;
  beside.secret = ola.secret;
  assert.equal(beside.tryToResume(), false);
});

test("a registry of another key opens no ticket of ours", () => {
  const [, ola] = restarted();
  const other = new Scene({ identity: new NodeKey(new SeededRandom(2)) });
  const there = other.join("ola", "10.0.0.5");
  other.restart();
  there.ticket = ola.ticket;
  there.secret = ola.secret;
  assert.equal(there.tryToResume(), false);
});

test("each flipped bit, each cut: dialled back or ignored, never resumed, and nothing escapes", () => {
  const [scene, ola] = restarted();
  ola.hello();
  const good = ola.resumeBytes();
  const from = good.length - 230;
  scene.take();
  for (let at = from; at < good.length; at += 1) {
    const meddled = Uint8Array.from(good);
    meddled[at] = (meddled[at] ?? 0) ^ (1 << (at & 7));
    ola.send(meddled);
    if (at % 16 === 0) ola.send(good.subarray(0, at));
  }
  assert.deepEqual(ola.resumed, []);
  assert.ok(scene.all("dial-tls").length <= 1);
});

test("an hour of joins with bad tickets costs dial-backs as joins do, one for each cookie", () => {
  const [scene, ola] = restarted();
  ola.hello();
  const bytes = ola.resumeBytes((said) => ({ ...said, ticket: new Uint8Array(116).fill(1) }));
  scene.take();
  for (let count = 0; count < 500; count += 1) ola.send(bytes);
  assert.equal(scene.all("dial-tls").length, 1);
});

test("a join of before this version, and one whose resume is none, are joins", () => {
  const [, ola] = restarted();
  ola.hello();
  isDialledBack(ola, ola.joinBytes());
  ola.hello();
  const join: Join & { readonly resume: Resume } = ola.resumeMessage();
  const { resume, ...plain } = join;
  assert.ok(joinMac(ola.secret, joinTranscript(plain, resume)).length === 32);
  isDialledBack(ola, DISCOVERY_TO_REGISTRY.encode(plain));
});

test("who stays for more than a day has a ticket that is good", () => {
  const [scene, ola, kari] = online();
  const first = ola.ticket;
  for (let hour = 0; hour < 40; hour += 1) scene.pass(3_600_000);
  assert.notDeepEqual(ola.ticket, first);
  assert.equal(kari.counts.delta, 0);
  assert.ok(ola.counts.attached >= 3 && ola.counts.attached <= 5, `${ola.counts.attached}`);
  scene.restart();
  ola.comeBack();
});
