import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ed25519Spki, verifyEd25519 } from "../../src/base/ed25519.ts";
import { fingerprintOfSpki } from "../../src/base/fingerprint.ts";
import { encodeHello, parseHello } from "../../src/wire/mp1-discovery.ts";
import {
  decodeAnnouncement,
  encodeAnnouncement,
  looksLikeAnnouncement,
  signedBytes,
} from "../../src/wire/mp2-announcement.ts";
import { type CborValue, encodeCbor } from "../../src/wire/mp2-cbor.ts";
import {
  DATAGRAM_BYTES,
  DATAGRAM_PREFIX,
  DISCOVERY_TO_CLIENT,
  DISCOVERY_TO_REGISTRY,
  isMp2Datagram,
} from "../../src/wire/mp2-discovery.ts";
import type { Epoch, Fingerprint, Nonce, Realm } from "../../src/wire/mp2-values.ts";
import { announcement, join } from "./mp2-arbitraries.ts";

const NONCE = Uint8Array.from({ length: 16 }, (_, at) => at) as Nonce;
const FINGERPRINT = "ab".repeat(32) as Fingerprint;
const HELLO = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: NONCE });

/** The key of RFC 8032 §7.1, test 1. */
const PRIVATE: KeyObject = createPrivateKey({
  key: Buffer.from(
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "hex",
  ),
  format: "der",
  type: "pkcs8",
});
const PUBLIC = new Uint8Array(
  Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex"),
);
const signer = (bytes: Uint8Array): Uint8Array => new Uint8Array(sign(null, bytes, PRIVATE));

const fingerprintOf = (publicKey: Uint8Array) => fingerprintOfSpki(ed25519Spki(publicKey));

test("a hello is exactly 512 bytes, begins with mp2 and its version, and is padded with zeros", () => {
  assert.equal(HELLO.length, DATAGRAM_BYTES);
  assert.equal(DATAGRAM_BYTES, 512);
  const start = `6d703201 a3 0001 0150${Buffer.from(NONCE).toString("hex")} 0f5901e3`.replaceAll(" ", "");
  assert.equal(Buffer.from(HELLO).toString("hex"), start + "00".repeat(483));
});

test("a hello of another length is refused, and one that says more in the same length is taken", () => {
  const padded = (bytes: number, more: [number, CborValue][]): Uint8Array => {
    const fields: [number, CborValue][] = [[0, 1], [1, NONCE], ...more, [15, new Uint8Array(bytes)]];
    return Buffer.concat([DATAGRAM_PREFIX, encodeCbor(new Map(fields))]);
  };
  assert.deepEqual(DISCOVERY_TO_REGISTRY.decode(padded(483, [])), {
    ok: true,
    value: { type: "hello", nonce: NONCE },
  });
  assert.deepEqual(DISCOVERY_TO_REGISTRY.decode(padded(478, [[9, "abc"]])), {
    ok: true,
    value: { type: "hello", nonce: NONCE },
  });
  assert.deepEqual(DISCOVERY_TO_REGISTRY.decode(padded(482, [])), { ok: false, reason: "bad-length" });
  assert.deepEqual(DISCOVERY_TO_REGISTRY.decode(padded(484, [])), { ok: false, reason: "too-long" });
});

test("no answer is longer than what it answers", () => {
  const check = fc.property(
    join,
    fc.constantFrom("refused", "timeout", "unreachable", "tls", "other"),
    (value, reason) => {
      const request = DISCOVERY_TO_REGISTRY.encode(value);
      const { nonce, fingerprint, cookie } = value;
      const answer = DISCOVERY_TO_CLIENT.encode({ type: "cookie", nonce, fingerprint, cookie });
      assert.ok(answer.length <= DATAGRAM_BYTES);
      const blocked = DISCOVERY_TO_CLIENT.encode({ type: "blocked", cookie, port: 65_534, reason });
      assert.ok(blocked.length < request.length, `${blocked.length} < ${request.length}`);
    },
  );
  fc.assert(check);
});

test("mp1 and mp2 tell each other's datagrams apart, and versions of mp2", () => {
  assert.equal(parseHello(HELLO), undefined);
  for (const client of ["original", "own"] as const) {
    const mp1 = encodeHello({ client });
    assert.ok(!isMp2Datagram(mp1));
    assert.deepEqual(DISCOVERY_TO_REGISTRY.decode(mp1), { ok: false, reason: "bad-prefix" });
  }
  const later = Uint8Array.from(HELLO);
  later[3] = 2;
  assert.ok(isMp2Datagram(later) && isMp2Datagram(HELLO));
  assert.deepEqual(DISCOVERY_TO_REGISTRY.decode(later), { ok: false, reason: "bad-prefix" });
  assert.ok(!isMp2Datagram(Buffer.from("mp3\x01")));
  for (let length = 0; length < 4; length += 1) assert.ok(!isMp2Datagram(HELLO.subarray(0, length)));
});

test("a message thrown back at its sender is none", () => {
  const cookie = DISCOVERY_TO_CLIENT.encode({
    type: "cookie",
    nonce: NONCE,
    fingerprint: FINGERPRINT,
    cookie: new Uint8Array(32),
  });
  assert.deepEqual(DISCOVERY_TO_REGISTRY.decode(cookie), { ok: false, reason: "unknown-type" });
  assert.deepEqual(DISCOVERY_TO_CLIENT.decode(HELLO), { ok: false, reason: "unknown-type" });
});

test("announcements come back with whose they are, within a datagram", () => {
  const check = fc.property(announcement, (value) => {
    const bytes = encodeAnnouncement(value, PUBLIC, signer);
    assert.ok(bytes.length <= DATAGRAM_BYTES);
    const fingerprint = fingerprintOf(PUBLIC);
    const decoded = decodeAnnouncement(Buffer.from(bytes));
    assert.deepEqual(decoded, { ok: true, value: { announcement: value, publicKey: PUBLIC, fingerprint } });
  });
  fc.assert(check);
});

const BEACON = {
  type: "beacon",
  epoch: "0011223344556677" as Epoch,
  seq: 7,
  realm: "office" as Realm,
  sent: 1_764_000_000_000,
} as const;

test("first bytes tell announcements from what clients say to the group", () => {
  fc.assert(
    fc.property(announcement, (value) => looksLikeAnnouncement(encodeAnnouncement(value, PUBLIC, signer))),
  );
  assert.equal(looksLikeAnnouncement(HELLO), false);
  for (const bytes of [new Uint8Array(), DATAGRAM_PREFIX]) assert.equal(looksLikeAnnouncement(bytes), false);
});

test("an announcement with any bit changed is refused", () => {
  const bytes = encodeAnnouncement(BEACON, PUBLIC, signer);
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const changed = Uint8Array.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.ok(!decodeAnnouncement(changed).ok, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 1)
    assert.ok(!decodeAnnouncement(bytes.subarray(0, length)).ok);
});

test("what is signed is a label that names the type, a zero byte, and the body's bytes", () => {
  assert.equal(
    Buffer.from(signedBytes("beacon", Uint8Array.of(0xa0))).toString("latin1"),
    "multiproto mp2 beacon\0\xa0",
  );
  assert.equal(
    Buffer.from(signedBytes("bye", Uint8Array.of(0xa0))).toString("latin1"),
    "multiproto mp2 bye\0\xa0",
  );
});

test("a signature counts for its own type only", () => {
  // A bye made of a beacon's body and signature.
  const body = encodeCbor(
    new Map<number, CborValue>([
      [1, new Uint8Array(8)],
      [2, 7],
      [3, 1],
      [4, 1],
    ]),
  );
  const bye = (signature: Uint8Array): Uint8Array =>
    Buffer.concat([
      DATAGRAM_PREFIX,
      encodeCbor(
        new Map<number, CborValue>([
          [0, 6],
          [1, body],
          [2, PUBLIC],
          [3, signature],
        ]),
      ),
    ]);
  assert.ok(decodeAnnouncement(bye(signer(signedBytes("bye", body)))).ok);
  assert.deepEqual(decodeAnnouncement(bye(signer(signedBytes("beacon", body)))), {
    ok: false,
    reason: "bad-signature",
  });
});

test("the verifier may refuse keys that nobody waits for", () => {
  const bytes = encodeAnnouncement(BEACON, PUBLIC, signer);
  const asked: string[] = [];
  const decoded = decodeAnnouncement(bytes, (publicKey) => {
    asked.push(fingerprintOf(publicKey));
    return false;
  });
  assert.deepEqual(decoded, { ok: false, reason: "bad-signature" });
  assert.deepEqual(asked, [fingerprintOf(PUBLIC)]);
});

test("Ed25519: RFC 8032's vector holds, the SPKI is Node's, nonsense is no signature", () => {
  const empty = new Uint8Array();
  const signature = signer(empty);
  assert.equal(
    Buffer.from(signature).toString("hex"),
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
  assert.ok(verifyEd25519(PUBLIC, empty, signature));
  assert.ok(!verifyEd25519(PUBLIC, Uint8Array.of(0), signature));
  assert.ok(!verifyEd25519(PUBLIC, empty, signature.subarray(1)));
  assert.ok(!verifyEd25519(PUBLIC.subarray(1), empty, signature));
  const spki = createPublicKey(PRIVATE).export({ format: "der", type: "spki" });
  assert.deepEqual(Buffer.from(ed25519Spki(PUBLIC)), spki);
  const nonsense = fc.property(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.uint8Array({ minLength: 64, maxLength: 64 }),
    (key, bad) => assert.ok(!verifyEd25519(key, Uint8Array.of(1), bad)),
  );
  fc.assert(nonsense);
});
