import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  changedKeys,
  parseConfiguration,
  readConfiguration,
  realmOfHost,
} from "../../src/service/configuration.ts";
import { ConfigurationError } from "../../src/service/toml.ts";

const parse = (text: string) => parseConfiguration(text, "x.toml");

test("every key is optional", () => {
  assert.deepEqual(parse(""), {
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
lost-after = "0.1m"`;
  assert.deepEqual(parse(text), {
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
  });
  assert.deepEqual(changedKeys(parse(""), parse(text)).length, 10);
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
  assert.throws(() => readConfiguration(file, true), /Cannot read .*ENOENT/);
  writeFileSync(file, "# x\n".repeat(20_000));
  assert.throws(() => readConfiguration(file, false), /longer than 65536 bytes/);
});
