import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodeUtf8 } from "../../src/base/text.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { configure, Multiprotod, makePlace } from "../support/multiprotod.ts";

/** What a terminal or a log reader acts on: controls, bidirectional overrides, zero-width, separators. */
const ACTING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

test("--foreground-log pretty: time, level, sentence, detail", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place, { flags: ["--foreground-log", "pretty"] });
  await Mp1Client.join(context, { registry: place, nickname: "ola" });
  const wanted =
    /^\d\d:\d\d:\d\d\.\d{3} info {2}ola online from 127\.0\.0\.1:\d+ \(mp1, \d+ ms\) path=udp client=own$/;
  await daemon.line(wanted);
});

test("--foreground-log json: one object a line, the same fields", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place, { flags: ["--foreground-log", "json"] });
  const ola = await Mp1Client.join(context, { registry: place, nickname: "ola" });
  const { time, ...rest } = JSON.parse(await daemon.line(/ola online/));
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
  assert.match(rest.message, /^ola online from /);
  assert.deepEqual({ ...rest, message: "" }, { level: "info", message: "", path: "udp", client: "own" });
  await ola.leave();
  await daemon.line(/ola offline/);
  for (const line of daemon.lines) assert.equal(typeof JSON.parse(line), "object", line);
});

test("format = json in the configuration does the same where no option says otherwise", async (context) => {
  const place = await makePlace(context, '[log]\nformat = "json"');
  const daemon = await Multiprotod.start(context, place);
  assert.equal(JSON.parse(await daemon.line(/ready/)).level, "info");
});

test("text from the network and from files never acts in the log", async (context) => {
  for (const format of ["pretty", "json"]) {
    const place = await makePlace(context);
    // A path in an error of the system's, which nobody has escaped before it gets to the log.
    const stateDirectory = join(place.directory, "\u001b[2J\u009b31m\u202e\nerror All is lost");
    // Even root cannot write over a directory.
    mkdirSync(join(stateDirectory, "run.json.new"), { recursive: true });
    const options = { flags: ["--foreground-log", format] };
    const daemon = await Multiprotod.start(context, { ...place, stateDirectory }, options);
    await daemon.line(/Cannot write the run record.*All is lost/);
    const hostile = [
      "\u001b[2J\u001b]0;owned\u0007",
      "a\nMar 1 00:00:00 host multiprotod: eva online",
      "\u202eevil",
      "\u0085\u009b31m",
      "zero\u200bwidth",
    ];
    for (const nickname of hostile) {
      const client = await Mp1Client.open(context, { registry: place, nickname });
      const answer = await client.register(encodeUtf8(`${nickname}\n`));
      assert.equal(answer.type, "refused", JSON.stringify(nickname));
    }
    // What is a valid nickname stands in the log as it is.
    await Mp1Client.join(context, { registry: place, nickname: 'óla"=😀' });
    await daemon.line(/óla.*😀 online/);
    configure(place, '"\\u001b[2J" = 1\n[log]\n"le\\u202evel" = 2');
    daemon.kill("SIGHUP");
    await daemon.line(/Configuration refused/);
    assert.deepEqual(
      daemon.lines.filter((line) => ACTING.test(line)),
      [],
      format,
    );
  }
});
