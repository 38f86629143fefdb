import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { DoctorClient, type Way } from "../../src/io/doctor-discovery.ts";
import { outputOf, readText } from "../../src/io/doctor-files.ts";
import { reachPeers, sctpAnswers } from "../../src/io/doctor-reach.ts";
import { systemRandom } from "../../src/io/random.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY, type Join } from "../../src/wire/mp2-discovery.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";

/** A doctor among registries that lie, flood and are silent; on loopback. */

/** A UDP socket whose owner decides what comes back. */
async function falseRegistry(
  context: TestContext,
  onDatagram: (socket: Socket, bytes: Buffer, from: RemoteInfo) => void,
): Promise<Way> {
  const socket = createSocket("udp4");
  context.after(() => socket.close());
  socket.on("message", (bytes, from) => onDatagram(socket, bytes, from));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const to = { address: "127.0.0.1", port: socket.address().port };
  return { way: "false", by: "unicast", device: undefined, family: "ip", from: undefined, to };
}

async function doctor(context: TestContext): Promise<DoctorClient> {
  const client = await DoctorClient.open(systemRandom);
  context.after(() => client.close());
  return client;
}

const key = (digit: number): Fingerprint => digit.toString(16).padStart(64, "0") as Fingerprint;
const COOKIE = new Uint8Array(20).fill(7);

function cookie(nonce: Nonce, digit = 1, bytes = COOKIE): Uint8Array {
  return DISCOVERY_TO_CLIENT.encode({ type: "cookie", nonce, fingerprint: key(digit), cookie: bytes });
}

/** Answers hellos with `answers`, and joins with `joined`. */
function registry(
  answers: (nonce: Nonce) => readonly Uint8Array[],
  joined: (join: Join, socket: Socket, from: RemoteInfo) => void = () => {},
) {
  return (socket: Socket, bytes: Buffer, from: RemoteInfo): void => {
    const decoded = DISCOVERY_TO_REGISTRY.decode(bytes);
    assert.ok(decoded.ok, "it is what a client sends");
    if (decoded.value.type === "join") joined(decoded.value, socket, from);
    else for (const answer of answers(decoded.value.nonce)) socket.send(answer, from.port, from.address);
  };
}

test("rubbish, cookies for other searches, and cookies without end", async (context) => {
  const client = await doctor(context);
  const foreign = new Uint8Array(16).fill(9) as Nonce;
  const liar = await falseRegistry(
    context,
    registry(() => [new Uint8Array(600), Buffer.from("SERVER DISCOVERY"), cookie(foreign)]),
  );
  const flood = await falseRegistry(
    context,
    registry((nonce) => Array.from({ length: 100 }, (_, digit) => cookie(nonce, digit))),
  );
  const silent = await falseRegistry(context, () => {});
  const asked = await client.ask([liar, flood, silent]);
  assert.deepEqual(
    asked.map(({ answers, failure }) => [answers.length, failure]),
    [
      [0, undefined],
      [16, undefined],
      [0, undefined],
    ],
  );
});

test("a join goes out with the cookie; the answer counts that names it, TLS alone is a call", async (context) => {
  const client = await doctor(context);
  const callers = [Buffer.from("GET / HTTP/1.0\r\n\r\n"), Buffer.of(0x16, 3, 1)];
  const way = await falseRegistry(
    context,
    registry(
      (nonce) => [cookie(nonce)],
      ({ cookie: brought, fingerprint }, socket, from) => {
        assert.deepEqual([Buffer.from(brought), fingerprint], [Buffer.from(COOKIE), key(1)]);
        const other = {
          type: "blocked",
          cookie: new Uint8Array(20),
          port: from.port,
          reason: "timeout",
        } as const;
        socket.send(DISCOVERY_TO_CLIENT.encode(other), from.port, from.address);
        const call = (bytes: Buffer | undefined): void => {
          if (bytes === undefined) return;
          const caller = connect(from.port, "127.0.0.1", () => caller.write(bytes));
          caller.on("error", () => {});
          // The first is hung up on; then comes the real one.
          caller.on("close", () => call(callers.shift()));
        };
        call(callers.shift());
      },
    ),
  );
  await client.ask([way]);
  const [dialBack, ...others] = await client.dialBacks();
  assert.deepEqual([dialBack?.address, dialBack?.outcome.type, others], ["127.0.0.1", "came", []]);
  assert.deepEqual(callers, [], "the first did not count");
});

test("what the registry says of a port that it could not reach", async (context) => {
  const client = await doctor(context);
  const blocked = (join: Join, socket: Socket, from: RemoteInfo): void => {
    const answer = { type: "blocked", cookie: join.cookie, port: from.port, reason: "refused" } as const;
    socket.send(DISCOVERY_TO_CLIENT.encode(answer), from.port, from.address);
  };
  await client.ask([
    await falseRegistry(
      context,
      registry((nonce) => [cookie(nonce)], blocked),
    ),
  ]);
  const [dialBack] = await client.dialBacks();
  assert.deepEqual(dialBack?.outcome, { type: "blocked", reason: "refused" });
  assert.equal(dialBack?.port, client.port);
});

test("SCTP: nobody there, somebody who answers rubbish", async (context) => {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.on("message", (_, from) => socket.send(new Uint8Array(64), from.port, from.address));
  const rubbish = await sctpAnswers({ address: "127.0.0.1", port, sctpPort: 10_001 }, systemRandom);
  assert.equal(rubbish.outcome, "silence");
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  const nobody = await sctpAnswers({ address: "127.0.0.1", port, sctpPort: 10_001 }, systemRandom);
  assert.equal(nobody.outcome, "refused");
  context.diagnostic(`refused after ${nobody.millis.toFixed(0)} ms`);
});

test("people: one who listens, one who does not; at most 64 are tried", async (context) => {
  const server = createServer((socket) => socket.destroy());
  context.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const peer = (nickname: string, at: number) => ({ nickname, address: "127.0.0.1", port: at });
  const reached = await reachPeers([peer("ola", port), peer("kari", 1)]);
  const outcomes = Object.fromEntries(reached.map(({ nickname, outcome }) => [nickname, outcome]));
  assert.deepEqual(outcomes, { ola: "reached", kari: "refused" });
  const many = await reachPeers(Array.from({ length: 100 }, (_, index) => peer(`p${index}`, port)));
  assert.equal(many.length, 64);
});

test("files and programs without end, and none", async () => {
  const endless = readText("/dev/zero");
  assert.ok(endless.known && endless.value.length <= 8 * 2 ** 20 + 65_536);
  const missing = readText("/proc/none");
  assert.ok(!missing.known && missing.why.includes("ENOENT"));
  const flood = await outputOf("yes", []);
  assert.ok(!flood.known);
  assert.deepEqual(await outputOf("multiproto-no-such-program", []), {
    known: false,
    why: "multiproto-no-such-program is not installed",
  });
  const failed = await outputOf("sh", ["-c", "echo bad >&2; exit 3"]);
  assert.deepEqual(failed, { known: false, why: "sh: bad" });
});
