import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { test } from "node:test";

/**
 * The rooms of src and their one direction: base ← {sctp, wire, roster} ← {registry, peer, chat, doctor} ← {store, io,
 * control, service} ← {ctl, tui} ← bin. Every rule here carries its reason; a rule without one would be a habit.
 */

const SRC = resolve(import.meta.dirname, "../src");

const ROOMS: Readonly<Record<string, { readonly mayImport: readonly string[]; readonly reason: string }>> = {
  base: { mayImport: [], reason: "everything stands on it" },
  wire: { mayImport: ["base"], reason: "codecs know bytes, not who sends them" },
  sctp: { mayImport: ["base"], reason: "the endpoint would serve any program" },
  roster: { mayImport: ["base", "wire"], reason: "who is there, whatever the transport" },
  registry: {
    mayImport: ["base", "wire", "sctp", "roster"],
    reason: "pure; of sctp only the types of its API",
  },
  peer: { mayImport: ["base", "wire"], reason: "a chat session does not know the roster" },
  chat: { mayImport: ["base", "wire", "sctp", "roster", "peer"], reason: "the client without a face" },
  doctor: {
    mayImport: ["base", "wire"],
    reason: "judges what others have gathered; of wire the names of groups",
  },
  store: { mayImport: ["base", "wire", "roster", "chat"], reason: "back ends behind the cores' interfaces" },
  io: {
    mayImport: ["base", "wire", "sctp", "roster", "registry", "peer", "chat", "doctor"],
    reason: "runs the cores on real sockets, and gathers what a doctor judges",
  },
  control: {
    mayImport: ["base", "wire", "chat"],
    reason:
      "knows methods, not who implements them; of chat and wire the values that cross a presence's socket",
  },
  service: {
    mayImport: ["base", "wire", "sctp", "roster", "registry", "chat", "doctor", "store", "io", "control"],
    reason: "the life of the daemon and of a user's presence: it puts the shells together",
  },
  ctl: {
    mayImport: ["base", "control", "doctor"],
    reason:
      "the admin's program sees the registry only through the control plane, and shows what a doctor found",
  },
  tui: { mayImport: ["base", "wire", "chat", "io"], reason: "faces on the chat core and its shell" },
  bin: {
    mayImport: ["base", "wire", "sctp", "chat", "doctor", "store", "io", "control", "service", "ctl", "tui"],
    reason: "argv, wiring, exit code",
  },
};

/** Single imports across the direction of the rooms; each has to be one that happens when it is needed, `import("…")`. */
const WHEN_NEEDED: readonly { readonly from: string; readonly to: string; readonly reason: string }[] = [
  {
    from: "ctl/commands/config.ts",
    to: "service/configuration-check.ts",
    reason:
      "a configuration is checked before the registry has it, and where none runs: by the registry's own parser, in the same version. A multiprotod that is started to do it would be another one in a checkout or while an upgrade is under way",
  },
  {
    from: "ctl/commands/doctor.ts",
    to: "service/registry-doctor.ts",
    reason:
      "a doctor looks at the machine where the control plane cannot: when no registry runs. All other commands do without sockets, SQLite and child processes, and do not load them",
  },
];

const CORES = ["base", "wire", "sctp", "roster", "registry", "peer", "chat", "doctor"];

/** What a core must not touch, since a test could not steer it. */
const BANNED_IN_CORES: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, reason: "time comes in as `now`" },
  { pattern: /\bperformance\.now\(/, reason: "time comes in as `now`" },
  {
    pattern: /\bset(Timeout|Interval|Immediate)\(|\bqueueMicrotask\(/,
    reason: "deadlines are named entries of a table",
  },
  { pattern: /\bMath\.random\(|\brandomBytes\(|\brandomInt\(/, reason: "randomness comes in as `Random`" },
  { pattern: /\bprocess\.(?!env\b)/, reason: "a core has no process" },
];

/** npm packages, and the only places that may import them. */
const PACKAGES: Readonly<Record<string, { readonly only: RegExp; readonly reason: string }>> = {
  sctp: { only: /^sctp\//, reason: "frozen and fragile: nothing else may see it" },
  "node-ipc": { only: /^control\//, reason: "its history: behind one door" },
  "systemd-notify": { only: /^service\/notify\.ts$/, reason: "one place talks to the service manager" },
  pino: { only: /^service\/log\.ts$/, reason: "one place formats log lines" },
  "raw-socket": { only: /^io\/sctp-raw\.ts$/, reason: "native and optional" },
  "smol-toml": { only: /^service\/toml\.ts$/, reason: "one place reads configuration files" },
  "prom-client": { only: /^service\/metrics\.ts$/, reason: "loaded lazily, when somebody asks for metrics" },
  cborg: { only: /^wire\/mp2-cbor\.ts$/, reason: "one place decides which CBOR is ours" },
  pkijs: {
    only: /^io\/certificate\.ts$/,
    reason: "loaded lazily, to make a certificate and for nothing else",
  },
  asn1js: { only: /^io\/certificate\.ts$/, reason: "the values that pkijs is built of" },
  ink: { only: /^tui\/.*\.tsx$/, reason: "views alone know what draws them" },
  react: { only: /^tui\/.*\.tsx$/, reason: "views alone know what draws them" },
  "string-width": { only: /^tui\/width\.ts$/, reason: "one place counts columns, as ink does" },
  commander: { only: /^(bin|ctl)\//, reason: "argv ends where programs begin" },
};

interface Source {
  readonly path: string;
  readonly room: string;
  readonly code: string;
  readonly imports: readonly string[];
}

const SOURCES: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts"))
  .map((path) => {
    const code = readFileSync(join(SRC, path), "utf8");
    const statements =
      /^(?:import|export)\b[^;"=(]*?\bfrom\s*"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
    const imports = [...code.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
    return { path, room: path.split("/")[0] ?? "", code: withoutComments(code), imports };
  });

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

test("the check sees the sources", () => {
  assert.ok(SOURCES.length > 50, `${SOURCES.length} files`);
  assert.ok(SOURCES.flatMap((source) => source.imports).length > 200);
  for (const room of Object.keys(ROOMS))
    assert.ok(
      SOURCES.some((source) => source.room === room),
      `no file in ${room}`,
    );
});

test("every file stands in a room", () => {
  for (const { path, room } of SOURCES) assert.ok(room in ROOMS, `${path} is in no known room`);
});

test("rooms import only to the left", () => {
  for (const { path, room, imports } of SOURCES) {
    for (const target of imports.filter((name) => name.startsWith("."))) {
      const file = relative(SRC, resolve(join(SRC, path), "..", target));
      const other = file.split("/")[0] ?? "";
      const rule = ROOMS[room];
      const isExcepted = WHEN_NEEDED.some(({ from, to }) => from === path && to === file);
      const allowed = other === room || rule?.mayImport.includes(other) || isExcepted;
      assert.ok(
        allowed,
        `${path} imports ${target}: ${room} may import ${rule?.mayImport.join(", ")} (${rule?.reason})`,
      );
    }
  }
});

test("what crosses the direction of the rooms is loaded when it is needed, by nobody else, and really is", () => {
  for (const { from, to, reason } of WHEN_NEEDED) {
    const { code = "", path = "" } = SOURCES.find((source) => source.path === from) ?? {};
    const target = relative(resolve(path, ".."), to);
    assert.ok(code.includes(`await import("${target}")`), `${from} does not load ${to}: ${reason}`);
    const ahead = code.split("\n").filter((line) => /^import (?!type\b)/.test(line) && line.includes(target));
    assert.deepEqual(ahead, [], reason);
  }
});

test("cores read no clock, set no timer, roll no dice", () => {
  for (const { path, room, code } of SOURCES.filter((source) => CORES.includes(source.room))) {
    for (const { pattern, reason } of BANNED_IN_CORES) {
      assert.doesNotMatch(code, pattern, `${path} is in the core ${room}: ${reason}`);
    }
  }
});

/** The pure parts of node:crypto: same input, same output. */
const CRYPTO_IN_CORES = ["base/hash.ts", "base/aead.ts", "base/ed25519.ts", "base/x25519.ts"];

test("cores import no part of Node but pure cryptography, and that through base", () => {
  for (const { path, imports } of SOURCES.filter((source) => CORES.includes(source.room))) {
    for (const name of imports.filter((target) => target.startsWith("node:"))) {
      const allowed = CRYPTO_IN_CORES.includes(path) && name === "node:crypto";
      assert.ok(allowed, `${path} imports ${name}: a core does no I/O`);
    }
  }
});

test("SQLite is known to one back end", () => {
  const users = SOURCES.filter(({ imports }) => imports.includes("node:sqlite")).map(({ path }) => path);
  assert.ok(users.length > 0);
  for (const path of users)
    assert.match(path, /^store\/sqlite/, `${path}: all others see the store interface`);
});

test("stores wait for nothing and read no clock", () => {
  const reason = "when to write is the ledger's decision, and its tests move the clock";
  for (const { path, code } of SOURCES.filter(({ room }) => room === "store")) {
    const pattern = /\basync\b|\bset(Timeout|Interval|Immediate)\(|\bDate\.now\(|\bperformance\./;
    assert.doesNotMatch(code, pattern, `${path}: ${reason}`);
  }
});

test("timers are set only by shells", () => {
  const shells = /^(io|control|service|ctl|tui|bin)\//;
  for (const { path, code } of SOURCES) {
    if (/\bset(Timeout|Interval)\(/.test(code)) assert.match(path, shells, `${path} sets a timer`);
  }
});

test("each package is imported where it belongs, and really is", () => {
  for (const [name, { only, reason }] of Object.entries(PACKAGES)) {
    const users = SOURCES.filter(({ imports }) =>
      imports.some((target) => target === name || target.startsWith(`${name}/`)),
    );
    assert.ok(users.length > 0, `${name} is not used`);
    for (const { path } of users) assert.match(path, only, `${path} imports ${name}: ${reason}`);
  }
});

test("views are loaded by the full-screen face alone, when it starts", () => {
  for (const { path, code } of SOURCES) {
    if (/^import (?!type\b)[^;]*\.tsx"/m.test(code))
      assert.match(path, /\.tsx$/, `${path} loads ink at its start`);
    if (/\bimport\("[^"]*\.tsx"\)/.test(code)) assert.equal(path, "tui/screen-face.ts");
  }
});

test("JSX stands in views alone", () => {
  const views = SOURCES.filter(({ path }) => path.endsWith(".tsx"));
  assert.ok(views.length > 0);
  for (const { path } of views) assert.match(path, /^tui\//, `${path}: only src/tui has views`);
});

test("no other package is imported at all", () => {
  for (const { path, imports } of SOURCES) {
    for (const target of imports.filter((name) => !name.startsWith(".") && !name.startsWith("node:"))) {
      const name = target.startsWith("@")
        ? target.split("/").slice(0, 2).join("/")
        : (target.split("/")[0] ?? "");
      assert.ok(
        name in PACKAGES,
        `${path} imports ${target}: say in test/architecture.test.ts where and why`,
      );
    }
  }
});
