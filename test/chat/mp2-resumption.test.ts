/** A client that goes on in its session with a ticket, and a registry that answers rightly, wrongly or not at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Seals } from "../../src/base/seal.ts";
import { x25519Pair } from "../../src/base/x25519.ts";
import { Pins } from "../../src/chat/pins.ts";
import {
  DISCOVERY_TO_CLIENT,
  DISCOVERY_TO_REGISTRY,
  encodeFacts,
  type Join,
  type Resume,
  type Resumed,
} from "../../src/wire/mp2-discovery.ts";
import {
  joinMac,
  joinTranscript,
  registrationSecret,
  resumedSecrets,
} from "../../src/wire/mp2-resumption.ts";
import type { RunId, SessionId, StatusText } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import {
  ADAM,
  EPOCH,
  entry,
  key,
  Mp2Client,
  OLA,
  REALM,
  REGISTRY,
  REGISTRY_KEY,
  UNIX,
} from "./mp2-client.ts";

const TICKET = { bytes: new Uint8Array(116).fill(0x77), life: 86_400_000 };
const SESSION = "50".repeat(16) as SessionId;
const PAIR = x25519Pair(new Uint8Array(32).fill(5));
const PINNED = Pins.none.meet({ kind: "realm", name: REALM }, REGISTRY_KEY, UNIX);

/** Of the registration of `online`. */
const SECRET = registrationSecret({
  toClient: new Uint8Array(32).fill(1),
  toRegistry: new Uint8Array(32).fill(2),
});

type ResumingJoin = Join & { readonly resume: Resume };

/** Online beside ola, with a ticket. */
function online(options: ConstructorParameters<typeof Mp2Client>[0] = {}): Mp2Client {
  const bench = new Mp2Client(options).online(entry(OLA));
  bench.tell({ type: "attached", epoch: EPOCH, seq: bench.seq, time: UNIX, ticket: TICKET });
  bench.takeAll();
  return bench;
}

/** Its association is gone; it has asked where the registry was, and brought back the cookie. */
function joins(bench: Mp2Client, fingerprint = REGISTRY_KEY): Join {
  if (bench.client.snapshot().registry !== undefined)
    bench.handle({ type: "association-ended", association: bench.association, how: "lost" });
  return joinsAgain(bench, fingerprint);
}

function joinsAgain(bench: Mp2Client, fingerprint = REGISTRY_KEY): Join {
  bench.pass(500);
  bench.cookie(bench.nonce(), { fingerprint });
  return joinOf(bench);
}

function joinOf(bench: Mp2Client): Join {
  const decoded = DISCOVERY_TO_REGISTRY.decode(bench.take("datagram").at(-1)?.bytes ?? new Uint8Array());
  assert.ok(decoded.ok && decoded.value.type === "join");
  return decoded.value;
}

function resuming(join: Join): ResumingJoin {
  assert.ok(join.resume !== undefined, "it does not want to go on");
  return join as ResumingJoin;
}

/** What a registry answers that knows `secret`, and the session that follows. */
function answerTo(join: ResumingJoin, secret = SECRET, run = "22".repeat(8)) {
  const { ticket, share, mac } = join.resume;
  const transcript = joinTranscript(join, { ticket, share });
  assert.deepEqual(Buffer.from(mac), Buffer.from(joinMac(secret, transcript)), "the client's proof");
  const facts = encodeFacts({
    ...{ time: UNIX + 5_000, sctpPort: 10_002, encapsulationPort: 9_900, rawIp: false },
    ...{ heartbeat: 2_000, lostAfter: 5_600, run: run as RunId },
  });
  const said = { share: PAIR.share, facts };
  const shared = PAIR.agree(share) ?? assert.fail();
  const secrets = resumedSecrets(secret, shared, { transcript, mac }, said);
  const resumed: Resumed = { type: "resumed", cookie: join.cookie, ...said, mac: secrets.mac };
  return { resumed, secrets };
}

function says(bench: Mp2Client, resumed: Resumed): void {
  bench.handle({ type: "datagram", from: REGISTRY, bytes: DISCOVERY_TO_CLIENT.encode(resumed) });
}

/** The association of the session that goes on; what the client says first. */
function associates(bench: Mp2Client, keys: ConstructorParameters<typeof Seals>[1]) {
  const [associate] = bench.take("associate");
  assert.ok(associate !== undefined, "no association");
  bench.association = associate.association;
  bench.seals = new Seals("registry", keys);
  bench.handle({ type: "association-up", association: bench.association });
  return { associate, said: bench.fromClient() };
}

test("its association is gone: it goes on with new keys, in the roster that it has, and nobody seems to leave", () => {
  const bench = online();
  const join = resuming(joins(bench));
  assert.deepEqual(join.resume.ticket, TICKET.bytes);
  const { resumed, secrets } = answerTo(join);
  says(bench, resumed);
  const { associate, said } = associates(bench, secrets.keys);
  const { registryPort, encapsulationPort, heartbeatMillis, lostAfterMillis, address } = associate;
  assert.deepEqual(
    [address, registryPort, encapsulationPort, heartbeatMillis, lostAfterMillis],
    [REGISTRY.address, 10_002, 9_900, 2_000, 5_600],
  );
  assert.deepEqual(said, [{ type: "attach", session: SESSION, epoch: EPOCH, seq: 10 }]);
  bench.tell({ type: "attached", epoch: EPOCH, seq: 10, time: UNIX + 6_000, ticket: TICKET });
  assert.deepEqual(bench.fromClient(), [], "it has nothing to add");
  assert.deepEqual(bench.noticeTypes(), ["registry-lost", "online"]);
  bench.pass(20_000);
  assert.deepEqual(bench.noticeTypes(), []);
  assert.deepEqual(
    bench.client.snapshot().roster.map(({ nickname, online: isOnline }) => [nickname, isOnline]),
    [["ola", true]],
  );
  assert.equal(bench.take("tls-send").length, 0);
});

test("and again, by the secret of the time before", () => {
  const bench = online();
  let secret = SECRET;
  for (let round = 0; round < 3; round += 1) {
    const { resumed, secrets } = answerTo(resuming(joins(bench)), secret);
    says(bench, resumed);
    associates(bench, secrets.keys);
    bench.tell({ type: "attached", epoch: EPOCH, seq: 10, time: UNIX + 6_000, ticket: TICKET });
    secret = secrets.secret;
    bench.takeAll();
  }
});

test("the join is repeated in the same bytes, and the dial-back is taken as well as an answer", () => {
  const bench = online();
  bench.handle({ type: "association-ended", association: bench.association, how: "lost" });
  bench.pass(500);
  const nonce = bench.nonce();
  bench.cookie(nonce);
  const [first] = bench.take("datagram");
  bench.pass(1_000);
  const again = bench.take("datagram");
  assert.ok(again.length >= 1);
  for (const { bytes } of again) assert.deepEqual(bytes, first?.bytes);
  const connection = bench.connects("mp2-registry", REGISTRY_KEY, REGISTRY.address);
  bench.challenge(connection, nonce);
  assert.ok(bench.register(connection) !== undefined, "it registers anew");
});

test("a busy registry answers a join that was given up: it is taken all the same", () => {
  const bench = online();
  const first = resuming(joins(bench));
  // Its repetitions are in vain, and there is another hello.
  bench.pass(9_000);
  bench.takeAll();
  bench.pass(1_500);
  const second = resuming(joinsAgain(bench));
  assert.notDeepEqual(second.cookie, first.cookie);
  const { resumed, secrets } = answerTo(first);
  says(bench, resumed);
  associates(bench, secrets.keys);
});

test("what it has said of itself since it registered is said again, and so is that it is away", () => {
  const bench = online();
  bench.client.setStatus(bench.now, true, "lunch" as StatusText);
  bench.takeAll();
  const join = resuming(joins(bench));
  bench.client.setStatus(bench.now, true, "still at lunch" as StatusText);
  const { resumed, secrets } = answerTo(join);
  says(bench, resumed);
  associates(bench, secrets.keys);
  bench.tell({ type: "attached", epoch: EPOCH, seq: 10, time: UNIX + 6_000 });
  assert.deepEqual(bench.fromClient(), [{ type: "status", away: true, status: "still at lunch" }]);
});

test("an epoch that has ended meanwhile: everything comes anew", () => {
  const bench = online();
  const { resumed, secrets } = answerTo(resuming(joins(bench)));
  says(bench, resumed);
  associates(bench, secrets.keys);
  bench.epoch = "ff".repeat(8) as typeof EPOCH;
  bench.tell({ type: "attached", epoch: bench.epoch, seq: 3, time: UNIX + 6_000 });
  bench.tell({ type: "page", epoch: bench.epoch, seq: 3, index: 0, count: 1, entries: [entry(ADAM)] }, 2);
  bench.pass(10_000);
  assert.deepEqual(bench.client.snapshot().roster, []);
});

const MEDDLED: Readonly<Record<string, (resumed: Resumed, join: ResumingJoin) => Resumed>> = {
  "another proof": (resumed) => ({ ...resumed, mac: new Uint8Array(32) }),
  "another share": (resumed) => ({ ...resumed, share: x25519Pair(new Uint8Array(32).fill(6)).share }),
  "a share of a low order": (resumed) => ({ ...resumed, share: new Uint8Array(32) }),
  "other facts": (resumed) => {
    const facts = Uint8Array.from(resumed.facts);
    facts[8] = (facts[8] ?? 0) ^ 1;
    return { ...resumed, facts };
  },
  "a cookie that is not the join's": (resumed) => ({ ...resumed, cookie: new Uint8Array(20).fill(1) }),
  "of a registry with another secret": (_resumed, join) => {
    const secret = new Uint8Array(32).fill(9);
    const { ticket, share } = join.resume;
    const forged = {
      ...join,
      resume: { ticket, share, mac: joinMac(secret, joinTranscript(join, { ticket, share })) },
    };
    return answerTo(forged, secret).resumed;
  },
};

for (const [what, meddle] of Object.entries(MEDDLED)) {
  test(`not believed, and nothing is done: ${what}`, () => {
    const bench = online();
    const join = resuming(joins(bench));
    const { resumed, secrets } = answerTo(join);
    bench.takeAll();
    says(bench, meddle(resumed, join));
    assert.deepEqual(bench.takeAll(), []);
    // And the right one is still taken, once.
    says(bench, resumed);
    associates(bench, secrets.keys);
    says(bench, resumed);
    assert.deepEqual(bench.take("associate"), []);
  });
}

test("an answer that no join of ours asked for is nothing", () => {
  const bench = online();
  const { resumed } = answerTo(resuming(joins(online())));
  says(bench, resumed);
  assert.deepEqual(bench.takeAll(), []);
});

test("no answer that is good comes of facts that are none", () => {
  const bench = online();
  const join = resuming(joins(bench));
  const { ticket, share, mac } = join.resume;
  const said = { share: PAIR.share, facts: Uint8Array.of(0xff) };
  const shared = PAIR.agree(share) ?? assert.fail();
  const transcript = joinTranscript(join, { ticket, share });
  const secrets = resumedSecrets(SECRET, shared, { transcript, mac }, said);
  bench.takeAll();
  says(bench, { type: "resumed", cookie: join.cookie, ...said, mac: secrets.mac });
  assert.deepEqual(bench.takeAll(), []);
});

/** When a client joins as if it had no ticket. */
const PLAIN: Readonly<Record<string, () => Join>> = {
  "the ticket's time is over": () => {
    const bench = online();
    bench.now += TICKET.life;
    return joins(bench);
  },
  "the registry has another key": () => joins(online({ pins: PINNED }), key("dd")),
  "its key is not trusted any more": () => {
    const bench = online();
    bench.client.forget(bench.now, { kind: "realm", name: REALM });
    bench.drain();
    return joins(bench);
  },
  "it wants another name": () => {
    const bench = online();
    bench.handle({ type: "association-ended", association: bench.association, how: "lost" });
    bench.client.rename(bench.now, "abel" as Nickname);
    return joinsAgain(bench);
  },
  "the session before never attached": () => {
    const bench = online();
    const { resumed } = answerTo(resuming(joins(bench)));
    says(bench, resumed);
    bench.pass(8_000);
    bench.takeAll();
    bench.pass(4_000);
    return joinsAgain(bench);
  },
  "no ticket has come": () => joins(new Mp2Client().online(entry(OLA))),
};

for (const [what, join] of Object.entries(PLAIN)) {
  test(`it joins without a ticket: ${what}`, () => {
    assert.equal(join().resume, undefined);
  });
}
