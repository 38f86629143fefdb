import type { Millis, Random } from "../../base/clock.ts";
import { equalInConstantTime } from "../../base/hash.ts";
import { Seals } from "../../base/seal.ts";
import { X25519_BYTES, type X25519Pair, x25519Pair } from "../../base/x25519.ts";
import type { Ledger } from "../../roster/ledger.ts";
import { type Entry, entryKey, type Roster } from "../../roster/roster.ts";
import { DISCOVERY_TO_CLIENT, encodeFacts, type Join, type ResumedFacts } from "../../wire/mp2-discovery.ts";
import { joinMac, joinTranscript, resumedSecrets } from "../../wire/mp2-resumption.ts";
import type { RegistryLimits } from "../limits.ts";
import type { Emit } from "../output.ts";
import type { Join as Mp2Join } from "./dial-backs.ts";
import type { Mp2Presence } from "./presence.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { Ticketed, Tickets } from "./tickets.ts";

export interface ResumptionsOptions {
  readonly limits: RegistryLimits;
  readonly random: Random;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly sessions: Sessions;
  readonly tickets: Tickets;
  readonly presence: Mp2Presence;
  readonly facts: (now: Millis) => ResumedFacts;
  readonly time: (now: Millis) => number;
  readonly emit: Emit;
}

/**
 * Sessions that go on without a handshake: a join with a ticket and a proof is answered at once, and the client's
 * association follows. docs/protocol-mp2.md, "Resumption". What is not quite right is no error: its client is dialled back.
 */
export class Resumptions {
  readonly #options: ResumptionsOptions;
  #pair: X25519Pair | undefined;
  #pairUntil: Millis = -Infinity;

  constructor(options: ResumptionsOptions) {
    this.#options = options;
  }

  /** Whether the join, whose cookie is good, has been answered so. */
  resume(now: Millis, join: Mp2Join, message: Join): boolean {
    const { resume } = message;
    if (resume === undefined) return false;
    const ticketed = this.#options.tickets.open(this.#options.time(now), resume.ticket);
    const entry = ticketed && this.#entryOf(join, ticketed);
    if (ticketed === undefined || entry === undefined) return false;
    const transcript = joinTranscript(message, resume);
    if (!equalInConstantTime(joinMac(ticketed.secret, transcript), resume.mac)) return false;
    const pair = this.#pairAt(now);
    const shared = pair.agree(resume.share);
    if (shared === undefined) return false;
    const facts = encodeFacts(this.#options.facts(now));
    const said = { share: pair.share, facts };
    const secrets = resumedSecrets(ticketed.secret, shared, { transcript, mac: resume.mac }, said);
    const { cookie } = join;
    const bytes = DISCOVERY_TO_CLIENT.encode({ type: "resumed", cookie, ...said, mac: secrets.mac });
    const session: Session = {
      id: ticketed.session,
      fingerprint: ticketed.fingerprint,
      nickname: entry.nickname,
      port: entry.port,
      begunAt: now,
      seals: new Seals("registry", secrets.keys),
      secret: secrets.secret,
      key: entry.key,
      address: entry.address,
      state: { step: "joining" },
      answer: { cookie, bytes },
    };
    this.#options.presence.resumed(now, session);
    this.#options.emit({ type: "datagram", to: join.source, bytes });
    return true;
  }

  /** Whether the join is one that has been answered, and is answered again: the answer may have been lost. */
  repeat({ address, source, cookie }: Mp2Join): boolean {
    const answer = this.#options.sessions.at(entryKey(address, source.port))?.answer;
    if (answer === undefined || !equalInConstantTime(answer.cookie, cookie)) return false;
    this.#options.emit({ type: "datagram", to: source, bytes: answer.bytes });
    return true;
  }

  /**
   * The entry of the ticket's session, where the join comes from. A session that has ended, or another one of the same
   * key, voids it; so do a ban, and an owner's name that was given away.
   */
  #entryOf({ address, source }: Mp2Join, { session, fingerprint }: Ticketed): Entry | undefined {
    const { roster, ledger, sessions, limits } = this.#options;
    const entry = roster.find(entryKey(address, source.port));
    if (entry?.profile?.session !== session || entry.profile.fingerprint !== fingerprint) return undefined;
    const { state } = entry.presence;
    if (state === "offline" || state === "joining") return undefined;
    if (ledger.banOf(fingerprint) !== undefined) return undefined;
    if (ledger.holderOf(entry.nickname)?.fingerprint !== fingerprint) return undefined;
    const isNew = sessions.of(fingerprint) === undefined;
    return isNew && sessions.countAt(address) >= limits.maxSessionsPerAddress ? undefined : entry;
  }

  /** One for all who come within a moment: a thousand who come back at once cost a few. */
  #pairAt(now: Millis): X25519Pair {
    if (this.#pair === undefined || now >= this.#pairUntil) {
      this.#pair = x25519Pair(this.#options.random.bytes(X25519_BYTES));
      this.#pairUntil = now + this.#options.limits.shareMillis;
    }
    return this.#pair;
  }
}
