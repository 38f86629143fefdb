import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { LogEntry } from "../base/log.ts";
import {
  type Entry,
  type EntryKey,
  entryKey,
  isOnline,
  type OfflineReason,
  onlineFrom,
  type Roster,
} from "../roster/roster.ts";
import type { AssociationId, Path, SctpEvent } from "../sctp/api.ts";
import { type Attachment, Attachments } from "./attachments.ts";
import type { RegistryLimits } from "./limits.ts";
import { line, offlineLine } from "./lines.ts";
import type { Emit } from "./output.ts";
import type { Pushes } from "./pushes.ts";

export interface PresenceOptions {
  readonly limits: RegistryLimits;
  readonly roster: Roster;
  readonly pushes: Pushes;
  readonly emit: Emit;
  /** The client of `key` has given a sign of life, or is gone, or elsewhere. */
  readonly judged: (now: Millis, key: EntryKey) => void;
}

/** When a client gave its name, and what its machine had taken until then: for the time that its join took. */
interface Join {
  readonly namedAt: Millis;
  readonly machineMillis: Millis;
}

/** Who is online: what the associations tell, written into the roster, and who must hear of it. */
export class Presence {
  readonly #limits: RegistryLimits;
  readonly #roster: Roster;
  readonly #pushes: Pushes;
  readonly #emit: Emit;
  readonly #judged: PresenceOptions["judged"];
  readonly #attachments: Attachments;
  /** "attach": the association of a client that has registered must be up by then. */
  readonly #deadlines = new Deadlines<EntryKey, "attach">();
  readonly #joins = new Map<EntryKey, Join>();
  #isStopping = false;

  constructor(options: PresenceOptions) {
    this.#limits = options.limits;
    this.#roster = options.roster;
    this.#pushes = options.pushes;
    this.#emit = options.emit;
    this.#judged = options.judged;
    this.#attachments = new Attachments(options.limits.strangerMillis);
  }

  /** The association of the client of `key`, if it is up. */
  of(key: EntryKey): Attachment | undefined {
    return this.#attachments.of(key);
  }

  by(association: AssociationId): Attachment | undefined {
    return this.#attachments.by(association);
  }

  /** Whether it has registered and its association is awaited. */
  isJoining(key: EntryKey): boolean {
    return this.#deadlines.at(key, "attach") !== undefined;
  }

  nextDeadline(): Millis | undefined {
    const times = [this.#attachments.nextDeadline(), this.#deadlines.next()].filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** The client of `key` has just been put into the roster; its association follows, or is there already. */
  registered(now: Millis, key: EntryKey, machineMillis: Millis): void {
    this.#joins.set(key, { namedAt: now, machineMillis });
    this.#deadlines.set(key, "attach", now + this.#limits.attachMillis);
    const attached = this.#attachments.registered(key);
    if (attached !== undefined) this.#online(now, attached);
  }

  /** The admin wants the client of `key` gone. It may come again. */
  kick(now: Millis, key: EntryKey): void {
    const attachment = this.#attachments.of(key);
    if (attachment !== undefined) {
      this.#attachments.down(attachment.association);
      this.#emit({ type: "abort", association: attachment.association, reason: "kicked by the admin" });
    }
    this.#offline(now, key, "kicked", "");
    this.#judged(now, key);
  }

  /** The association is another protocol's from now on. Returns what was known of it. */
  release(association: AssociationId): Attachment | undefined {
    return this.#attachments.down(association);
  }

  event(now: Millis, event: SctpEvent): void {
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
        this.#down(now, event.id, "lost", event.detail, event.silentMillis);
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

  /** We go: whose association ends from now on has not left for that. */
  stop(): void {
    this.#isStopping = true;
    for (const { association } of this.#attachments.all()) this.#emit({ type: "shutdown", association });
  }

  advance(now: Millis): void {
    for (const stranger of this.#attachments.dueStrangers(now)) {
      this.#emit({ type: "abort", association: stranger.association, reason: "not registered" });
      this.#log(line("info", `Closed an association from ${stranger.key}: not registered`, {}, "stranger"));
    }
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      this.#joins.delete(due.key);
      this.#offline(now, due.key, "never-attached", "");
    }
  }

  #up(now: Millis, association: AssociationId, path: Path, port: number): void {
    const entry = this.#find(entryKey(path.address, port));
    const former = this.#attachments.up(now, association, path, port, entry !== undefined);
    if (former !== undefined) {
      this.#emit({ type: "abort", association: former.association, reason: "superseded" });
    }
    const attachment = this.#attachments.by(association);
    if (entry !== undefined && attachment !== undefined) this.#online(now, attachment);
  }

  #online(now: Millis, attachment: Attachment): void {
    const { key, path } = attachment;
    const former = this.#find(key);
    if (former === undefined) return;
    this.#deadlines.clear(key, "attach");
    if (isOnline(former.presence)) {
      this.#pushes.mark(key, now);
      return;
    }
    const join = this.#joins.get(key);
    this.#joins.delete(key);
    const entry = this.#roster.setPresence(key, onlineFrom(former.presence, now));
    if (entry === undefined) return;
    const millis = join === undefined ? 0 : Math.round(join.machineMillis + now - join.namedAt);
    const text = `${entry.nickname} online from ${key} (mp1, ${millis} ms)`;
    this.#log(line("info", text, { path: path.via, client: entry.client }));
    this.#emit({ type: "counts" });
    // Of who only comes back nobody else sees a difference.
    if (former.presence.state === "returning") this.#pushes.mark(key, now);
    else this.changed(now);
  }

  #suspect(now: Millis, association: AssociationId, suspect: boolean): void {
    const key = this.#attachments.by(association)?.key;
    const entry = key === undefined ? undefined : this.#find(key);
    if (key === undefined || entry === undefined) return;
    if (isOnline(entry.presence)) {
      this.#roster.setPresence(key, { state: suspect ? "suspect" : "online", since: now });
      this.#log(line("debug", `${entry.nickname} ${suspect ? "missed a heartbeat" : "answers again"}`));
    }
    if (!suspect) this.#judged(now, key);
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
    if (key !== former.key && (this.#isHeld(key) || this.#attachments.of(key) !== undefined)) {
      this.#emit({ type: "abort", association, reason: "another client is at this address" });
      this.#down(now, association, "lost", `moved to ${key}, where another client is`);
      return;
    }
    this.#attachments.moved(former, path);
    if (key === former.key) return;
    const entry = this.#roster.move(former.key, path.address);
    this.#pushes.forget(former.key);
    // Whoever waits for a sign of life of the holder at the former address finds it elsewhere.
    this.#judged(now, former.key);
    if (entry === undefined) return;
    this.#log(line("info", `${entry.nickname} moved from ${former.key} to ${key}`, { path: path.via }));
    this.#changed(now);
  }

  /** The entry of a client of mp1. Of mp2's, associations and deadlines that are left of a former one say nothing. */
  #find(key: EntryKey): Entry | undefined {
    const entry = this.#roster.find(key);
    return entry?.client === "mp2" ? undefined : entry;
  }

  /** Somebody is at `key`, or on the way there. */
  #isHeld(key: EntryKey): boolean {
    const entry = this.#roster.find(key);
    return entry !== undefined && entry.presence.state !== "offline";
  }

  #down(
    now: Millis,
    association: AssociationId,
    reason: OfflineReason,
    detail: string,
    silentMillis?: Millis,
  ): void {
    const attachment = this.#attachments.down(association);
    if (attachment === undefined) return;
    // A newer association of the same client keeps it online.
    if (this.#attachments.of(attachment.key) === undefined)
      this.#offline(now, attachment.key, reason, detail, silentMillis);
    this.#judged(now, attachment.key);
  }

  #offline(now: Millis, key: EntryKey, reason: OfflineReason, detail: string, silentMillis?: Millis): void {
    const former = this.#find(key);
    if (former === undefined || former.presence.state === "offline") return;
    this.#pushes.forget(key);
    this.#deadlines.clearAll(key);
    const entry = this.#roster.setPresence(key, { state: "offline", since: now, reason }, silentMillis);
    if (entry === undefined) return;
    if (!this.#isStopping) this.#log(offlineLine(entry, reason, detail));
    this.#changed(now);
  }

  #changed(now: Millis): void {
    this.#emit({ type: "counts" });
    this.changed(now);
  }

  /** Somebody stands otherwise now, over whatever protocol: all here are to be told. */
  changed(now: Millis): void {
    for (const attachment of this.#attachments.all()) this.#pushes.mark(attachment.key, now);
  }

  #log(entry: LogEntry): void {
    this.#emit({ type: "log", entry });
  }
}
