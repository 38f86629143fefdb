/** docs/protocol-mp2.md says what the registry does: its bounds, its seals and the labels of its keys. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Seals } from "../../src/base/seal.ts";
import { x25519Pair } from "../../src/base/x25519.ts";
import { DEFAULT_LIMITS } from "../../src/registry/limits.ts";
import { Tickets } from "../../src/registry/mp2/tickets.ts";
import { MAX_NAMES_PER_KEY } from "../../src/roster/ledger.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import {
  joinMac,
  joinTranscript,
  registrationSecret,
  resumedSecrets,
} from "../../src/wire/mp2-resumption.ts";
import { ALPN_REGISTRY, type Fingerprint, type SessionId } from "../../src/wire/mp2-values.ts";
import { seededRandom } from "../support/stores.ts";

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
  const { mp2DatagramsPerAddress, mp2DatagramsInAll, newNamesPerAddress, asks } = DEFAULT_LIMITS;
  for (const bound of [mp2DatagramsPerAddress, mp2DatagramsInAll, newNamesPerAddress, asks])
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

test("the vector of a resumption: from two private keys and the secret to all that follows", () => {
  const [facts = "", ...rest] = (/^```resume\n([\s\S]*?)\n```/m.exec(DOCUMENT)?.[1] ?? "").split("\n");
  const said = JSON.parse(facts) as Readonly<Record<string, string>>;
  const bytes = (name: string) => new Uint8Array(Buffer.from(said[name] ?? "", "hex"));
  const hex = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString("hex");
  const secret = registrationSecret({
    toClient: new Uint8Array(32).fill(1),
    toRegistry: new Uint8Array(32).fill(2),
  });
  assert.equal(hex(secret), said.secret);
  const join = DISCOVERY_TO_REGISTRY.decode(new Uint8Array(Buffer.from(rest.join(""), "hex")));
  assert.ok(join.ok && join.value.type === "join" && join.value.resume !== undefined);
  const { resume } = join.value;
  const transcript = joinTranscript(join.value, resume);
  assert.equal(hex(transcript), said.transcript);
  assert.equal(hex(joinMac(secret, transcript)), hex(resume.mac));
  const [client, registry] = [x25519Pair(bytes("clientPrivate")), x25519Pair(bytes("registryPrivate"))];
  assert.equal(hex(client.share), hex(resume.share));
  const answer = /"type": "resumed".*\n([0-9a-f\n]+)\n```/.exec(DOCUMENT)?.[1]?.replaceAll("\n", "") ?? "";
  const resumed = DISCOVERY_TO_CLIENT.decode(new Uint8Array(Buffer.from(answer, "hex")));
  assert.ok(resumed.ok && resumed.value.type === "resumed");
  assert.equal(hex(registry.share), hex(resumed.value.share));
  for (const shared of [client.agree(registry.share), registry.agree(client.share)]) {
    assert.equal(hex(shared), said.shared);
    const secrets = resumedSecrets(secret, bytes("shared"), { transcript, mac: resume.mac }, resumed.value);
    assert.equal(hex(secrets.mac), hex(resumed.value.mac));
    const { toClient, toRegistry } = secrets.keys;
    assert.deepEqual([toClient, toRegistry, secrets.secret].map(hex), [
      said.toClient,
      said.toRegistry,
      said.next,
    ]);
  }
});

test("a ticket has the length and the life that the document says", () => {
  const tickets = new Tickets(seededRandom(1), (signed) => signed);
  const facts = { session: "5".repeat(32) as SessionId, fingerprint: "f".repeat(64) as Fingerprint };
  const ticket = tickets.make(0, { ...facts, secret: new Uint8Array(32) });
  assert.ok(DOCUMENT.includes(`ours has ${ticket.bytes.length} bytes`));
  assert.ok(DOCUMENT.includes(`| A ticket is good for | ${ticket.life.toLocaleString("en")} ms |`));
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
