import type { Millis, Random } from "../../base/clock.ts";
import { Seals } from "../../base/seal.ts";
import type { Ledger } from "../../roster/ledger.ts";
import type { Page } from "../../roster/listed.ts";
import type { Publication } from "../../roster/publication.ts";
import { type EntryKey, entryKey, type Profile, type Roster } from "../../roster/roster.ts";
import type { ResumedFacts } from "../../wire/mp2-discovery.ts";
import { encodeFrame } from "../../wire/mp2-frames.ts";
import {
  REGISTRATION_TO_CLIENT,
  REGISTRATION_TO_REGISTRY,
  type Refused,
} from "../../wire/mp2-registration.ts";
import { registrationSecret } from "../../wire/mp2-resumption.ts";
import { type Realm, SESSION_BYTES, type SessionId } from "../../wire/mp2-values.ts";
import type { RegistryLimits } from "../limits.ts";
import { line } from "../lines.ts";
import type { Emit } from "../output.ts";
import type { RegistrySettings, Strain } from "../settings.ts";
import { Admissions, type Candidate, refused } from "./admission.ts";
import type { Mp2Dial, Mp2DialBacks, TlsPeer } from "./dial-backs.ts";
import type { Durable } from "./durable.ts";
import type { Mp2Presence } from "./presence.ts";
import type { Session, Sessions } from "./sessions.ts";

export interface Mp2RegistrationOptions {
  readonly limits: RegistryLimits;
  readonly random: Random;
  /** What a client has to know of the registry. */
  readonly facts: (now: Millis) => ResumedFacts;
  readonly ledger: Ledger;
  readonly publication: Publication;
  readonly roster: Roster;
  readonly sessions: Sessions;
  readonly durable: Durable;
  readonly presence: Mp2Presence;
  readonly dials: () => Mp2DialBacks;
  readonly emit: Emit;
  readonly time: (now: Millis) => number;
  readonly settings: () => RegistrySettings;
  readonly strain: () => Strain | undefined;
}

/** The dialogue on a dial-back: challenge → register → registered and pages, or refused. */
export class Mp2Registration {
  readonly #options: Mp2RegistrationOptions;
  readonly #admissions: Admissions;
  /** Pages with their frame, made once for all who register while a snapshot lasts. */
  readonly #frames = new WeakMap<Page, Uint8Array>();

  constructor(options: Mp2RegistrationOptions) {
    this.#options = options;
    this.#admissions = new Admissions(options);
  }

  /** TLS is up. */
  challenge(dial: Mp2Dial): void {
    const { publication, settings } = this.#options;
    const { nonce } = dial.join;
    const realm: Realm = settings().realm;
    const challenge = { type: "challenge", realm, epoch: publication.epoch, nonce } as const;
    this.#say(dial, REGISTRATION_TO_CLIENT.encode({ ...challenge, capabilities: new Set() }));
  }

  /** The client's frame has come. */
  register(now: Millis, dial: Mp2Dial, peer: TlsPeer, frame: Uint8Array): void {
    const { dials, durable, time, emit } = this.#options;
    const decoded = REGISTRATION_TO_REGISTRY.decode(frame);
    if (!decoded.ok && decoded.field === "nick") {
      this.refuse(now, dial, refused("nick-invalid", "That is no nickname of mp2"));
      return;
    }
    if (!decoded.ok) {
      const { address, port } = dial.join.source;
      const text = `${address} sent no registration on its dial-back: ${decoded.reason}`;
      emit({ type: "log", entry: line("warn", text, { address, port }, "dial-malformed") });
      dials().hangUp(now, dial);
      return;
    }
    const { address, source } = dial.join;
    const { fingerprint } = peer;
    const candidate: Candidate = { fingerprint, address, port: source.port, register: decoded.value };
    const admission = this.#admissions.judge(now, time(now), candidate);
    if (admission.verdict === "refused") {
      this.refuse(now, dial, admission.refusal);
      return;
    }
    dials().binds(dial);
    durable.when(now, admission.binding, (then, why) => {
      // Its client may have hung up meanwhile. The name is its key's all the same.
      if (!dials().has(dial.id)) return;
      if (why !== undefined) this.refuse(then, dial, this.#admissions.refusalOfStore(why));
      else this.#admit(then, dial, candidate, peer);
    });
  }

  refuse(now: Millis, dial: Mp2Dial, refusal: Refused): void {
    const { address, port } = dial.join.source;
    const fields = { address, port, code: refusal.code };
    const entry = line("info", `Refused ${address}: ${refusal.text}`, fields, `refused-${refusal.code}`);
    this.#options.emit({ type: "log", entry });
    this.#say(dial, REGISTRATION_TO_CLIENT.encode(refusal));
    this.#options.dials().answered(now, dial);
  }

  #admit(now: Millis, dial: Mp2Dial, candidate: Candidate, { keys }: TlsPeer): void {
    const { limits, roster, sessions, presence } = this.#options;
    const { fingerprint, address, port, register } = candidate;
    // A ban may have come while the name was stored.
    const refusal = this.#admissions.refusalOfKey(fingerprint);
    if (refusal !== undefined) {
      this.refuse(now, dial, refusal);
      return;
    }
    const key = entryKey(address, port);
    const own = sessions.of(fingerprint);
    if (own !== undefined) presence.supersede(now, own, key);
    // Somebody else's program has had this address and port; it cannot be there any more.
    const former = sessions.at(key);
    if (former !== undefined) presence.drop(now, former, "lost");
    const { nick: nickname, away } = register;
    const id = this.#sessionFrom(candidate, key);
    const profile: Profile = {
      fingerprint,
      session: id,
      away,
      status: register.status ?? "",
      rooms: register.rooms ?? [],
    };
    if (!roster.add({ address, port, nickname, client: "mp2", profile }, now)) {
      const text = `The registry is full: ${limits.maxClients} clients are online`;
      this.refuse(now, dial, refused("registry-full", text));
      return;
    }
    const seals = new Seals("registry", keys);
    const session: Session = {
      id,
      fingerprint,
      nickname,
      port,
      begunAt: now,
      seals,
      secret: registrationSecret(keys),
      key,
      address,
      state: { step: "joining" },
    };
    sessions.add(session);
    presence.registered(now, session, dial.join.at);
    this.#welcome(now, dial, id);
  }

  #welcome(now: Millis, dial: Mp2Dial, session: SessionId): void {
    const { publication, dials, facts } = this.#options;
    const pages = publication.answer({ type: "roster" }).filter((message) => message.type === "page");
    this.#say(
      dial,
      REGISTRATION_TO_CLIENT.encode({
        type: "registered",
        session,
        epoch: publication.epoch,
        seq: pages[0]?.seq ?? publication.seq,
        ...facts(now),
      }),
    );
    const frames = pages.map((page) => this.#frameOf(page));
    dials().list(now, dial, frames);
  }

  #frameOf(page: Page): Uint8Array {
    const made = this.#frames.get(page) ?? encodeFrame(REGISTRATION_TO_CLIENT.encode(page));
    this.#frames.set(page, made);
    return made;
  }

  /** Who comes back after a restart, to its place and its name, goes on in its session: others see no other one. */
  #sessionFrom({ fingerprint, register }: Candidate, key: EntryKey): SessionId {
    const former = this.#options.roster.withFingerprint(fingerprint);
    const isBack = former?.presence.state === "returning" && former.key === key;
    const session = isBack && former.nickname === register.nick ? former.profile?.session : undefined;
    return session ?? this.#drawSession();
  }

  #drawSession(): SessionId {
    return Buffer.from(this.#options.random.bytes(SESSION_BYTES)).toString("hex") as SessionId;
  }

  #say(dial: Mp2Dial, message: Uint8Array): void {
    this.#options.dials().send(dial, encodeFrame(message));
  }
}
