/** A server that does not run for a while loses nobody for it (docs/protocol.md, "Presence"; PROTOCOL: the stall trap). */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as pass } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DEFAULT_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import type { SctpServerCommand, SctpServerReport } from "../support/sctp-server.ts";
import { within } from "../support/until.ts";
import { Speaker } from "./speaker.ts";

const SERVER = fileURLToPath(new URL("../support/sctp-server.ts", import.meta.url));
const SERVER_PORT = 10_001;
const PEERS = 300;
const STOPPED_MILLIS = 5_000;
const BUSY_MILLIS = 2_000;
/** The peers stay through the server's absence: they ask no questions of their own. */
const PATIENT = { heartbeatMillis: 20_000, lostAfterMillis: 60_000 };
/** Whoever is lost for the pause is lost by then, and the suspects have answered. */
const AFTERWARDS_MILLIS = DEFAULT_SCTP_SETTINGS.lostAfterMillis;

async function ask(server: ChildProcess, command: SctpServerCommand): Promise<SctpServerReport> {
  server.send(command);
  const [report] = await within("the server's report", once(server, "message"), 20_000);
  return report as SctpServerReport;
}

/** A server in a process of its own with {@link PEERS} peers in this one, each on a socket of its own. */
async function populated(t: TestContext): Promise<{ server: ChildProcess; peers: readonly Speaker[] }> {
  const server = fork(SERVER, [String(SERVER_PORT)]);
  t.after(() => void server.kill("SIGKILL"));
  const [ready] = await within("the server", once(server, "message"));
  const { port } = ready as SctpServerReport;
  const peers: Speaker[] = [];
  for (let number = 0; number < PEERS; number += 1) {
    const peer = await Speaker.open(t, { sctpPort: 20_000 + number, settings: PATIENT });
    peer.associate("127.0.0.1", port, SERVER_PORT);
    peers.push(peer);
  }
  await Promise.all(peers.map((peer) => peer.up(30_000)));
  return { server, peers };
}

async function nobodyIsLost(server: ChildProcess, peers: readonly Speaker[]): Promise<void> {
  // The span in which losses would show, not a wait for something to happen.
  await pass(AFTERWARDS_MILLIS);
  const { up, lostAt } = await ask(server, { do: "report" });
  assert.deepEqual({ up, lost: lostAt.length }, { up: PEERS, lost: 0 });
  const ended = peers
    .flatMap(({ events }) => events)
    .filter(({ type }) => type === "lost" || type === "closed");
  assert.deepEqual(ended, []);
}

test(`a server that is stopped for ${STOPPED_MILLIS} ms loses none of its peers`, async (t) => {
  const { server, peers } = await populated(t);
  server.kill("SIGSTOP");
  // The stop itself is the subject.
  await pass(STOPPED_MILLIS);
  server.kill("SIGCONT");
  await nobodyIsLost(server, peers);
});

test(`a server that is busy for ${BUSY_MILLIS} ms loses none of its peers`, async (t) => {
  const { server, peers } = await populated(t);
  await ask(server, { do: "spin", millis: BUSY_MILLIS });
  await nobodyIsLost(server, peers);
});
