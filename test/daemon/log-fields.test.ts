/** Each line of whole runs follows the grammar of docs/operations.md, and has no key that is not told of there. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { escapeText } from "../../src/base/text.ts";
import { parseLogLine } from "../support/log-line.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { configure, Multiprotod, makePlace } from "../support/multiprotod.ts";

const GUIDE = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
const SECTION = /^### Fields of a line\n([\s\S]*?)^## /m.exec(GUIDE)?.[1] ?? "";
const KEYS = new Set(
  [...SECTION.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, key]) => key),
  ),
);
/** Before the sentence: "12:34:56.789 info  ". */
const STAMP = /^\d\d:\d\d:\d\d\.\d{3} (debug|info|warn|error) +/;

test("every line is a sentence and fields, whatever clients call themselves", async (context) => {
  const place = await makePlace(context, '[log]\nlevel = "debug"');
  const daemon = await Multiprotod.start(context, place);
  const [one, two] = ['x"reason="kicked', "reason=kicked,port=1"];
  const ola = await Mp1Client.join(context, { registry: place, nickname: one });
  const bo = await Mp1Client.join(context, { registry: place, nickname: two });
  await Mp2Client.join(context, { registry: place, nickname: "code=banned" });
  const noise = createSocket("udp4");
  context.after(() => noise.close());
  for (const text of [" reason=kicked", "\n reason=kicked", "x".repeat(1_200)])
    noise.send(Buffer.from(text), place.port, "127.0.0.1");
  await daemon.line(/Ignored a datagram/);
  await ola.leave();
  bo.vanish();
  await daemon.line(/offline: left/);
  await daemon.line(/offline: lost/, { millis: 20_000 });
  configure(place, '"a=b c=d" = 1');
  daemon.kill("SIGHUP");
  await daemon.line(/Configuration refused/);
  await daemon.stop();
  configure(place, "");
  const again = await Multiprotod.start(context, place);
  await again.stop();

  const seen = new Set<string>();
  for (const line of [...daemon.lines, ...again.lines]) {
    assert.match(line, STAMP);
    const { sentence, fields } = parseLogLine(line.replace(STAMP, ""));
    assert.equal(escapeText(line), line);
    assert.doesNotMatch(sentence, /(?<![\w-])[a-z][a-z0-9-]*=/);
    for (const key of fields.keys()) {
      assert.ok(KEYS.has(key), `${key} is told of in docs/operations.md: ${line}`);
      seen.add(key);
    }
    assert.notEqual(fields.get("reason"), "kicked", "nobody was kicked");
  }
  for (const key of ["address", "bytes", "client", "fingerprint", "path", "reason", "realm", "udp"])
    assert.ok(seen.has(key), `a line with ${key}`);
});
