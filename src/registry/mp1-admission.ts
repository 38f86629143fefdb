import type { Millis } from "../base/clock.ts";
import type { LogEntry } from "../base/log.ts";
import { encodeUtf8 } from "../base/text.ts";
import { type IsBound, judgeClaim } from "../roster/claim.ts";
import { type Entry, entryKey, type Roster } from "../roster/roster.ts";
import {
  encodeRefusal,
  joinRoster,
  ORIGINAL_FIRST_ROSTER_BYTES,
  ORIGINAL_PUSH_BYTES,
  OWN_ROSTER_BYTES,
  type Refusal,
} from "../wire/mp1-roster.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { Attachment } from "./attachments.ts";
import type { RegistryLimits } from "./limits.ts";
import { failedDialLine, line, where } from "./lines.ts";
import type { Emit } from "./output.ts";
import type { Presence } from "./presence.ts";
import { type Pushes, rosterFor } from "./pushes.ts";
import type { Dial, DialFailure, RegistrationHost, Registrations } from "./registration.ts";
import type { Strain } from "./settings.ts";

export interface Mp1AdmissionOptions {
  readonly limits: RegistryLimits;
  readonly roster: Roster;
  readonly pushes: Pushes;
  readonly emit: Emit;
  /** Whether the name is a key's: it is for nobody over mp1. */
  readonly isBound: IsBound;
  /** Why nobody gets in who is not here yet, if that is so. */
  readonly strain: () => Strain | undefined;
  readonly presence: () => Presence;
  readonly registrations: () => Registrations;
  /** Whoever has had the newcomer's address and port over mp2 is not there any more. */
  readonly displace: (now: Millis, dial: Dial) => void;
}

/** Who gets in over mp1, under which name, and what is answered. docs/protocol.md, "Registration". */
export class Mp1Admission implements RegistrationHost {
  readonly #options: Mp1AdmissionOptions;

  constructor(options: Mp1AdmissionOptions) {
    this.#options = options;
  }

  named(now: Millis, dial: Dial, nickname: Nickname, holderChecked: boolean): void {
    const { roster, isBound } = this.#options;
    const newcomer = { ...dial.source, nickname, client: dial.client };
    const claim = judgeClaim(roster, newcomer, holderChecked, isBound);
    if (claim.verdict === "check-holder") this.#check(now, dial, nickname, claim.holder);
    else if (claim.verdict === "taken") {
      const { holder, suggestion } = claim;
      const text = `${nickname} is taken by ${holder?.key ?? "a key that is away"}; ${suggestion} is free`;
      const facts = holder === undefined ? { suggestion } : { holder: holder.key, suggestion };
      this.#refuse(now, dial, { code: "nickname-taken", text, ...facts });
    } else {
      if (claim.verdict === "numbered") {
        const holder = claim.holder?.key ?? "a key that is away";
        const text = `${nickname} is taken by ${holder}: ${where(dial.source)} is listed as ${claim.nickname}`;
        this.#log(line("info", text, { holder: claim.holder?.key }));
      }
      this.#admit(now, dial, claim.nickname);
    }
  }

  misnamed(now: Millis, dial: Dial, why: string): void {
    this.#refuse(now, dial, { code: "nickname-invalid", text: why });
  }

  failed(_now: Millis, dial: Dial, why: DialFailure): void {
    this.#log(failedDialLine(dial.source, why, this.#options.limits.nicknameMillis));
  }

  #check(now: Millis, dial: Dial, nickname: Nickname, entry: Entry): void {
    const registrations = this.#options.registrations();
    registrations.check(dial, nickname, entry.key);
    const holder = this.#options.presence().of(entry.key);
    if (holder === undefined) registrations.holderJudged(now, entry.key);
    else this.#askForLife(holder, entry);
  }

  /**
   * A machine whose program has ended while it was cut off still answers HEARTBEATs; only DATA make it repeat its
   * SHUTDOWN at once (RFC 9260 §9.2). So it is sent its roster again, and then asked.
   */
  #askForLife({ association, key }: Attachment, { client }: Entry): void {
    const limit = client === "own" ? OWN_ROSTER_BYTES : ORIGINAL_PUSH_BYTES;
    const roster = rosterFor(this.#options.roster, key, limit) ?? joinRoster([], limit);
    this.#options.emit({ type: "push", association, bytes: encodeUtf8(roster) });
    this.#options.emit({ type: "probe", association });
  }

  #admit(now: Millis, dial: Dial, nickname: Nickname): void {
    const { roster, limits, pushes } = this.#options;
    const key = entryKey(dial.source.address, dial.source.port);
    const replaced = roster.holderOf(nickname)?.key;
    const strain = this.#options.strain();
    const former = roster.find(key)?.presence.state ?? "offline";
    if (strain !== undefined && former === "offline") {
      this.#refuse(now, dial, { code: "registry-full", text: strain.text });
      return;
    }
    this.#options.displace(now, dial);
    if (!roster.add({ ...dial.source, nickname, client: dial.client }, now)) {
      const text = `the registry is full (${limits.maxClients} clients online)`;
      this.#log(line("warn", `Refused ${nickname} from ${where(dial.source)}: ${text}`, {}, "full"));
      this.#refuse(now, dial, { code: "registry-full", text });
      return;
    }
    if (replaced !== undefined && replaced !== key) pushes.forget(replaced);
    const limit = dial.client === "own" ? OWN_ROSTER_BYTES : ORIGINAL_FIRST_ROSTER_BYTES;
    const answer = rosterFor(roster, key, limit) ?? joinRoster([], limit);
    this.#options.registrations().answer(now, dial, encodeUtf8(answer));
    this.#options.presence().registered(now, key, dial.machineMillis);
  }

  /** Ours is told why; an original client understands only a roster, so it just loses its connection. */
  #refuse(now: Millis, dial: Dial, refusal: Refusal): void {
    if (dial.client === "own") this.#options.registrations().answer(now, dial, encodeRefusal(refusal));
    else this.#options.registrations().hangUp(dial);
    const fields = { code: refusal.code, holder: refusal.holder };
    this.#log(line("info", `Refused ${where(dial.source)}: ${refusal.text}`, fields, "refused"));
  }

  #log(entry: LogEntry): void {
    this.#options.emit({ type: "log", entry });
  }
}
