import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../lab/command.ts";
import type { Owner } from "../support/until.ts";

/** Keys and certificates that OpenSSL makes: files, as its programs want them. */

export interface KeyFiles {
  readonly key: string;
  readonly certificate: string;
}

const SUBJECT = "/CN=multiproto";
/** What OpenSSL's small authority needs to sign with dates in the past. */
const AUTHORITY =
  "[ca]\ndefault_ca=own\n[own]\nnew_certs_dir=.\ndatabase=index\nrand_serial=yes\npolicy=any\n";
const POLICY = "[any]\ncommonName=supplied\n";

export class Certificates {
  readonly #directory: string;
  #made = 0;

  constructor(owner: Owner) {
    const directory = mkdtempSync(join(tmpdir(), "multiproto-attack-"));
    owner.after(() => rmSync(directory, { recursive: true, force: true }));
    this.#directory = directory;
  }

  async ed25519(): Promise<KeyFiles> {
    const files = this.#files();
    await this.#openssl("genpkey", "-algorithm", "ed25519", "-out", files.key);
    await this.#selfSign(files);
    return files;
  }

  async rsa(): Promise<KeyFiles> {
    const files = this.#files();
    await this.#openssl(
      "genpkey",
      "-algorithm",
      "rsa",
      "-pkeyopt",
      "rsa_keygen_bits:2048",
      "-out",
      files.key,
    );
    await this.#selfSign(files);
    return files;
  }

  /** Another certificate of the same key, which expired in 2001. */
  async expired({ key }: KeyFiles): Promise<KeyFiles> {
    const files = { ...this.#files(), key };
    const at = (name: string): string => join(this.#directory, name);
    writeFileSync(at("authority"), AUTHORITY + POLICY);
    writeFileSync(at("index"), "");
    await this.#openssl("req", "-new", "-key", key, "-subj", SUBJECT, "-out", at("request"));
    const dates = ["-startdate", "20000101000000Z", "-enddate", "20010101000000Z", "-md", "null"];
    const sign = ["ca", "-config", "authority", "-selfsign", "-keyfile", key, "-in", "request", "-batch"];
    await this.#openssl(...sign, "-notext", ...dates, "-out", files.certificate);
    return files;
  }

  #files(): KeyFiles {
    this.#made += 1;
    const at = (name: string): string => join(this.#directory, `${name}-${this.#made}.pem`);
    return { key: at("key"), certificate: at("certificate") };
  }

  #selfSign({ key, certificate }: KeyFiles): Promise<string> {
    return this.#openssl("req", "-x509", "-new", "-key", key, "-subj", SUBJECT, "-out", certificate);
  }

  #openssl(...args: readonly string[]): Promise<string> {
    return must(["openssl", ...args], { directory: this.#directory });
  }
}

/** As an identity file holds them. */
export function pemOf({ key, certificate }: KeyFiles): string {
  return readFileSync(key, "utf8") + readFileSync(certificate, "utf8");
}
