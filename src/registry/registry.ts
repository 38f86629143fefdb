import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { LogEntry } from "../base/log.ts";
import { encodeUtf8 } from "../base/text.ts";
import { judgeClaim } from "../roster/claim.ts";
import {
  type Entry,
  type EntryKey,
  entryKey,
  isOnline,
  type OfflineReason,
  Roster,
} from "../roster/roster.ts";
import type { AssociationId, Path, SctpEvent } from "../sctp/api.ts";
import {
  encodeRefusal,
  joinRoster,
  ORIGINAL_FIRST_ROSTER_BYTES,
  ORIGINAL_PUSH_BYTES,
  OWN_ROSTER_BYTES,
  type Refusal,
} from "../wire/mp1-roster.ts";
import type { Nickname } from "../wire/nickname.ts";
import { DiscoveryGate, type IgnoredReason, type Source } from "./discovery.ts";
import { DEFAULT_LIMITS, type RegistryLimits } from "./limits.ts";
import { failedDialLine, ignoredLine, line, offlineLine, where } from "./lines.ts";
import type { DialId, RegistryOutput } from "./output.ts";
import { type Attachment, Attachments } from "./presence.ts";
import { Pushes, rosterFor } from "./pushes.ts";
import { type Dial, type RegistrationHost, Registrations } from "./registration.ts";

/** What an admin may change while the registry runs. */
export interface RegistrySettings {
  /** Whether original clients are served. */
  readonly legacy: boolean;
}

/** One client as the admin sees it. */
export interface ClientView {
  readonly entry: Entry;
  readonly association: AssociationId | undefined;
}

/**
 * The registry: who is there, kept true by discovery, dial-back and liveness, told to everybody. A core: inputs are
 * the public methods with `now`; what is to be done is taken by `takeOutputs`; `nextDeadline` says when `advance` must
 * be called. docs/protocol.md is its specification.
 */
export class Registry {
  readonly #limits: RegistryLimits;
  #settings: RegistrySettings;
  #outputs: RegistryOutput[] = [];
  readonly #gate: DiscoveryGate;
  readonly #roster: Roster;
  readonly #registrations: Registrations;
  readonly #attachments: Attachments;
  readonly #pushes: Pushes;
  /** "attach": the association of a client that has registered must be up by then. */
  readonly #deadlines = new Deadlines<EntryKey, "attach">();
  readonly #joins = new Map<EntryKey, { readonly namedAt: Millis; readonly machineMillis: Millis }>();
  readonly #ignored: Record<IgnoredReason, number> = {
    "not-a-hello": 0,
    "too-many": 0,
    "bad-source": 0,
    "legacy-off": 0,
  };

  constructor(options: { settings: RegistrySettings; limits?: Partial<RegistryLimits>; now: Millis }) {
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#settings = options.settings;
    this.#gate = new DiscoveryGate(this.#limits, options.now);
    this.#roster = new Roster(this.#limits.maxClients);
    this.#attachments = new Attachments(this.#limits.strangerMillis);
    this.#pushes = new Pushes(this.#limits);
    const host: RegistrationHost = {
      named: (now, dial, nickname, holderChecked) => this.#named(now, dial, nickname, holderChecked),
      misnamed: (now, dial, why) => this.#misnamed(now, dial, why),
      failed: (_now, dial, why) => this.#log(failedDialLine(dial.source, why, this.#limits.nicknameMillis)),
    };
    this.#registrations = new Registrations(this.#limits, (output) => this.#outputs.push(output), host);
  }

  /** What is to be done, in order; call until it is empty. */
  takeOutputs(): readonly RegistryOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  nextDeadline(): Millis | undefined {
    const all = [
      this.#registrations,
      this.#attachments,
      this.#pushes,
      { nextDeadline: () => this.#deadlines.next() },
    ];
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
      yield { entry, association: this.#attachments.of(entry.key)?.association };
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
    switch (event.type) {
      case "up":
        this.#up(now, event.id, event.path, event.remotePort);
        break;
      case "suspect":
        this.#suspect(now, event.id, true);
        break;
      case "recovered":
        this.#suspect(now, event.id, false);
        break;
      case "restarted":
        this.#restarted(now, event.id);
        break;
      case "moved":
        this.#moved(now, event.id, event.path);
        break;
      case "lost":
        this.#down(now, event.id, "lost", event.detail);
        break;
      case "closed":
        this.#down(now, event.id, "left", "");
        break;
      case "message":
      case "writable":
        // mp1 clients say nothing over SCTP but the one byte that brings the association up; a push that found the
        // queue full is repeated by the clock, with the roster of then.
        break;
    }
  }

  /** The association's queue is full: the push is repeated when it has drained, with the roster of then. */
  pushRefused(now: Millis, association: AssociationId): void {
    const attachment = this.#attachments.by(association);
    if (attachment !== undefined) this.#pushes.mark(attachment.key, now);
  }

  advance(now: Millis): void {
    this.#registrations.advance(now);
    for (const stranger of this.#attachments.dueStrangers(now)) {
      this.#outputs.push({ type: "abort", association: stranger.association, reason: "not registered" });
      this.#log(line("info", `Closed an association from ${stranger.key}: not registered`, {}, "stranger"));
    }
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      this.#joins.delete(due.key);
      this.#offline(now, due.key, "never-attached", "");
    }
    for (const push of this.#pushes.due(now, this.#roster)) {
      const attachment = this.#attachments.of(push.key);
      if (attachment === undefined) continue;
      this.#outputs.push({ type: "push", association: attachment.association, bytes: push.bytes });
    }
  }

  /** Tells every client that the registry goes away. Its "closed" events need not be waited for. */
  stop(): void {
    this.#registrations.hangUpAll();
    for (const { association } of this.#attachments.all())
      this.#outputs.push({ type: "shutdown", association });
  }

  // Registration

  #named(now: Millis, dial: Dial, nickname: Nickname, holderChecked: boolean): void {
    const newcomer = { ...dial.source, nickname, client: dial.client };
    const claim = judgeClaim(this.#roster, newcomer, holderChecked);
    if (claim.verdict === "check-holder") {
      this.#registrations.check(dial, nickname, claim.holder.key);
      const holder = this.#attachments.of(claim.holder.key);
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
    this.#joins.set(key, { namedAt: now, machineMillis: dial.machineMillis });
    this.#deadlines.set(key, "attach", now + this.#limits.attachMillis);
    const limit = dial.client === "own" ? OWN_ROSTER_BYTES : ORIGINAL_FIRST_ROSTER_BYTES;
    const answer = rosterFor(this.#roster, key, limit) ?? joinRoster([], limit);
    this.#registrations.answer(now, dial, encodeUtf8(answer));
    const attached = this.#attachments.registered(key);
    if (attached !== undefined) this.#online(now, attached);
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

  // Presence

  #up(now: Millis, association: AssociationId, path: Path, port: number): void {
    const entry = this.#roster.find(entryKey(path.address, port));
    const former = this.#attachments.up(now, association, path, port, entry !== undefined);
    if (former !== undefined) {
      this.#outputs.push({ type: "abort", association: former.association, reason: "superseded" });
    }
    const attachment = this.#attachments.by(association);
    if (entry !== undefined && attachment !== undefined) this.#online(now, attachment);
  }

  #online(now: Millis, attachment: Attachment): void {
    const { key, path } = attachment;
    const former = this.#roster.find(key);
    if (former === undefined) return;
    this.#deadlines.clear(key, "attach");
    if (isOnline(former.presence)) {
      this.#pushes.mark(key, now);
      return;
    }
    const join = this.#joins.get(key);
    this.#joins.delete(key);
    const entry = this.#roster.setPresence(key, { state: "online", since: now });
    if (entry === undefined) return;
    const millis = join === undefined ? 0 : Math.round(join.machineMillis + now - join.namedAt);
    const text = `${entry.nickname} online from ${key} (mp1, ${millis} ms)`;
    this.#log(line("info", text, { path: path.via, client: entry.client }));
    this.#changed(now);
  }

  #suspect(now: Millis, association: AssociationId, suspect: boolean): void {
    const key = this.#attachments.by(association)?.key;
    const entry = key === undefined ? undefined : this.#roster.find(key);
    if (key === undefined || entry === undefined) return;
    if (isOnline(entry.presence)) {
      this.#roster.setPresence(key, { state: suspect ? "suspect" : "online", since: now });
      this.#log(line("debug", `${entry.nickname} ${suspect ? "missed a heartbeat" : "answers again"}`));
    }
    if (!suspect) this.#registrations.holderJudged(now, key);
  }

  /** The client's SCTP started anew within the same association: it has lost what it was sent. */
  #restarted(now: Millis, association: AssociationId): void {
    const attachment = this.#attachments.by(association);
    if (attachment !== undefined) this.#pushes.mark(attachment.key, now);
  }

  /**
   * The client's address has changed and its association lives on: its entry goes with it, so that others reach it
   * there. Only another outer port (a NAT's whim) concerns nobody.
   */
  #moved(now: Millis, association: AssociationId, path: Path): void {
    const former = this.#attachments.by(association);
    if (former === undefined) return;
    const key = entryKey(path.address, former.port);
    if (key !== former.key && (this.#roster.find(key) ?? this.#attachments.of(key)) !== undefined) {
      this.#outputs.push({ type: "abort", association, reason: "another client is at this address" });
      this.#down(now, association, "lost", `moved to ${key}, where another client is`);
      return;
    }
    this.#attachments.moved(former, path);
    if (key === former.key) return;
    const entry = this.#roster.move(former.key, path.address);
    this.#pushes.forget(former.key);
    // Whoever waits for a sign of life of the holder at the former address finds it elsewhere.
    this.#registrations.holderJudged(now, former.key);
    if (entry === undefined) return;
    this.#log(line("info", `${entry.nickname} moved from ${former.key} to ${key}`, { path: path.via }));
    this.#changed(now);
  }

  #down(now: Millis, association: AssociationId, reason: OfflineReason, detail: string): void {
    const attachment = this.#attachments.down(association);
    if (attachment === undefined) return;
    // A newer association of the same client keeps it online.
    if (this.#attachments.of(attachment.key) === undefined)
      this.#offline(now, attachment.key, reason, detail);
    this.#registrations.holderJudged(now, attachment.key);
  }

  #offline(now: Millis, key: EntryKey, reason: OfflineReason, detail: string): void {
    const former = this.#roster.find(key);
    if (former === undefined || former.presence.state === "offline") return;
    this.#pushes.forget(key);
    this.#deadlines.clearAll(key);
    const entry = this.#roster.setPresence(key, { state: "offline", since: now, reason });
    if (entry === undefined) return;
    this.#log(offlineLine(entry, reason, detail));
    this.#changed(now);
  }

  #changed(now: Millis): void {
    this.#outputs.push({ type: "counts" });
    for (const attachment of this.#attachments.all()) this.#pushes.mark(attachment.key, now);
  }

  #log(entry: LogEntry): void {
    this.#outputs.push({ type: "log", entry });
  }
}
