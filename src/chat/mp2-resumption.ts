import type { Millis, Random } from "../base/clock.ts";
import { equalInConstantTime } from "../base/hash.ts";
import { X25519_BYTES, type X25519Pair, x25519Pair } from "../base/x25519.ts";
import { decodeFacts, type Join, type Resume, type Resumed } from "../wire/mp2-discovery.ts";
import { joinMac, joinTranscript, resumedSecrets } from "../wire/mp2-resumption.ts";
import type { Registration } from "./mp2-registration.ts";

/** A session that can go on without a handshake. It is in memory alone: whoever starts anew registers anew. */
export interface Resumable {
  /** As it began. */
  readonly registration: Registration;
  readonly ticket: Uint8Array;
  /** The ticket is good until then. */
  readonly until: Millis;
}

/** One try to go on: what the join says, and what may come of it. docs/protocol-mp2.md, "Resumption". */
export class Resumption {
  /** The same each time that the join is sent. */
  readonly resume: Resume;
  readonly #from: Registration;
  readonly #pair: X25519Pair;
  readonly #transcript: Uint8Array;

  constructor(random: Random, { registration, ticket }: Resumable, join: Omit<Join, "type" | "resume">) {
    this.#from = registration;
    this.#pair = x25519Pair(random.bytes(X25519_BYTES));
    const { share } = this.#pair;
    this.#transcript = joinTranscript(join, { ticket, share });
    this.resume = { ticket, share, mac: joinMac(registration.secret, this.#transcript) };
  }

  /** How the session goes on; undefined if the answer is not of the registry that we registered at, to this join. */
  accept({ share, facts, mac }: Resumed): Registration | undefined {
    const shared = this.#pair.agree(share);
    if (shared === undefined) return undefined;
    const said = { transcript: this.#transcript, mac: this.resume.mac };
    const secrets = resumedSecrets(this.#from.secret, shared, said, { share, facts });
    if (!equalInConstantTime(secrets.mac, mac)) return undefined;
    const decoded = decodeFacts(facts);
    if (!decoded.ok) return undefined;
    const { session, epoch, seq } = this.#from.registered;
    const registered = { type: "registered", session, epoch, seq, ...decoded.value } as const;
    const { keys, secret } = secrets;
    return { ...this.#from, keys, secret, registered, pages: "known" };
  }
}
