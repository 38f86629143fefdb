import type { Millis } from "../../base/clock.ts";
import { durationText } from "../../base/text.ts";
import { KeyedBuckets } from "../../base/tokens.ts";
import type { Ledger, Verdict } from "../../roster/ledger.ts";
import { type Entry, entryKey, type Roster } from "../../roster/roster.ts";
import type { Binding } from "../../roster/store.ts";
import type { Holder, Refused, Register } from "../../wire/mp2-registration.ts";
import { type Address, canonicalAddress, type Fingerprint, type Notice } from "../../wire/mp2-values.ts";
import { type Nickname, numberedNickname } from "../../wire/nickname.ts";
import type { RegistryLimits } from "../limits.ts";
import type { Strain } from "../settings.ts";
import { noticeOf } from "./notice.ts";
import type { Sessions } from "./sessions.ts";

/** Who wants to be known by which name, from where. */
export interface Candidate {
  readonly fingerprint: Fingerprint;
  readonly address: Address;
  readonly port: number;
  readonly register: Register;
}

/** What may become of it. */
export type Admission =
  | { readonly verdict: "refused"; readonly refusal: Refused }
  /** The name is the key's as soon as that is durable. */
  | { readonly verdict: "bound"; readonly binding: Exclude<Verdict, { verdict: "taken" }> };

/** All rules of who gets a name over mp2 stand here, and the bounds of how many may. Changes the ledger, nothing else. */
export class Admissions {
  readonly #limits: RegistryLimits;
  readonly #roster: Roster;
  readonly #ledger: Ledger;
  readonly #sessions: Sessions;
  readonly #newNames: KeyedBuckets;
  readonly #strain: () => Strain | undefined;

  constructor(options: {
    readonly limits: RegistryLimits;
    readonly roster: Roster;
    readonly ledger: Ledger;
    readonly sessions: Sessions;
    readonly strain: () => Strain | undefined;
  }) {
    this.#limits = options.limits;
    this.#roster = options.roster;
    this.#ledger = options.ledger;
    this.#sessions = options.sessions;
    this.#strain = options.strain;
    this.#newNames = new KeyedBuckets(options.limits.newNamesPerAddress, options.limits.maxAddresses);
  }

  /** `wall`: the time that a binding carries. */
  judge(now: Millis, wall: number, candidate: Candidate): Admission {
    const { fingerprint, address, register } = candidate;
    const refusal =
      this.refusalOfKey(fingerprint) ??
      this.#isHeld(candidate) ??
      this.#isStrained(candidate) ??
      this.#isTooMany(now, candidate);
    if (refusal !== undefined) return { verdict: "refused", refusal };
    const binding = this.#ledger.bind(register.nick, fingerprint, wall, now);
    if (binding.verdict === "taken") {
      return {
        verdict: "refused",
        refusal: this.#taken(register.nick, this.#ownerOf(binding.holder), address),
      };
    }
    return { verdict: "bound", binding };
  }

  /** Whether the key is banned. */
  refusalOfKey(fingerprint: Fingerprint): Refused | undefined {
    const ban = this.#ledger.banOf(fingerprint);
    if (ban === undefined) return undefined;
    return refused("banned", ban.reason === "" ? "The admin has banned this key" : `Banned: ${ban.reason}`);
  }

  /** Why the binding was not made: the store, or a bound of it. */
  refusalOfStore(text: string): Refused {
    return refused(this.#ledger.trouble === undefined ? "too-many" : "storage", text);
  }

  /** Somebody else is there under that name whom the ledger does not know: over mp1, or forgotten by the admin. */
  #isHeld({ fingerprint, address, port, register }: Candidate): Refused | undefined {
    const holder = this.#roster.holderOf(register.nick);
    if (holder === undefined || holder.presence.state === "offline") return undefined;
    if (holder.profile?.fingerprint === fingerprint || holder.key === entryKey(address, port))
      return undefined;
    return this.#taken(register.nick, holderOf(holder), address);
  }

  /** Who is here, or was before a restart and comes back, however late, takes nothing that was not there already. */
  #isStrained({ fingerprint }: Candidate): Refused | undefined {
    const strain = this.#strain();
    if (strain === undefined || this.#sessions.of(fingerprint) !== undefined) return undefined;
    const presence = this.#roster.withFingerprint(fingerprint)?.presence;
    if (presence?.state === "returning") return undefined;
    if (presence?.state === "offline" && presence.reason === "registry-restart-expired") return undefined;
    return { ...refused("registry-full", strain.text), retryIn: strain.retryIn };
  }

  #isTooMany(now: Millis, { fingerprint, address, register }: Candidate): Refused | undefined {
    if (this.#sessions.of(fingerprint) === undefined) {
      const { maxSessionsPerAddress } = this.#limits;
      if (this.#sessions.countAt(address) >= maxSessionsPerAddress) {
        return refused(
          "too-many",
          `${maxSessionsPerAddress} clients of ${address} are here, which is the limit`,
        );
      }
    }
    const isNew = this.#ledger.holderOf(register.nick) === undefined;
    if (!isNew || this.#newNames.take(address, now)) return undefined;
    const retryIn = 1_000 / this.#limits.newNamesPerAddress.perSecond;
    const text = `Too many new nicknames from ${address}: try again in ${durationText(retryIn)}`;
    return { ...refused("too-many", text), retryIn: Math.ceil(retryIn) };
  }

  #taken(nick: Nickname, holder: Holder, from: Address): Refused {
    const suggestion = numberedNickname(nick, (candidate) => {
      const entry = this.#roster.holderOf(candidate);
      const isFree = entry === undefined || entry.presence.state === "offline";
      return isFree && this.#ledger.holderOf(candidate) === undefined;
    });
    const at = holder.address === undefined || holder.address === from ? "" : ` at ${holder.address}`;
    const who = holder.fingerprint === undefined ? `a client without key${at}` : `another key${at}`;
    return {
      ...refused("nick-taken", `${nick} belongs to ${who}; ${suggestion} is free`),
      holder,
      suggestion,
    };
  }

  /** Where the owner of a name is, or was last, as far as the roster knows. */
  #ownerOf({ fingerprint }: Binding): Holder {
    const entry = this.#roster.withFingerprint(fingerprint);
    return entry === undefined ? { fingerprint } : { ...holderOf(entry), fingerprint };
  }
}

function holderOf({ address, profile }: Entry): Holder {
  const canonical = canonicalAddress(address);
  return {
    ...(profile === undefined ? {} : { fingerprint: profile.fingerprint }),
    ...(canonical === undefined ? {} : { address: canonical }),
  };
}

export function refused(code: Refused["code"], text: string): Refused {
  return { type: "refused", code, text: noticeOf(text) ?? ("refused" as Notice) };
}
