/** docs/protocol-mp2.md says what the registry does: its bounds, its seals and the labels of its keys. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Seals } from "../../src/base/seal.ts";
import { DEFAULT_LIMITS } from "../../src/registry/limits.ts";
import { MAX_NAMES_PER_KEY } from "../../src/roster/ledger.ts";
import { ALPN_REGISTRY } from "../../src/wire/mp2-values.ts";

const DOCUMENT = readFileSync(new URL("../../docs/protocol-mp2.md", import.meta.url), "utf8");

test("the table of bounds has the values of limits.ts", () => {
  const rows = [...DOCUMENT.matchAll(/\(`(\w+)`\) \| ([\d,]+)/g)];
  assert.ok(rows.length >= 18, `${rows.length} rows`);
  for (const [, name = "", value = ""] of rows) {
    assert.equal(
      DEFAULT_LIMITS[name as keyof typeof DEFAULT_LIMITS],
      Number(value.replaceAll(",", "")),
      name,
    );
  }
  const rate = ({ burst, perSecond }: { burst: number; perSecond: number }) =>
    `${burst.toLocaleString("en")} and ${perSecond.toLocaleString("en")}`;
  const { datagramsPerAddress, datagramsInAll, newNamesPerAddress, asks } = DEFAULT_LIMITS;
  for (const bound of [datagramsPerAddress, datagramsInAll, newNamesPerAddress, asks])
    assert.ok(DOCUMENT.includes(rate(bound)), rate(bound));
  assert.ok(DOCUMENT.includes(`at most ${MAX_NAMES_PER_KEY} names`));
});

test("the vectors of seals", () => {
  const block = /^```seal\n([\s\S]*?)\n```/m.exec(DOCUMENT)?.[1]?.split("\n") ?? [];
  assert.equal(block.length, 4);
  let seals: { readonly registry: Seals; readonly client: Seals } | undefined;
  for (let at = 0; at < block.length; at += 2) {
    const { toClient, toRegistry, stream, text } = JSON.parse(block[at] ?? "") as Record<string, string>;
    const bytes = (hex: string | undefined) => new Uint8Array(Buffer.from(hex ?? "", "hex"));
    const keys = { toClient: bytes(toClient), toRegistry: bytes(toRegistry) };
    seals ??= { registry: new Seals("registry", keys), client: new Seals("client", keys) };
    const sealed = seals.registry.seal(Number(stream), bytes(text)) ?? new Uint8Array();
    assert.equal(Buffer.from(sealed).toString("hex"), block[at + 1]);
    const opened = seals.client.open(Number(stream), bytes(block[at + 1]));
    assert.ok(opened.ok && Buffer.from(opened.text).toString("hex") === text);
  }
});

test("the labels of the exporter are those of the channel that makes the keys", () => {
  const channel = readFileSync(new URL("../../src/io/tls-channel.ts", import.meta.url), "utf8");
  const template = /`(EXPERIMENTAL [^`]*)`/.exec(channel)?.[1] ?? "";
  assert.deepEqual(template.match(/(?<=\{)[\w.]+/g), ["this.protocol", "purpose", "from"]);
  for (const from of ["client", "server"]) {
    const values = [ALPN_REGISTRY, "presence", from];
    const label = template.replace(/\$\{[^}]+\}/g, () => values.shift() ?? "");
    assert.ok(DOCUMENT.includes(`\`${label}\``), label);
  }
});
