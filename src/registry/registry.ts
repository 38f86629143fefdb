import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { LogEntry } from "../base/log.ts";
import type { SealKeys } from "../base/seal.ts";
import { encodeUtf8 } from "../base/text.ts";
import { judgeClaim } from "../roster/claim.ts";
import type { Ledger } from "../roster/ledger.ts";
import { type Entry, entryKey, Roster } from "../roster/roster.ts";
import type { Ban } from "../roster/store.ts";
import type { AssociationId, SctpEvent } from "../sctp/api.ts";
import {
  encodeRefusal,
  joinRoster,
  ORIGINAL_FIRST_ROSTER_BYTES,
  ORIGINAL_PUSH_BYTES,
  OWN_ROSTER_BYTES,
  type Refusal,
} from "../wire/mp1-roster.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { AdminCommand, AdminDone } from "./admin.ts";
import type { Attachment } from "./attachments.ts";
import { DiscoveryGate, type IgnoredReason, type Source } from "./discovery.ts";
import { DEFAULT_LIMITS, type RegistryLimits } from "./limits.ts";
import { failedDialLine, ignoredLine, line, where } from "./lines.ts";
import type { DialId, Emit, RegistryOutput } from "./output.ts";
import { Presence } from "./presence.ts";
import { Pushes, rosterFor } from "./pushes.ts";
import { type Dial, type RegistrationHost, Registrations } from "./registration.ts";
import type {
  ClientView,
  Farewell,
  Progress,
  RegistryOptions,
  RegistrySettings,
  TlsFailure,
} from "./settings.ts";

export type { ClientView, RegistrySettings } from "./settings.ts";

/**
 * The registry: who is there, kept true by discovery, dial-back and liveness, told to everybody. A core: inputs are
 * the public methods with `now`; what is to be done is taken by `takeOutputs`; `nextDeadline` says when `advance` must
 * be called. docs/protocol.md is its specification.
 */
export class Registry {
  readonly #limits: RegistryLimits;
  readonly #ledger: Ledger;
  #settings: RegistrySettings;
  #outputs: RegistryOutput[] = [];
  readonly #gate: DiscoveryGate;
  readonly #roster: Roster;
  readonly #registrations: Registrations;
  readonly #presence: Presence;
  readonly #pushes: Pushes;
  readonly #ignored: Record<IgnoredReason, number> = {
    "not-a-hello": 0,
    "too-many": 0,
    "bad-source": 0,
    "legacy-off": 0,
  };

  constructor(options: RegistryOptions) {
    this.#ledger = options.ledger;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#settings = options.settings;
    this.#gate = new DiscoveryGate(this.#limits, options.now);
    this.#roster = new Roster(this.#limits.maxClients);
    this.#pushes = new Pushes(this.#limits);
    const emit: Emit = (output) => this.#outputs.push(output);
    this.#presence = new Presence({
      limits: this.#limits,
      roster: this.#roster,
      pushes: this.#pushes,
      emit,
      judged: (now, key) => this.#registrations.holderJudged(now, key),
    });
    const host: RegistrationHost = {
      named: (now, dial, nickname, holderChecked) => this.#named(now, dial, nickname, holderChecked),
      misnamed: (now, dial, why) => this.#misnamed(now, dial, why),
      failed: (_now, dial, why) => this.#log(failedDialLine(dial.source, why, this.#limits.nicknameMillis)),
    };
    this.#registrations = new Registrations(this.#limits, emit, host);
  }

  /** What is to be done, in order; call until it is empty. */
  takeOutputs(): readonly RegistryOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  nextDeadline(): Millis | undefined {
    const all = [this.#registrations, this.#presence, this.#pushes];
    const times = all.map((part) => part.nextDeadline()).filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  get counts(): { readonly online: number; readonly offline: number; readonly pending: number } {
    return { ...this.#roster.counts, pending: this.#registrations.pending };
  }

  /** Datagrams ignored so far, by reason. */
  get ignored(): Readonly<Record<IgnoredReason, number>> {
    return this.#ignored;
  }

  *clients(): Generator<ClientView> {
    for (const entry of this.#roster.onlineFirst()) {
      yield { entry, association: this.#presence.of(entry.key)?.association };
    }
  }

  configure(settings: RegistrySettings): void {
    this.#settings = settings;
  }

  /** A datagram on the discovery port. */
  datagram(now: Millis, source: Source, bytes: Uint8Array): void {
    const judged = this.#gate.judge(now, source, bytes, this.#settings.legacy);
    if (judged.type === "ignored") {
      this.#ignored[judged.reason] += 1;
      this.#log(ignoredLine(source, bytes.length, judged.reason));
    } else if (!this.#registrations.start(now, source, judged.client)) {
      const fields = { address: source.address, pending: this.#registrations.pending };
      this.#log(
        line(
          "warn",
          `Too many registrations under way: ${source.address} must wait`,
          fields,
          "too-many-dials",
        ),
      );
    }
  }

  dialConnected(now: Millis, dial: DialId): void {
    this.#registrations.connected(now, dial);
  }

  dialData(now: Millis, dial: DialId, bytes: Uint8Array): void {
    this.#registrations.data(now, dial, bytes);
  }

  /** `refused`: the client's machine said no at once, as opposed to silence. */
  dialClosed(now: Millis, dial: DialId, refused: boolean): void {
    this.#registrations.closed(now, dial, refused);
  }

  sctpEvent(now: Millis, event: SctpEvent): void {
    this.#presence.event(now, event);
  }

  /** The dial-back by TLS is up, and whose key its peer has proved. `keys`: of the exporter, for its presence. */
  tlsOpened(
    _now: Millis,
    dial: DialId,
    _peer: { readonly fingerprint: Fingerprint; readonly keys: SealKeys },
  ): void {
    this.#outputs.push({ type: "hang-up", dial });
  }

  tlsReceived(_now: Millis, _dial: DialId, _bytes: Uint8Array): Progress {
    return { messages: 0, pending: 0 };
  }

  /** The peer sends nothing more, but may still read. */
  tlsEnded(_now: Millis, dial: DialId): void {
    this.#outputs.push({ type: "tls-end", dial });
  }

  tlsClosed(_now: Millis, _dial: DialId): void {}

  tlsFailed(_now: Millis, _dial: DialId, _failure: TlsFailure): void {}

  /** A message was not taken, since the association's queue is full: its client is told again when it has drained. */
  sendRefused(_now: Millis, _association: AssociationId): void {}

  /** An interface has come up: who is there shall know of us soon. */
  announce(_now: Millis): void {}

  /** Does what an admin wants; `done` is told once, for durable things when they are so. */
  command(_now: Millis, _command: AdminCommand, done: AdminDone): void {
    done({ ok: false, code: "unknown", text: "nobody of that name or key is known" });
  }

  bans(): Iterable<Ban> {
    return this.#ledger.bans();
  }

  /** The association's queue is full: the push is repeated when it has drained, with the roster of then. */
  pushRefused(now: Millis, association: AssociationId): void {
    const attachment = this.#presence.by(association);
    if (attachment !== undefined) this.#pushes.mark(attachment.key, now);
  }

  advance(now: Millis): void {
    this.#registrations.advance(now);
    this.#presence.advance(now);
    for (const push of this.#pushes.due(now, this.#roster)) {
      const attachment = this.#presence.of(push.key);
      if (attachment === undefined) continue;
      this.#outputs.push({ type: "push", association: attachment.association, bytes: push.bytes });
    }
  }

  /** Tells every client that the registry goes away. Its "closed" events need not be waited for. */
  stop(_now: Millis, _farewell: Farewell): void {
    this.#registrations.hangUpAll();
    for (const { association } of this.#presence.all()) this.#outputs.push({ type: "shutdown", association });
  }

  // Registration

  #named(now: Millis, dial: Dial, nickname: Nickname, holderChecked: boolean): void {
    const newcomer = { ...dial.source, nickname, client: dial.client };
    const claim = judgeClaim(this.#roster, newcomer, holderChecked);
    if (claim.verdict === "check-holder") {
      this.#registrations.check(dial, nickname, claim.holder.key);
      const holder = this.#presence.of(claim.holder.key);
      if (holder === undefined) this.#registrations.holderJudged(now, claim.holder.key);
      else this.#askForLife(holder, claim.holder);
    } else if (claim.verdict === "taken") {
      const { holder, suggestion } = claim;
      const text = `${nickname} is taken by ${holder.key}; ${suggestion} is free`;
      this.#refuse(now, dial, { code: "nickname-taken", text, holder: holder.key, suggestion });
    } else {
      if (claim.verdict === "numbered") {
        const text = `${nickname} is taken by ${claim.holder.key}: ${where(dial.source)} is listed as ${claim.nickname}`;
        this.#log(line("info", text, { holder: claim.holder.key }));
      }
      this.#admit(now, dial, claim.nickname);
    }
  }

  /**
   * A machine whose program has ended while it was cut off still answers HEARTBEATs; only DATA make it repeat its
   * SHUTDOWN at once (RFC 9260 §9.2). So it is sent its roster again, and then asked.
   */
  #askForLife({ association, key }: Attachment, { client }: Entry): void {
    const limit = client === "own" ? OWN_ROSTER_BYTES : ORIGINAL_PUSH_BYTES;
    const roster = rosterFor(this.#roster, key, limit) ?? joinRoster([], limit);
    this.#outputs.push({ type: "push", association, bytes: encodeUtf8(roster) });
    this.#outputs.push({ type: "probe", association });
  }

  #admit(now: Millis, dial: Dial, nickname: Nickname): void {
    const key = entryKey(dial.source.address, dial.source.port);
    const replaced = this.#roster.holderOf(nickname)?.key;
    if (!this.#roster.add({ ...dial.source, nickname, client: dial.client }, now)) {
      const text = `the registry is full (${this.#limits.maxClients} clients online)`;
      this.#log(line("warn", `Refused ${nickname} from ${where(dial.source)}: ${text}`, {}, "full"));
      this.#refuse(now, dial, { code: "registry-full", text });
      return;
    }
    if (replaced !== undefined && replaced !== key) this.#pushes.forget(replaced);
    const limit = dial.client === "own" ? OWN_ROSTER_BYTES : ORIGINAL_FIRST_ROSTER_BYTES;
    const answer = rosterFor(this.#roster, key, limit) ?? joinRoster([], limit);
    this.#registrations.answer(now, dial, encodeUtf8(answer));
    this.#presence.registered(now, key, dial.machineMillis);
  }

  /** Ours is told why; an original client understands only a roster, so it just loses its connection. */
  #refuse(now: Millis, dial: Dial, refusal: Refusal): void {
    if (dial.client === "own") this.#registrations.answer(now, dial, encodeRefusal(refusal));
    else this.#registrations.hangUp(dial);
    const fields = { code: refusal.code, holder: refusal.holder };
    this.#log(line("info", `Refused ${where(dial.source)}: ${refusal.text}`, fields, "refused"));
  }

  #misnamed(now: Millis, dial: Dial, why: string): void {
    this.#refuse(now, dial, { code: "nickname-invalid", text: why });
  }

  #log(entry: LogEntry): void {
    this.#outputs.push({ type: "log", entry });
  }
}
