import type { Millis, Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Epoch, Seq } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import { SeqReserve } from "./seq-reserve.ts";
import {
  type Ban,
  type Binding,
  MAX_BAN_REASON_LENGTH,
  MAX_BANS,
  MAX_BINDINGS,
  MAX_CHANGES_PER_COMMIT,
  type RegistryStore,
  type StoreChange,
  StoreError,
} from "./store.ts";

/** Changes that wait for each other's fsync: at 1,000 newcomers a second some 100 commits a second, not 1,000. */
export const SHARED_COMMIT_MILLIS: Millis = 10;
/** Last seen may be this old after a crash, and costs one commit in this time. */
export const LAST_SEEN_MILLIS: Millis = 30_000;
/** After a store said no, changes are refused without asking it again for so long: a failing disk is slow to fail. */
export const RETRY_MILLIS: Millis = 2_000;
/** A household's worth of names. One key cannot take them all; what stops many keys is the admission's rate limit. */
export const MAX_NAMES_PER_KEY = 16;

/** Names a change until it is durable; grows. */
export type Ticket = number;

/** What became of a wish to change something durable. */
export type Verdict =
  /** It is so already, and durable. */
  | { readonly verdict: "done" }
  /** In force here, not yet durable: to be acknowledged when {@link Ledger.flush} says so, not earlier. */
  | { readonly verdict: "pending"; readonly ticket: Ticket }
  /** The name is bound to another key. */
  | { readonly verdict: "taken"; readonly holder: Binding }
  /** A bound is reached, or the store cannot be written; nothing has changed. `text` is for people. */
  | { readonly verdict: "refused"; readonly text: string };

/** What a flush settled, by tickets in order. */
export interface Flushed {
  /** Durable now. */
  readonly durable: readonly Ticket[];
  /** Undone: neither durable nor in force. */
  readonly refused: readonly Ticket[];
  /** Why they were refused, or why nothing could be written. */
  readonly error: StoreError | undefined;
}

interface Pending {
  readonly ticket: Ticket;
  readonly change: StoreChange;
  readonly undo: () => void;
}

/**
 * What must not be forgotten, in memory, and what of it is still to be written. Decides at once, by memory alone; a
 * store never delays an answer about what is durable already, and its failure changes nothing but that new things are
 * refused. The owner calls {@link flush} when {@link flushAt} is due, and acknowledges tickets when they are durable.
 */
export class Ledger {
  readonly #store: RegistryStore;
  readonly #bindings = new Map<string, Binding>();
  readonly #namesOfKey = new Map<Fingerprint, number>();
  readonly #bans = new Map<Fingerprint, Ban>();
  readonly #reserve: SeqReserve;
  #pending: Pending[] = [];
  /** Folded names whose last seen is newer here than in the store. */
  readonly #seen = new Set<string>();
  #lastTicket: Ticket = 0;
  #pendingSince: Millis | undefined;
  #seenSince: Millis | undefined;
  #trouble: { readonly error: StoreError; readonly retryAt: Millis } | undefined;

  /**
   * Loads the store, and reserves seq. `told`: the last number that the roster's own store says was told. Throws a
   * StoreError only if loading fails.
   */
  constructor(
    store: RegistryStore,
    random: Random,
    now: Millis,
    told?: { readonly epoch: Epoch; readonly seq: Seq },
  ) {
    this.#store = store;
    const { bindings, bans, lineage } = store.load();
    for (const binding of bindings) this.#put(binding);
    for (const ban of bans) this.#bans.set(ban.fingerprint, ban);
    this.#reserve = new SeqReserve(lineage, random, told);
    this.flush(now);
  }

  // What is so

  get epoch(): Epoch {
    return this.#reserve.epoch;
  }

  /** The last seq handed out or, right after the start, the one before the first. */
  get seq(): Seq {
    return this.#reserve.seq;
  }

  /** Whether that is right after the `told` one: the roster that was told goes on. Else it begins empty. */
  get goesOn(): boolean {
    return this.#reserve.goesOn;
  }

  /** Why nothing can be written, since the last try. */
  get trouble(): StoreError | undefined {
    return this.#trouble?.error;
  }

  get counts(): { readonly bindings: number; readonly bans: number } {
    return { bindings: this.#bindings.size, bans: this.#bans.size };
  }

  /** Whose name that is, or one that folds to the same; with what is pending. */
  holderOf(nickname: string): Binding | undefined {
    return this.#bindings.get(foldNickname(nickname));
  }

  /** All that are in force, with what is pending. */
  bindings(): IterableIterator<Binding> {
    return this.#bindings.values();
  }

  banOf(fingerprint: Fingerprint): Ban | undefined {
    return this.#bans.get(fingerprint);
  }

  bans(): IterableIterator<Ban> {
    return this.#bans.values();
  }

  // What shall be so

  /** First come: binds a free name, or says who has it. Its owner is seen by this. */
  bind(nickname: Nickname, fingerprint: Fingerprint, wall: UnixMillis, now: Millis, boundAt = wall): Verdict {
    const folded = foldNickname(nickname);
    const holder = this.#bindings.get(folded);
    if (holder !== undefined && holder.fingerprint !== fingerprint) return { verdict: "taken", holder };
    if (holder !== undefined) {
      this.seen(nickname, wall, now);
      return this.#verdictOn(folded);
    }
    if (this.#bindings.size >= MAX_BINDINGS) {
      return refused(
        `${MAX_BINDINGS} nicknames are bound, which is the limit (free some: multiprotoctl forget NICK)`,
      );
    }
    if ((this.#namesOfKey.get(fingerprint) ?? 0) >= MAX_NAMES_PER_KEY) {
      return refused(`this key has ${MAX_NAMES_PER_KEY} nicknames already, which is the limit`);
    }
    const binding = { nickname, fingerprint, boundAt, lastSeen: wall };
    return this.#enqueue(now, { type: "bind", binding }, () => {
      this.#put(binding);
      return () => this.#drop(folded);
    });
  }

  /** Frees a name for whoever comes next. */
  unbind(nickname: Nickname, now: Millis): Verdict {
    const folded = foldNickname(nickname);
    const binding = this.#bindings.get(folded);
    if (binding === undefined) return this.#verdictOn(folded);
    return this.#enqueue(now, { type: "unbind", nickname }, () => {
      this.#drop(folded);
      return () => this.#put(binding);
    });
  }

  /** Notes when a name's owner was there last. Written in time; the only thing here that a crash may lose. */
  seen(nickname: Nickname, wall: UnixMillis, now: Millis): void {
    const folded = foldNickname(nickname);
    const binding = this.#bindings.get(folded);
    if (binding === undefined || binding.lastSeen >= wall) return;
    this.#bindings.set(folded, { ...binding, lastSeen: wall });
    this.#seen.add(folded);
    this.#seenSince ??= now;
  }

  ban(fingerprint: Fingerprint, reason: string, wall: UnixMillis, now: Millis): Verdict {
    if (this.#bans.has(fingerprint)) return this.#verdictOn(fingerprint);
    if (this.#bans.size >= MAX_BANS) {
      return refused(`${MAX_BANS} keys are banned, which is the limit (lift some: multiprotoctl unban)`);
    }
    const ban = { fingerprint, bannedAt: wall, reason: asLine(reason) };
    return this.#enqueue(now, { type: "ban", ban }, () => {
      this.#bans.set(fingerprint, ban);
      return () => this.#bans.delete(fingerprint);
    });
  }

  unban(fingerprint: Fingerprint, now: Millis): Verdict {
    const ban = this.#bans.get(fingerprint);
    if (ban === undefined) return this.#verdictOn(fingerprint);
    return this.#enqueue(now, { type: "unban", fingerprint }, () => {
      this.#bans.delete(fingerprint);
      return () => this.#bans.set(fingerprint, ban);
    });
  }

  /**
   * The next number of the epoch. It never comes again, not after a crash either. When the store cannot reserve
   * numbers any longer, the epoch changes: look at both.
   */
  nextSeq(): { readonly epoch: Epoch; readonly seq: Seq } {
    return this.#reserve.next();
  }

  /** Makes all that clients know of the sequence void. */
  newEpoch(): void {
    this.#reserve.renew();
  }

  // What is to be written

  /** When to call {@link flush}; undefined when there is nothing to write. */
  flushAt(): Millis | undefined {
    const times: Millis[] = [];
    if (this.#pendingSince !== undefined) times.push(this.#pendingSince + SHARED_COMMIT_MILLIS);
    // The rest can wait for a store that works again; pending changes are refused at once while it does not.
    const earliest = this.#trouble?.retryAt ?? Number.NEGATIVE_INFINITY;
    if (this.#reserve.wanted() !== undefined) times.push(earliest);
    if (this.#seenSince !== undefined) times.push(Math.max(earliest, this.#seenSince + LAST_SEEN_MILLIS));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /**
   * Writes what there is in one transaction, at most {@link MAX_CHANGES_PER_COMMIT}: when more waits, `flushAt` is due
   * again. Never throws because of the store.
   */
  flush(now: Millis): Flushed {
    const lineage = this.#reserve.wanted();
    const batch = this.#pending.slice(0, MAX_CHANGES_PER_COMMIT - 1);
    const seen = [...this.#seen].slice(0, MAX_CHANGES_PER_COMMIT - 1 - batch.length);
    const changes = batch.map(({ change }) => change);
    for (const folded of seen) {
      const binding = this.#bindings.get(folded);
      if (binding !== undefined)
        changes.push({ type: "seen", nickname: binding.nickname, at: binding.lastSeen });
    }
    if (lineage !== undefined) changes.push({ type: "lineage", lineage });
    if (changes.length === 0) return { durable: [], refused: [], error: undefined };
    try {
      this.#store.commit(changes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return { durable: [], refused: this.#undoAll(error, now), error };
    }
    this.#trouble = undefined;
    if (lineage !== undefined) this.#reserve.reserved(lineage);
    this.#pending = this.#pending.slice(batch.length);
    if (this.#pending.length === 0) this.#pendingSince = undefined;
    for (const folded of seen) this.#seen.delete(folded);
    if (this.#seen.size === 0) this.#seenSince = undefined;
    return { durable: batch.map(({ ticket }) => ticket), refused: [], error: undefined };
  }

  /** Whatever is under way is written; for a stop in good order. The store itself is its opener's to close. */
  flushAll(now: Millis): void {
    for (let more = true; more; ) {
      this.flush(now);
      more = this.#trouble === undefined && this.#pending.length + this.#seen.size > 0;
    }
  }

  #enqueue(now: Millis, change: StoreChange, apply: () => () => void): Verdict {
    if (this.#trouble !== undefined && now < this.#trouble.retryAt)
      return refused(this.#trouble.error.message);
    this.#lastTicket += 1;
    this.#pending.push({ ticket: this.#lastTicket, change, undo: apply() });
    this.#pendingSince ??= now;
    return { verdict: "pending", ticket: this.#lastTicket };
  }

  /** Undone in reverse order, so that each undo meets what its change has made. */
  #undoAll(error: StoreError, now: Millis): readonly Ticket[] {
    const undone = this.#pending;
    this.#pending = [];
    this.#pendingSince = undefined;
    for (const { undo } of undone.toReversed()) undo();
    this.#trouble = { error, retryAt: now + RETRY_MILLIS };
    return undone.map(({ ticket }) => ticket);
  }

  /** Of what is in force here: durable, or pending still. */
  #verdictOn(subject: string): Verdict {
    const pending = this.#pending.findLast(({ change }) => subjectOf(change) === subject);
    return pending === undefined ? { verdict: "done" } : { verdict: "pending", ticket: pending.ticket };
  }

  #put(binding: Binding): void {
    this.#bindings.set(foldNickname(binding.nickname), binding);
    this.#namesOfKey.set(binding.fingerprint, (this.#namesOfKey.get(binding.fingerprint) ?? 0) + 1);
  }

  #drop(folded: string): void {
    const binding = this.#bindings.get(folded);
    if (binding === undefined) return;
    this.#bindings.delete(folded);
    this.#seen.delete(folded);
    if (this.#seen.size === 0) this.#seenSince = undefined;
    const left = (this.#namesOfKey.get(binding.fingerprint) ?? 1) - 1;
    if (left === 0) this.#namesOfKey.delete(binding.fingerprint);
    else this.#namesOfKey.set(binding.fingerprint, left);
  }
}

/** The folded name or the key that a change is about; the one is never as long as the other. */
function subjectOf(change: StoreChange): string | undefined {
  switch (change.type) {
    case "bind":
      return foldNickname(change.binding.nickname);
    case "unbind":
      return foldNickname(change.nickname);
    case "ban":
      return change.ban.fingerprint;
    case "unban":
      return change.fingerprint;
    default:
      return undefined;
  }
}

function refused(text: string): Verdict {
  return { verdict: "refused", text };
}

/** Control characters, and halves of a pair that a cut has made, are no part of a line. */
function asLine(text: string): string {
  return text.slice(0, MAX_BAN_REASON_LENGTH).replace(/\p{C}/gu, " ");
}
