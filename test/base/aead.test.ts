import assert from "node:assert/strict";
import { test } from "node:test";
import { AEAD_TAG_BYTES, aeadOpen, aeadSeal } from "../../src/base/aead.ts";
import { encodeUtf8 } from "../../src/base/text.ts";

interface Vector {
  readonly source: string;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly text: string;
  readonly sealed: string;
  readonly tag: string;
}

const VECTORS: readonly Vector[] = [
  {
    source: "RFC 8439 §2.8.2",
    key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    nonce: "070000004041424344454647",
    aad: "50515253c0c1c2c3c4c5c6c7",
    text:
      "Ladies and Gentlemen of the class of '99: " +
      "If I could offer you only one tip for the future, sunscreen would be it.",
    sealed: `d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6 3dbea45e8ca9671282fafb69da92728b
      1a71de0a9e060b2905d6a5b67ecd3b36 92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
      3ff4def08e4b7a9de576d26586cec64b 6116`,
    tag: "1ae10b594f09e26a7e902ecbd0600691",
  },
  {
    source: "RFC 8439 appendix A.5",
    key: "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
    nonce: "000000000102030405060708",
    aad: "f33388860000000000004e91",
    text:
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or " +
      "obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference " +
      "material or to cite them other than as /“work in progress./”",
    sealed: `64a0861575861af460f062c79be643bd 5e805cfd345cf389f108670ac76c8cb2 4c6cfc18755d43eea09ee94e382d26b0
      bdb7b73c321b0100d4f03b7f355894cf 332f830e710b97ce98c8a84abd0b9481 14ad176e008d33bd60f982b1ff37c855
      9797a06ef4f0ef61c186324e2b350638 3606907b6a7c02b0f9f6157b53c867e4 b9166c767b804d46a59b5216cde7a4e9
      9040c5a40433225ee282a1b0a06c523e af4534d7f83fa1155b0047718cbc546a 0d072b04b3564eea1b422273f548271a
      0bb2316053fa76991955ebd63159434e cebb4e466dae5a1073a6727627097a10 49e617d91d361094fa68f0ff77987130
      305beaba2eda04df997b714d6c6f2c29 a6ad5cb4022b02709b`,
    tag: "eead9d67890cbb22392336fea1851f38",
  },
];

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

for (const { source, key, nonce, aad, text, sealed, tag } of VECTORS) {
  test(`${source}: sealed, opened, and no other bit opened`, () => {
    const expected = bytes(sealed + tag);
    const plain = encodeUtf8(text);
    const target = new Uint8Array(plain.length + AEAD_TAG_BYTES);
    aeadSeal(bytes(key), bytes(nonce), bytes(aad), plain, target);
    assert.deepEqual(target, expected);
    const opened = aeadOpen(bytes(key), bytes(nonce), bytes(aad), expected);
    assert.deepEqual(opened && new Uint8Array(opened), plain);
    for (let bit = 0; bit < expected.length * 8; bit += 1) {
      const other = expected.slice();
      other[bit >>> 3] = (other[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(aeadOpen(bytes(key), bytes(nonce), bytes(aad), other), undefined, `bit ${bit}`);
    }
    const otherAad = bytes(`${aad}00`);
    assert.equal(aeadOpen(bytes(key), bytes(nonce), otherAad, expected), undefined, "other AAD");
  });
}

test("what is shorter than a tag is nothing", () => {
  for (let length = 0; length < AEAD_TAG_BYTES; length += 1) {
    const opened = aeadOpen(
      new Uint8Array(32),
      new Uint8Array(12),
      new Uint8Array(3),
      new Uint8Array(length),
    );
    assert.equal(opened, undefined);
  }
});
