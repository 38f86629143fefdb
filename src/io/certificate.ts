import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { MisuseError } from "../base/errors.ts";
import { ed25519Fingerprint, type Identity } from "./identity.ts";

/** RFC 8410 §3. */
const ID_ED25519 = "1.3.101.112";
/** RFC 5280 §4.1.2.6: commonName. The same for everybody: a certificate tells nothing but its key. */
const ID_COMMON_NAME = "2.5.4.3";
const COMMON_NAME = "multiproto";

/** Nobody judges the dates; these make sure that nobody else's program can either. RFC 5280 §4.1.2.5: no expiry. */
const NOT_BEFORE = new Date(0);
const NOT_AFTER = new Date("9999-12-31T23:59:59Z");

/** RFC 5280 §4.1.2.2: a positive integer of at most 20 bytes. */
const SERIAL_BYTES = 16;

/**
 * A new key and its self-signed certificate (X.509 v3, no extensions). The key stays in node:crypto: the library puts
 * the certificate together, and what it made is held against OpenSSL's reading of it. The library is loaded here, by
 * the first start on a machine, and by no other.
 */
export async function generateIdentity(): Promise<Identity> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const certificate = new X509Certificate(await selfSigned(privateKey, publicKey));
  const fingerprint = ed25519Fingerprint(certificate);
  const isOurs = certificate.checkPrivateKey(privateKey) && certificate.verify(publicKey);
  if (fingerprint === undefined || !isOurs) throw new MisuseError("made a certificate that is not the key's");
  return { privateKey, certificate, fingerprint };
}

/** DER. */
async function selfSigned(privateKey: KeyObject, publicKey: KeyObject): Promise<Uint8Array> {
  const [asn1, pkijs] = await Promise.all([import("asn1js"), import("pkijs")]);
  const algorithm = () => new pkijs.AlgorithmIdentifier({ algorithmId: ID_ED25519 });
  const certificate = new pkijs.Certificate();
  certificate.version = 2; // RFC 5280 §4.1.2.1: v3
  certificate.serialNumber = new asn1.Integer({ valueHex: serialNumber() });
  certificate.signature = algorithm();
  certificate.signatureAlgorithm = algorithm();
  for (const name of [certificate.issuer, certificate.subject]) {
    const value = new asn1.Utf8String({ value: COMMON_NAME });
    name.typesAndValues.push(new pkijs.AttributeTypeAndValue({ type: ID_COMMON_NAME, value }));
  }
  // RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from then on.
  certificate.notBefore = new pkijs.Time({ type: pkijs.TimeType.UTCTime, value: NOT_BEFORE });
  certificate.notAfter = new pkijs.Time({ type: pkijs.TimeType.GeneralizedTime, value: NOT_AFTER });
  const spki = publicKey.export({ type: "spki", format: "der" });
  certificate.subjectPublicKeyInfo.fromSchema(asn1.fromBER(new Uint8Array(spki)).result);
  const signed = new Uint8Array(certificate.encodeTBS().toBER());
  certificate.signatureValue = new asn1.BitString({
    valueHex: new Uint8Array(sign(null, signed, privateKey)).buffer,
  });
  return new Uint8Array(certificate.toSchema(true).toBER());
}

function serialNumber(): ArrayBuffer {
  const bytes = new Uint8Array(randomBytes(SERIAL_BYTES));
  // Positive, and without a leading zero, which DER forbids.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.buffer;
}
