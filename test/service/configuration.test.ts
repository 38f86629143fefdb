import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  CONFIGURATION_KEYS,
  changedKeys,
  parseConfiguration,
  readConfiguration,
  realmOfHost,
} from "../../src/service/configuration.ts";
import { settingReports } from "../../src/service/configuration-report.ts";
import { ConfigurationError } from "../../src/service/toml.ts";
import { temporaryDirectory } from "../control/harness.ts";

const parse = (text: string) => parseConfiguration(text, "x.toml");

test("every key is optional", () => {
  assert.deepEqual(parse(""), {
    control: { anyoneMayRead: false },
    network: {
      interfaces: [],
      port: 10_001,
      encapsulationPort: 9_899,
      legacy: true,
      realm: realmOfHost(hostname()),
    },
    log: { level: "info", format: "text" },
    metrics: { listen: undefined },
    presence: { heartbeatMillis: 1_000, lostAfterMillis: 2_800 },
    fromFile: new Set(),
  });
});

test("every key is read", () => {
  const text = `[network]
interfaces = ["eth0", "wlan0"]
port = 20001
encapsulation-port = 19899
legacy = false
realm = " ka\u0308fer "
[log]
level = "debug"
format = "json"
[metrics]
listen = "[::1]:9464"
[presence]
heartbeat = "500ms"
lost-after = "0.1m"
[control]
anyone-may-read = true`;
  assert.deepEqual(parse(text), {
    control: { anyoneMayRead: true },
    network: {
      interfaces: ["eth0", "wlan0"],
      port: 20_001,
      encapsulationPort: 19_899,
      legacy: false,
      realm: "käfer",
    },
    log: { level: "debug", format: "json" },
    metrics: { listen: { host: "::1", port: 9_464 } },
    presence: { heartbeatMillis: 500, lostAfterMillis: 6_000 },
    fromFile: new Set(CONFIGURATION_KEYS),
  });
  assert.deepEqual(changedKeys(parse(""), parse(text)).length, 11);
  assert.deepEqual(changedKeys(parse(text), parse(text)), []);
});

for (const [host, wanted] of [
  ["office", "office"],
  ["office.example.net", "office"],
  ["my host\u202e!", "myhost"],
  ["x".repeat(80), "x".repeat(64)],
  ["", "multiproto"],
  ["..", "multiproto"],
] as const) {
  test(`the realm of a host called ${JSON.stringify(host)} is ${wanted}`, () => {
    assert.equal(realmOfHost(host), wanted);
  });
}

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["[network]\nport = 1\nprot = 2", /^x\.toml, line 3: network\.prot: unknown key \(did you mean port\?\)$/],
  ["[netwrk]\nport = 1", /^x\.toml, line 1: netwrk: unknown section or key \(did you mean \[network\]\?\)$/],
  ["port = 1", /^x\.toml, line 1: port: unknown section or key/],
  ["\n[network]\nport = 70000", /^x\.toml, line 3: network\.port: wants a port number from 1 to 65535$/],
  ["[network]\nport = 1.5", /line 2: network\.port: wants a port number/],
  ["[network]\nlegacy = 'no'", /line 2: network\.legacy: wants true or false$/],
  [
    "[network]\ninterfaces = 'eth0'",
    /line 2: network\.interfaces: wants a list of interface names, as in \["eth0"\]$/,
  ],
  ["[network]\ninterfaces = ['e;rm']", /line 2: network\.interfaces: wants a list/],
  [
    "[network]\nrealm = 'two words'",
    /line 2: network\.realm: wants a name of 1 to 64 visible characters without/,
  ],
  ["[network]\nrealm = ''", /line 2: network\.realm: wants a name/],
  ["[network]\nrealm = 7", /line 2: network\.realm: wants a name/],
  ["[log]\nlevel = 'wran'", /line 2: log\.level: wants one of a few words \(did you mean warn\?\)$/],
  ...[
    "0.0.0.0:9464",
    "10.0.0.1:9464",
    "127.0.0.1",
    "127.0.0.256:1",
    "127.0.0.1:0",
    "127.0.0.1:70000",
    "m.sock",
    "/a b",
  ].map(
    (listen) =>
      [
        `[metrics]\nlisten = "${listen}"`,
        /line 2: metrics\.listen: wants an address of this machine/,
      ] as const,
  ),
  ["[presence]\nheartbeat = 5", /line 2: presence\.heartbeat: wants a duration from "200ms" to "60s"/],
  ["[presence]\nheartbeat = '1h'", /line 2: presence\.heartbeat: wants a duration/],
  [
    "[presence]\nheartbeat = '2s'\nlost-after = '3s'",
    /line 3: presence\.lost-after: lost-after must be at least twice/,
  ],
  ["[network\nport = 1", /^x\.toml, line \d+: /],
  ['[network]\n"\\u001b[2J" = 1', /\\x1b\[2J: unknown key/],
  ["__proto__ = 1", /unknown section or key/],
];

for (const [text, wanted] of REFUSED) {
  test(`refuses ${JSON.stringify(text)} with line and suggestion`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.match(error.message, wanted);
        return true;
      },
    );
  });
}

test("any text is either a configuration or refused in one escaped line", () => {
  const nearly = fc.array(
    fc.constantFrom("[network]", "port", "=", "1", "\n", '"', "[", "]", "{", "}", ".", "#", "\x1b", "log"),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        nearly.map((parts) => parts.join(" ")),
      ),
      (text) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof ConfigurationError, String(error));
          assert.doesNotMatch(error.message, /\p{Cc}/u);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test("a missing file means the defaults, unless it was asked for", () => {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-"));
  const file = join(directory, "multiproto.toml");
  assert.equal(readConfiguration(file, false).network.port, 10_001);
  assert.throws(() => readConfiguration(file, true), /multiproto\.toml: cannot be read: .*no such file/);
  writeFileSync(file, "# x\n".repeat(20_000));
  assert.throws(() => readConfiguration(file, false), /longer than 65536 bytes/);
});

test("all mistakes are told, in the order of the file, and the first in the error's own words", () => {
  const text = "[network]\nport = 0\nprot = 1\n[log]\nlevel = 'loud'\nformat = 'text'\n[netwrk]\n";
  assert.throws(
    () => parse(text),
    (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.message, /^x\.toml, line 2: network\.port: .* \(and 3 more mistakes\)$/);
      assert.deepEqual(
        error.mistakes.map(({ line, key }) => [line, key]),
        [
          [2, "network.port"],
          [3, "network.prot"],
          [5, "log.level"],
          [7, "netwrk"],
        ],
      );
      return true;
    },
  );
});

const HOSTILE: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ["8,000 unknown keys", `[network]\n${Array.from({ length: 8_000 }, (_, n) => `k${n}=1`).join("\n")}`, /k0/],
  ["a line of blanks behind a bracket", `x = """\n[${" ".repeat(60_000)}\n"""`, /line 1: x: unknown/],
  ["brackets within brackets", `x = ${"[".repeat(60_000)}`, /line \d+: /],
  ["a table in a table, over and over", `[${"a.".repeat(30_000)}a]`, /line|unknown/],
  ["a long key", `[network]\n${"k".repeat(60_000)} = 1`, /line 2: network\.k+…: unknown key/],
  ["zeros", new Uint8Array(60_000), /line 1: /],
  ["no UTF-8", Buffer.from("a = 1\nb = '\xff'\n", "latin1"), /line 2: not UTF-8 text$/],
  ["a mark of the byte order", "\ufeff[network]\nport = 1", /^$/],
];

for (const [what, content, wanted] of HOSTILE) {
  test(`a hostile file is read or refused, and soon: ${what}`, (context) => {
    const file = join(temporaryDirectory(context), "multiproto.toml");
    writeFileSync(file, content);
    const began = performance.now();
    let told = "";
    try {
      readConfiguration(file, true);
    } catch (error) {
      assert.ok(error instanceof ConfigurationError, String(error));
      assert.ok(error.mistakes.length <= 100);
      told = error.message;
    }
    assert.match(told, wanted);
    assert.ok(performance.now() - began < 5_000);
  });
}

test("what is no file is refused at once: a pipe, a directory, a device without an end", (context) => {
  const pipe = join(temporaryDirectory(context), "pipe");
  execFileSync("mkfifo", [pipe]);
  assert.throws(() => readConfiguration(pipe, true), /pipe: cannot be read: it is not a file$/);
  assert.throws(() => readConfiguration("/tmp", true), /\/tmp: cannot be read: /);
  assert.throws(() => readConfiguration("/dev/zero", true), /\/dev\/zero: is longer than 65536 bytes$/);
  assert.equal(readConfiguration("/dev/null", true).network.port, 10_001);
});

test("the report of what is in force has every setting, as the file would have it", () => {
  const configuration = parse(
    "[network]\nport = 7\n[metrics]\nlisten = '[::1]:9'\n[presence]\nheartbeat = '900ms'\n",
  );
  const reports = settingReports(configuration, "debug");
  assert.deepEqual(
    reports.map(({ key }) => key),
    CONFIGURATION_KEYS,
  );
  const of = (key: string) => reports.find((report) => report.key === key);
  assert.deepEqual(of("network.port"), { key: "network.port", value: 7, origin: "file" });
  assert.deepEqual(of("network.realm")?.value, realmOfHost(hostname()));
  assert.deepEqual(of("metrics.listen"), { key: "metrics.listen", value: "[::1]:9", origin: "file" });
  assert.deepEqual(of("presence.heartbeat")?.value, "900ms");
  assert.deepEqual(of("presence.lost-after"), {
    key: "presence.lost-after",
    value: "2.8s",
    origin: "default",
  });
  assert.deepEqual(of("log.level"), { key: "log.level", value: "debug", origin: "command" });
});
