/** The registry in numbers: by multiprotoctl, by HTTP on this machine, and for nobody else. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { noCounts } from "../../src/sctp/counters.ts";
import { METRICS } from "../../src/service/metrics.ts";
import { multiprotoctl } from "../ctl/spawn.ts";
import { TestShell } from "../support/chat-shell.ts";
import { freePort } from "../support/free-ports.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { within } from "../support/until.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

type Where = { readonly port: number } | { readonly socketPath: string };

function fetched(where: Where, path = "/metrics", method = "GET"): Promise<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    request({ host: "127.0.0.1", ...where, path, method }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    })
      .on("error", reject)
      .end();
  });
  return within("an answer", answer, 20_000);
}

function sample(text: string, metric: string): number {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${metric} `));
  assert.ok(line !== undefined, `${metric} in\n${text}`);
  return Number(line.split(" ").at(-1));
}

async function served(context: TestContext) {
  const port = await freePort();
  const place = await makePlace(context, `[metrics]\nlisten = "127.0.0.1:${port}"`);
  return { port, place, daemon: await Multiprotod.start(context, place) };
}

test("metrics: who is there, who left and why, of all that docs/control.md names", async (context) => {
  const { port, place, daemon } = await served(context);
  const ola = await TestShell.open(context, { ...place, nickname: "ola" });
  await ola.online();
  const { status, headers, text } = await fetched({ port });
  assert.equal(status, 200);
  assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(sample(text, 'multiproto_clients{protocol="mp2",state="online"}'), 1);
  assert.equal(sample(text, 'multiproto_joins_total{client="mp2"}'), 1);
  assert.equal(sample(text, "multiproto_nicknames_bound"), 1);
  const kinds = ["delta", "page"].map((kind) => `multiproto_roster_messages_total{kind="${kind}"}`);
  assert.ok(kinds.reduce((sum, kind) => sum + sample(text, kind), 0) >= 1, "it was told of itself");
  assert.ok(sample(text, "process_resident_memory_bytes") > 1_000_000);
  sample(text, "nodejs_eventloop_lag_p99_seconds");
  const documented = readFileSync(new URL("../../docs/control.md", import.meta.url), "utf8");
  for (const { name } of METRICS) {
    assert.match(text, new RegExp(`^# TYPE ${name} `, "m"));
    assert.ok(documented.includes(`\`${name}`), `${name} in docs/control.md`);
  }

  await ola.shell.close();
  const socket = ["--socket", daemon.socketPath];
  await multiprotoctl(["wait", "--online", "nobody", "--timeout", "1ms", ...socket]);
  const lost = await within(
    "the loss",
    countsOf(port, 'multiproto_clients{protocol="mp2",state="offline"}'),
    30_000,
  );
  const reasons = lost.match(/^multiproto_losses_total\{reason="(left|lost)"\} 1$/m);
  assert.ok(reasons, lost);
  const printed = await multiprotoctl(["metrics", ...socket]);
  assert.equal(printed.code, 0);
  assert.equal(sample(printed.stdout, 'multiproto_joins_total{client="mp2"}'), 1);
});

/** The series of a text: names with labels, but those of Node and the process. */
function seriesOf(text: string): readonly string[] {
  const lines = text.split("\n").filter((line) => line.startsWith("multiproto_"));
  return lines.map((line) => line.slice(0, line.lastIndexOf(" "))).sort();
}

test("metrics: every value of a label is there from the start, with 0, and none comes later but round-trip times", async (context) => {
  const { port, place } = await served(context);
  const { text: first } = await fetched({ port });
  const reasons = [...Object.keys(noCounts()).map((name) => `sctp-${name}`), "datagram-malformed"];
  for (const reason of reasons)
    assert.equal(sample(first, `multiproto_input_dropped_total{reason="${reason}"}`), 0);
  for (const reason of ["left", "lost", "kicked"])
    assert.equal(sample(first, `multiproto_losses_total{reason="${reason}"}`), 0);

  const ola = await Mp1Client.join(context, { registry: place, nickname: "ola" });
  await ola.vanish();
  const stray = createSocket("udp4");
  context.after(() => void stray.close());
  for (const dropped of ["sctp-wrong-size", "datagram-not-a-hello"]) {
    const to = dropped.startsWith("sctp") ? place.encapsulationPort : place.port;
    stray.send("x", to, "127.0.0.1");
    await within(dropped, countsOf(port, `multiproto_input_dropped_total{reason="${dropped}"}`), 30_000);
  }
  const last = await within("the loss", countsOf(port, "multiproto_detection_seconds_count"), 30_000);
  const isTimed = (series: string): boolean => series.startsWith("multiproto_round_trip_seconds");
  const after = seriesOf(last).filter((series) => !isTimed(series));
  assert.deepEqual(after, seriesOf(first));
});

test("metrics: from a client's last sign of life until it was found lost", async (context) => {
  const { port, place } = await served(context);
  const ola = await Mp1Client.join(context, { registry: place, nickname: "ola" });
  assert.equal(sample((await fetched({ port })).text, "multiproto_detection_seconds_count"), 0);
  await ola.vanish();
  const text = await within("the loss", countsOf(port, "multiproto_detection_seconds_count"), 30_000);
  const seconds = sample(text, "multiproto_detection_seconds_sum");
  assert.ok(seconds >= 2.8 && seconds < 5, `${seconds} s`);
  assert.match(text, /^# TYPE multiproto_detection_seconds histogram$/m);
  assert.equal(sample(text, 'multiproto_detection_seconds_bucket{le="2.5"}'), 0);
  assert.equal(sample(text, 'multiproto_detection_seconds_bucket{le="30"}'), 1);
  assert.equal(sample(text, 'multiproto_detection_seconds_bucket{le="+Inf"}'), 1);
  assert.equal(sample(text, 'multiproto_losses_total{reason="lost"}'), 1);
});

/** The text in which that metric is 1. */
async function countsOf(port: number, metric: string): Promise<string> {
  for (;;) {
    const { text } = await fetched({ port });
    if (sample(text, metric) === 1) return text;
  }
}

// Patience with who is slow ends beside the other, on registries of their own.
describe("metrics: whom they are served to, and where", { concurrency: 2 }, () => {
  test("nothing else is served, and who is slow or greedy does not stay", async (context) => {
    const { port, daemon } = await served(context);
    assert.equal((await fetched({ port }, "/")).status, 404);
    assert.equal((await fetched({ port }, "/metrics?x")).status, 404);
    assert.equal((await fetched({ port }, "/metrics", "POST")).status, 405);
    assert.equal((await fetched({ port }, `/${"x".repeat(20_000)}`)).status, 431);
    const silent = Array.from({ length: 20 }, () => connect({ host: "127.0.0.1", port }));
    for (const socket of silent) socket.on("error", () => undefined);
    context.after(() => silent.forEach((socket) => void socket.destroy()));
    // Those beyond the bound are closed at once, the others when their patience ends.
    await Promise.all(
      silent.map((socket) =>
        within("its end", new Promise((resolve) => socket.once("close", resolve)), 30_000),
      ),
    );
    assert.equal((await fetched({ port })).status, 200);
    daemon.kill("SIGTERM");
    await daemon.exited;
    assert.equal(daemon.errors.length, 0, daemon.errors.join("\n"));
  });

  test("by a Unix socket, also one that a killed registry left; and a port that is taken is said", async (context) => {
    const place = await makePlace(context);
    const socketPath = join(place.directory, "metrics.sock");
    const settings = `[metrics]\nlisten = "${socketPath}"`;
    const own = await makePlace(context, settings);
    const first = await Multiprotod.start(context, own, {
      prefix: ["sh", "-c", 'umask 077; exec "$@"', "sh"],
    });
    assert.equal((await fetched({ socketPath })).status, 200);
    assert.equal(statSync(socketPath).mode & 0o777, 0o660, "Prometheus is another user, of the group");
    first.kill("SIGKILL");
    await first.exited;
    await Multiprotod.start(context, own);
    assert.equal((await fetched({ socketPath })).status, 200);

    // What is no socket is somebody's file, and stays.
    const file = join(place.directory, "notes");
    writeFileSync(file, "mine");
    const astray = await makePlace(context, `[metrics]\nlisten = "${file}"`);
    await (await Multiprotod.start(context, astray)).line(
      /Cannot serve metrics: .*notes: a file that is not a socket/,
    );
    assert.equal(readFileSync(file, "utf8"), "mine");

    const { port } = await served(context);
    const other = await makePlace(context, `[metrics]\nlisten = "127.0.0.1:${port}"`);
    const without = await Multiprotod.start(context, other);
    await without.line(
      /Cannot serve metrics: Cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*choose another by metrics\.listen/,
    );
  });
});
