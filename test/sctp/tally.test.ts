/** What has crossed an association, in numbers; and how long a lost peer was silent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { associated, Network } from "./pair.ts";

const SECOND = 1_000;

/** Two that are associated, with what each has put on the wire since, and from where to drop packets. */
function scene(seed = 1) {
  const network = new Network(seed);
  const pair = associated(network);
  const tally = (side: "client" | "server") => {
    const id = side === "client" ? pair.clientId : pair.serverId;
    const found = pair[side].endpoint.status(id)?.tally;
    assert.ok(found !== undefined);
    return found;
  };
  return { network, ...pair, tally };
}

test("bytes are counted as they leave and arrive, both ways", () => {
  const { network, client, clientId, server, tally } = scene();
  const before = { client: tally("client"), server: tally("server") };
  let [sent, received] = [0, 0];
  network.filter = (from, bytes) => {
    if (from === client) sent += bytes.length;
    else received += bytes.length;
    return true;
  };
  client.endpoint.send(network.now, clientId, 0, 0, new Uint8Array(20_000));
  network.drain(client);
  network.runFor(10 * SECOND);
  assert.ok(sent > 20_000 && received > 0);
  assert.equal(tally("client").sentBytes - before.client.sentBytes, sent);
  assert.equal(tally("client").receivedBytes - before.client.receivedBytes, received);
  assert.equal(tally("server").sentBytes - before.server.sentBytes, received);
  assert.equal(tally("server").receivedBytes - before.server.receivedBytes, sent);
  assert.equal(server.of("message").length, 1);
});

test("each heartbeat is counted, and each answer that came", () => {
  const { network, tally } = scene();
  network.runFor(60 * SECOND);
  const whole = tally("server");
  assert.ok(whole.heartbeats >= 20, `${whole.heartbeats} heartbeats`);
  assert.equal(whole.answers, whole.heartbeats);
});

test("what gets lost shows: every second answer is dropped", () => {
  const { network, server, client, tally } = scene();
  // HEARTBEAT ACK is chunk 5 (RFC 9260 §3.3.6).
  let answers = 0;
  network.filter = (from, bytes) => from !== client || bytes[12] !== 5 || ++answers % 2 === 0;
  network.runFor(60 * SECOND);
  const { heartbeats, answers: seen } = tally("server");
  assert.equal(server.of("lost").length, 0);
  const loss = (heartbeats - seen) / heartbeats;
  assert.ok(Math.abs(loss - 0.5) < 0.1, `${loss} of ${heartbeats}`);
});

test("answers that a network repeats do not make up for those that it lost", () => {
  const { network, client, tally } = scene();
  let answers = 0;
  // Each heartbeat arrives twice and is answered twice; of every second one both answers are dropped.
  network.filter = (from, bytes) => from !== client || bytes[12] !== 5 || answers++ % 4 >= 2;
  network.conditions = { loss: 0, duplication: 1, delay: [0.1, 0.1] };
  network.runFor(60 * SECOND);
  const { heartbeats, answers: seen } = tally("server");
  const loss = (heartbeats - seen) / heartbeats;
  assert.ok(Math.abs(loss - 0.5) < 0.1, `${loss} of ${heartbeats}`);
});

test("whoever vanishes was silent from its last sign of life on until it was lost", () => {
  const { network, client, server } = scene();
  network.runFor(10 * SECOND + 123);
  client.cut = true;
  const lastSign = Math.max(...server.heard.values());
  network.runFor(10 * SECOND);
  const [lost] = server.of("lost");
  assert.equal(lost?.reason, "timeout");
  const silent = lost?.silentMillis ?? Number.NaN;
  assert.ok(silent >= 2_800 && silent < 2_900, `${silent} ms`);
  assert.ok(lastSign <= network.now - silent);
});

test("time in which our own process did not run is nobody's silence", () => {
  const { network, client, server } = scene();
  network.runFor(10 * SECOND);
  client.cut = true;
  server.frozen = true;
  network.runFor(60 * SECOND);
  server.frozen = false;
  network.runFor(10 * SECOND);
  const silent = server.of("lost")[0]?.silentMillis ?? Number.NaN;
  assert.ok(silent >= 2_800 && silent < 2_900, `${silent} ms`);
});

test("who says that it ends was not silent", () => {
  const { network, client, clientId, server } = scene();
  client.endpoint.abort(network.now, clientId, "enough");
  network.drain(client);
  network.runFor(SECOND);
  const [lost] = server.of("lost");
  assert.equal(lost?.reason, "aborted");
  assert.equal(lost?.silentMillis, undefined);
});
