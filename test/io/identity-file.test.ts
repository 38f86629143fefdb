import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { errorCode, SystemError } from "../../src/base/errors.ts";
import { fingerprintOfSpki } from "../../src/base/fingerprint.ts";
import { openIdentity, readIdentity } from "../../src/io/identity-file.ts";
import { type Owner, within } from "../support/until.ts";

const SOURCE = resolve(import.meta.dirname, "../../src/io/identity-file.ts");

function directory(owner: Owner): string {
  const path = mkdtempSync(join(tmpdir(), "multiproto-identity-"));
  owner.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("the first start makes an identity, the second has the same one", async (context) => {
  const path = join(directory(context), "state", "identity.pem");
  assert.equal(readIdentity(path), undefined);
  const made = await openIdentity(path);
  const read = await openIdentity(path);
  assert.equal(read.fingerprint, made.fingerprint);
  assert.ok(read.certificate.checkPrivateKey(made.privateKey));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(join(path, "..")), ["identity.pem"]);
});

test("openssl agrees about key, dates, signature and fingerprint", async (context) => {
  const path = join(directory(context), "identity.pem");
  const { fingerprint } = await openIdentity(path);
  const openssl = (...options: string[]) =>
    execFileSync("openssl", options, { stdio: ["ignore", "pipe", "pipe"] });
  const shown = String(openssl("x509", "-in", path, "-noout", "-text"));
  assert.match(
    shown,
    /Version: 3[\s\S]*ED25519[\s\S]*Jan {2}1 00:00:00 1970 GMT[\s\S]*Dec 31 23:59:59 9999 GMT/,
  );
  assert.match(String(openssl("verify", "-check_ss_sig", "-CAfile", path, path)), /: OK/);
  const spki = openssl("pkey", "-in", path, "-pubout", "-outform", "DER");
  assert.equal(fingerprintOfSpki(spki), fingerprint);
});

test("50 processes that create it at the same moment end with one identity", async (context) => {
  const path = join(directory(context), "state", "identity.pem");
  const program = `
    const { openIdentity } = await import(${JSON.stringify(SOURCE)});
    process.once("message", async () => process.send((await openIdentity(process.argv[1])).fingerprint));
    process.send("ready");`;
  const starters = Array.from({ length: 50 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", program, path], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    }),
  );
  context.after(() => starters.forEach((child) => void child.kill("SIGKILL")));
  const said = () => Promise.all(starters.map(async (child) => (await once(child, "message"))[0]));
  await within("50 processes", said(), 60_000);
  const answers = said();
  for (const child of starters) child.send("go");
  const fingerprints = await within("50 identities", answers, 60_000);
  assert.deepEqual(new Set(fingerprints), new Set([readIdentity(path)?.fingerprint]));
  assert.deepEqual(readdirSync(join(path, "..")), ["identity.pem"]);
});

/** Opening must fail with `code` and leave the file alone. */
async function refused(path: string, code: string, pattern: RegExp): Promise<void> {
  const before = statSync(path);
  await assert.rejects(openIdentity(path), (error) => {
    assert.ok(error instanceof SystemError);
    assert.equal(errorCode(error), code);
    assert.match(error.message, /^Cannot use the identity file .*; it was left as it is \(.+\)$/s);
    assert.match(error.message, pattern);
    return true;
  });
  const after = statSync(path);
  assert.deepEqual(
    [after.mtimeMs, after.size, after.mode, after.ino],
    [before.mtimeMs, before.size, before.mode, before.ino],
  );
}

test("damaged files are named, explained and left alone", async (context) => {
  const place = directory(context);
  const path = join(place, "good.pem");
  await openIdentity(path);
  const good = readFileSync(path, "utf8");
  await openIdentity(join(place, "other.pem"));
  const certificate = readFileSync(join(place, "other.pem"), "utf8").replace(
    /^[\s\S]*?(?=-----BEGIN CERT)/,
    "",
  );
  const rsa = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    "/CN=a",
    "-keyout",
    "-",
    "-out",
    "-",
  ];
  const damaged: readonly (readonly [string, string, RegExp])[] = [
    ["empty", "", /not one key and one certificate/],
    ["garbage", "\x1b]0;garbage\x07".repeat(50), /not one key and one certificate/],
    ["cut", good.slice(0, -40), /not one key and one certificate/],
    ["a line lost", good.replace(/\n[^\n-]+\n-----END CERT/, "\n-----END CERT"), /damaged/],
    ["two keys", good + good, /not one key/],
    ["text around", `my key\n${good}`, /not one key/],
    ["another's certificate", good.replace(/-----BEGIN CERT[\s\S]*/, certificate), /do not belong together/],
    [
      "RSA",
      execFileSync("openssl", rsa, { stdio: ["ignore", "pipe", "ignore"] }).toString(),
      /not an Ed25519 key/,
    ],
  ];
  for (const [name, content, pattern] of damaged) {
    const file = join(place, `${name}.pem`);
    writeFileSync(file, content, { mode: 0o600 });
    await refused(file, "EDAMAGED", pattern);
  }
  // Any one byte lost or changed: an error or, where nothing that counts was hit, the same identity.
  const own = readIdentity(path)?.fingerprint;
  for (let at = 0; at < good.length; at += 1) {
    const file = join(place, "changed.pem");
    writeFileSync(file, `${good.slice(0, at)}${good[at] === "A" ? "B" : "A"}${good.slice(at + 1)}`, {
      mode: 0o600,
    });
    try {
      assert.equal(readIdentity(file)?.fingerprint, own);
    } catch (error) {
      assert.equal(errorCode(error), "EDAMAGED", `byte ${at}: ${error}`);
    }
  }
});

test("files that others may touch are refused", async (context) => {
  const path = join(directory(context), "identity.pem");
  await openIdentity(path);
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    chmodSync(path, mode);
    await refused(path, "EMODE", /other users may read or write it \(mode 06[0-9]+\).*chmod 600/);
  }
  chmodSync(path, 0o600);
  await openIdentity(path);
  if (process.geteuid?.() !== 0) return;
  chownSync(path, 12_345, 12_345);
  await refused(path, "EOWNER", /belongs to user 12345, not to user 0/);
});

test("what is no file, or too large a one, is refused without hanging", async (context) => {
  const place = directory(context);
  const path = join(place, "identity.pem");
  mkdirSync(path);
  await refused(path, "ENOTFILE", /not a regular file/);
  const fifo = join(place, "fifo");
  execFileSync("mkfifo", ["-m", "600", fifo]);
  await refused(fifo, "ENOTFILE", /not a regular file/);
  const large = join(place, "large");
  writeFileSync(large, "A".repeat(1_000_000), { mode: 0o600 });
  await refused(large, "ETOOLARGE", /1000000 bytes/);
});

test("a place where nothing can be created is an error with the way out", async (context) => {
  const place = directory(context);
  symlinkSync(join(place, "nowhere", "x"), join(place, "dangling"));
  await assert.rejects(openIdentity(join(place, "dangling")), /identity file .*dangling/);
  await assert.rejects(
    openIdentity("/proc/multiproto/identity.pem"),
    /^SystemError: Cannot create the identity file \/proc/,
  );
  writeFileSync(join(place, "file"), "");
  await assert.rejects(
    openIdentity(join(place, "file", "identity.pem")),
    /Cannot use the identity file .*ENOTDIR/,
  );
});

test("who reads an identity does not load the library that makes one", async (context) => {
  const path = join(directory(context), "identity.pem");
  await openIdentity(path);
  const program = `
    const { registerHooks } = await import("node:module");
    registerHooks({ resolve: (name, from, next) => (console.log(name), next(name, from)) });
    const { openIdentity } = await import(${JSON.stringify(SOURCE)});
    await openIdentity(process.argv[1]);`;
  const loaded = String(execFileSync(process.execPath, ["--input-type=module", "-e", program, path]));
  assert.match(loaded, /certificate\.ts/);
  assert.doesNotMatch(loaded, /pkijs|asn1js/);
});
