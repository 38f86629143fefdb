import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { ed25519Spki } from "../../src/base/ed25519.ts";
import { type Fingerprint, fingerprintOfSpki } from "../../src/base/fingerprint.ts";
import type { SeededRandom } from "../sctp/random.ts";

/** RFC 8410 §7: what stands before the 32 bytes of an Ed25519 private key. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** A key of its own for each node, drawn from the seed. */
export class NodeKey {
  readonly publicKey: Uint8Array;
  readonly fingerprint: Fingerprint;
  readonly #privateKey: KeyObject;

  constructor(random: SeededRandom) {
    const der = Buffer.concat([PKCS8_HEAD, random.bytes(32)]);
    this.#privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    const spki = createPublicKey(this.#privateKey).export({ format: "der", type: "spki" });
    this.publicKey = new Uint8Array(spki.subarray(-32));
    this.fingerprint = fingerprintOfSpki(ed25519Spki(this.publicKey));
  }

  readonly sign = (bytes: Uint8Array): Uint8Array => new Uint8Array(sign(null, bytes, this.#privateKey));
}
