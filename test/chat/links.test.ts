import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatNet } from "./chat-net.ts";
import { ADAM, EVE, type Mp2Client, OLA } from "./mp2-client.ts";

/** Texts that were shown, in order. */
function received(node: Mp2Client): readonly string[] {
  return node.notices().flatMap((notice) => (notice.type === "received" ? [notice.message.text] : []));
}

test("a message goes over a link that is kept; both pin the key; delivered and read are told", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  const messageId = adam.client.send(0, "OLA", "hello");
  net.pass(100);
  const [got] = ola.notices();
  assert.ok(got?.type === "received");
  assert.deepEqual(
    [got.message.from, got.message.text, got.message.standing, got.message.fingerprint],
    ["adam", "hello", "new", ADAM.key],
  );
  assert.deepEqual(adam.notices(), [{ type: "delivered", messageId, to: "OLA", text: "hello" }]);
  assert.ok(got.message.messageId);
  ola.client.markRead(net.now, "adam", [got.message.messageId]);
  net.pass(100);
  assert.deepEqual(adam.notices(), [{ type: "read", messageId, to: "OLA", text: "hello" }]);
  ola.client.send(net.now, "adam", "hi");
  adam.client.send(net.now, "ola", "again");
  net.pass(100);
  const answers = ola.notices().filter(({ type }) => type === "received");
  assert.equal(answers[0]?.type === "received" && answers[0].message.standing, "pinned");
  assert.deepEqual(received(adam), ["hi"]);
  assert.equal(net.dials, 1, "one connection for all");
  assert.equal(adam.pins.find({ kind: "peer", name: "ola" })?.fingerprint, OLA.key);
  assert.equal(ola.pins.find({ kind: "peer", name: "adam" })?.fingerprint, ADAM.key);
});

test("typing is shown, and over by itself", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(0, "ola", "hello");
  net.pass(100);
  ola.notices();
  adam.client.typing(net.now, "ola", true);
  net.pass(100);
  assert.deepEqual(ola.notices(), [{ type: "typing", from: "adam", active: true }]);
  net.pass(6_000);
  assert.deepEqual(ola.notices(), [{ type: "typing", from: "adam", active: false }]);
});

test("both connect at once, in every order: one connection stays, nothing is lost or doubled", () => {
  for (const [slowAdam, slowOla] of [
    [1, 1],
    [1, 5],
    [5, 1],
    [1, 40],
    [40, 1],
    [3, 4],
    [4, 3],
  ] as const) {
    for (const later of [0, 1, 2, 3, 5, 8, 41, 80]) {
      const net = new ChatNet([ADAM, OLA]);
      const [adam, ola] = [net.node(ADAM), net.node(OLA)];
      let turn = 0;
      net.delay = () => {
        turn += 1;
        return turn % 2 === 1 ? slowAdam : slowOla;
      };
      for (const text of ["a1", "a2"]) adam.client.send(0, "ola", text);
      net.later(later, () => {
        for (const text of ["o1", "o2"]) ola.client.send(net.now, "adam", text);
      });
      net.pass(3_000);
      const name = `${slowAdam} ${slowOla} ${later}`;
      assert.deepEqual(
        [received(ola), received(adam)],
        [
          ["a1", "a2"],
          ["o1", "o2"],
        ],
        name,
      );
      assert.equal(net.open.length, 1, name);
      assert.deepEqual([adam.client.pending, ola.client.pending], [0, 0], name);
    }
  }
});

test("the higher fingerprint's connection is taken when the lower's cannot get through", () => {
  const net = new ChatNet([ADAM, OLA]);
  // A firewall in front of ola.
  net.mayConnect = (from) => from === OLA;
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(0, "ola", "patient", { waitMillis: 30_000 });
  ola.client.send(0, "adam", "hello");
  net.pass(3_000);
  assert.deepEqual([received(ola), received(adam)], [["patient"], ["hello"]]);
});

test("a half-dead connection is found within five seconds, and the message arrives over another one", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(0, "ola", "one");
  net.pass(1_000);
  for (const wire of net.open) net.freeze(wire);
  adam.client.send(net.now, "ola", "two");
  net.pass(5_000);
  assert.deepEqual(received(ola), ["one", "two"]);
  assert.equal(adam.client.pending, 0);
});

test("who lost the connection connects anew although the other still holds it", () => {
  for (const [lost, other] of [
    [ADAM, OLA],
    [OLA, ADAM],
  ] as const) {
    const net = new ChatNet([ADAM, OLA]);
    net.node(lost).client.send(0, other.nick, "one");
    net.pass(1_000);
    const [wire] = net.open;
    assert.ok(wire);
    net.freeze(wire);
    const end = wire.ends.find(({ node }) => node.person === lost);
    end?.node.handle({ type: "tls-closed", connection: end.connection });
    net.node(lost).client.send(net.now, other.nick, "two");
    net.pass(6_000);
    assert.deepEqual(received(net.node(other)), ["one", "two"], lost.nick);
  }
});

test("a connection without messages is closed after minutes, and made again when needed", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(0, "ola", "one");
  net.pass(299_000);
  assert.equal(net.open.length, 1);
  net.pass(10_000);
  assert.equal(net.open.length, 0);
  adam.client.send(net.now, "ola", "two");
  net.pass(100);
  assert.deepEqual(received(ola), ["one", "two"]);
});

test("read marks find their way after the connection was closed, and again after a failure", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(0, "ola", "one");
  net.pass(400_000);
  assert.equal(net.open.length, 0);
  const [got] = ola.notices();
  assert.ok(got?.type === "received" && got.message.messageId);
  ola.client.markRead(net.now, "adam", [got.message.messageId]);
  net.pass(100);
  assert.equal(adam.notices().at(-1)?.type, "read");
  net.pass(400_000);
  net.mayConnect = () => false;
  adam.client.send(net.now, "ola", "two");
  net.pass(10_000);
  net.mayConnect = () => true;
  net.pass(10_000);
  const two = ola.notices().at(-1);
  assert.ok(two?.type === "received" && two.message.messageId);
  net.pass(400_000);
  net.mayConnect = () => false;
  ola.client.markRead(net.now, "adam", [two.message.messageId]);
  net.pass(30_000);
  assert.equal(ola.archive.load().untold.length, 1);
  const dials = net.dials;
  net.pass(600_000);
  assert.ok(net.dials - dials <= 15, "rarely after a while");
  net.mayConnect = () => true;
  net.pass(120_000);
  assert.equal(adam.notices().at(-1)?.type, "read");
  assert.deepEqual(ola.archive.load().untold, []);
});

test("why a message does not arrive", () => {
  const refused = new ChatNet([ADAM, OLA]);
  refused.mayConnect = () => false;
  const why = (net: ChatNet): unknown => {
    const notice = net
      .node(ADAM)
      .notices()
      .find(({ type }) => type === "undelivered");
    return notice?.type === "undelivered" && [notice.message.why, notice.message.uncertain];
  };
  refused.node(ADAM).client.send(0, "ola", "hello", { waitMillis: 0 });
  refused.pass(1_000);
  assert.deepEqual(why(refused), ["timeout", false]);
  const long = new ChatNet([ADAM, OLA]);
  long.node(ADAM).client.send(0, "ola", "x".repeat(16_385));
  assert.deepEqual(why(long), ["too-long", false]);
  const silent = new ChatNet([ADAM, OLA]);
  silent.onSend = (wire, bytes) => {
    if (bytes.length > 100) silent.freeze(wire);
  };
  silent.node(ADAM).client.send(0, "ola", "y".repeat(100), { waitMillis: 0 });
  silent.pass(10_000);
  assert.deepEqual(why(silent), ["timeout", true]);
  const left = new ChatNet([ADAM, OLA]);
  left.delay = () => 50;
  left.node(ADAM).client.send(0, "ola", "hello", { waitMillis: 0 });
  left.node(ADAM).client.leave(0);
  assert.deepEqual(why(left), ["left", false]);
});

/** Every message that was said to be delivered is there exactly once and in order, whatever happens to connections. */
function storm(seed: number): void {
  const people = [ADAM, OLA, EVE];
  const net = new ChatNet(people, seed);
  net.delay = () => 1 + net.random.below(60);
  net.onSend = (wire) => {
    const fate = net.random.below(40);
    if (fate === 0) net.later(net.random.below(30), () => net.cut(wire));
    else if (fate === 1) net.freeze(wire);
  };
  const texts = new Map<string, string>();
  for (let count = 0; count < 60; count += 1) {
    const from = people[net.random.below(3)] ?? ADAM;
    const to = people.filter((person) => person !== from)[net.random.below(2)] ?? OLA;
    net.later(net.random.below(20_000), () => {
      const node = net.node(from);
      const text = `${from.nick}>${to.nick} ${String(count).padStart(3, "0")} ${net.now}`;
      texts.set(`${from.nick} ${node.client.send(net.now, to.nick, text, { waitMillis: 60_000 })}`, text);
    });
  }
  net.pass(20_000);
  net.onSend = () => undefined;
  net.pass(70_000);
  const shown: string[] = [];
  const delivered: string[] = [];
  for (const node of net.nodes) {
    for (const notice of node.notices()) {
      if (notice.type === "received") shown.push(notice.message.text);
      else if (notice.type === "delivered") delivered.push(notice.text);
      else assert.notEqual(notice.type, "undelivered", JSON.stringify(notice));
    }
  }
  assert.equal(delivered.length, 60, `seed ${seed}`);
  assert.equal(new Set(shown).size, shown.length, `twice, seed ${seed}`);
  assert.deepEqual([...shown].sort(), [...delivered].sort(), `seed ${seed}`);
  for (const pair of new Set(shown.map((text) => text.split(" ")[0]))) {
    const times = shown
      .filter((text) => text.startsWith(`${pair} `))
      .map((text) => Number(text.split(" ")[2]));
    assert.deepEqual(
      times,
      [...times].sort((left, right) => left - right),
      `order, seed ${seed}`,
    );
  }
  assert.ok(net.open.length <= 3, `connections, seed ${seed}`);
}

test("connections that break and freeze between any two frames: each message exactly once and in order", () => {
  const first = Number(process.env.CHAT_SEED ?? 1);
  const rounds = Number(process.env.CHAT_SEEDS ?? (process.env.CHAT_SEED === undefined ? 40 : 1));
  for (let seed = first; seed < first + rounds; seed += 1) storm(seed);
});
