import type { Millis, UnixMillis } from "../base/clock.ts";
import {
  type Fingerprint,
  isSpokenOf,
  parseFingerprint,
  parseSpokenFingerprint,
} from "../base/fingerprint.ts";
import type { Ledger, Verdict } from "../roster/ledger.ts";
import type { Entry, Roster } from "../roster/roster.ts";
import type { Ban, Binding } from "../roster/store.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import type { Durable } from "./mp2/durable.ts";
import { noticeOf } from "./mp2/notice.ts";
import type { Mp2Presence } from "./mp2/presence.ts";
import type { Sessions } from "./mp2/sessions.ts";
import type { Presence } from "./presence.ts";
import type { Returns } from "./returns.ts";

/** What an admin may ask for. `target`: a nickname, or a fingerprint as hexadecimal or spoken digits. */
export type AdminCommand = ConcerningCommand | RestoreCommand;

/** Is about somebody. */
export type ConcerningCommand =
  /** Frees a nickname for whoever comes next. */
  | { readonly type: "forget"; readonly nickname: string }
  /** Ends a session; its client may come again. */
  | { readonly type: "kick"; readonly target: string }
  /** Ends a key's session and refuses its next ones. `reason`: one line, for the list of bans; may be empty. */
  | { readonly type: "ban"; readonly target: string; readonly reason: string }
  | { readonly type: "unban"; readonly target: string };

export type RestoreCommand =
  /** Binds a nickname as another registry had it. */
  | { readonly type: "restore-binding"; readonly binding: Binding }
  | { readonly type: "restore-ban"; readonly ban: Ban };

/** Who a command was about, as far as there is one. */
export interface Concerned {
  readonly nickname?: Nickname;
  readonly fingerprint?: Fingerprint;
  readonly address?: string;
}

export type AdminFailure =
  /** Nobody of that name or key is known. */
  | "unknown"
  /** The digits fit several keys. */
  | "ambiguous"
  /** The change cannot be stored. */
  | "storage"
  /** The nickname belongs to another key. */
  | "taken"
  | "is-so-already";

export type AdminResult =
  | ({ readonly ok: true } & Concerned)
  | { readonly ok: false; readonly code: AdminFailure; readonly text: string };

/** Told once, when what was done is durable, or why it was not done. */
export type AdminDone = (result: AdminResult) => void;

/** Whom a target means: an entry of the roster, a key, or both. */
interface Target {
  readonly entry: Entry | undefined;
  readonly fingerprint: Fingerprint | undefined;
  readonly concerned: Concerned;
}

type Failure = Extract<AdminResult, { ok: false }>;

export interface AdminDeskOptions {
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly sessions: Sessions;
  readonly durable: Durable;
  readonly returns: Returns;
  readonly mp1: Presence;
  readonly mp2: Mp2Presence;
  readonly time: (now: Millis) => number;
}

/** Does what admins ask for. */
export class AdminDesk {
  readonly #options: AdminDeskOptions;

  constructor(options: AdminDeskOptions) {
    this.#options = options;
  }

  command(now: Millis, command: AdminCommand, done: AdminDone): void {
    if (command.type === "forget") {
      this.#forget(now, command.nickname, done);
      return;
    }
    if (command.type === "restore-binding") {
      this.#restore(now, command.binding, done);
      return;
    }
    if (command.type === "restore-ban") {
      const { fingerprint, reason, bannedAt } = command.ban;
      this.#ban(now, target(undefined, fingerprint), reason, done, bannedAt);
      return;
    }
    const found = this.#find(command.target);
    if ("ok" in found) {
      done(found);
      return;
    }
    if (command.type === "kick") {
      done(this.#kick(now, found));
      return;
    }
    if (command.type === "ban") {
      this.#ban(now, found, command.reason, done, this.#options.time(now));
      return;
    }
    this.#unban(now, found, done);
  }

  #forget(now: Millis, text: string, done: AdminDone): void {
    const { ledger, roster } = this.#options;
    const parsed = parseNickname(text);
    const binding = parsed.ok ? ledger.holderOf(parsed.nickname) : undefined;
    if (binding === undefined) {
      done(failure("unknown", `Nobody owns the nickname ${text}`));
      return;
    }
    const { nickname, fingerprint } = binding;
    this.#settle(now, ledger.unbind(nickname, now), { nickname, fingerprint }, done, () => {
      const entry = roster.holderOf(nickname);
      if (entry?.presence.state === "offline") roster.free(nickname);
    });
  }

  #kick(now: Millis, { entry, fingerprint, concerned }: Target): AdminResult {
    if (entry === undefined || entry.presence.state === "offline")
      return failure("is-so-already", "That client is not here");
    const session = fingerprint === undefined ? undefined : this.#options.sessions.of(fingerprint);
    if (session === undefined && entry.presence.state === "returning")
      this.#options.returns.drop(now, entry, "kicked");
    else if (session === undefined) this.#options.mp1.kick(now, entry.key);
    else this.#options.mp2.end(now, session, "kicked", { reason: "kicked" });
    return { ok: true, ...concerned };
  }

  #restore(now: Millis, binding: Binding, done: AdminDone): void {
    const { nickname, fingerprint, boundAt, lastSeen } = binding;
    const { ledger } = this.#options;
    if (ledger.holderOf(nickname)?.fingerprint === fingerprint) {
      ledger.seen(nickname, lastSeen, now);
      done(failure("is-so-already", "The nickname is bound to that key already"));
      return;
    }
    const verdict = ledger.bind(nickname, fingerprint, lastSeen, now, boundAt);
    this.#settle(now, verdict, { nickname, fingerprint }, done);
  }

  #ban(
    now: Millis,
    { fingerprint, concerned }: Target,
    reason: string,
    done: AdminDone,
    bannedAt: UnixMillis,
  ): void {
    const { ledger, roster, sessions, returns, mp2 } = this.#options;
    if (fingerprint === undefined) {
      done(failure("unknown", "That client has no key that could be banned (mp1)"));
      return;
    }
    if (ledger.banOf(fingerprint) !== undefined) {
      done(failure("is-so-already", "That key is banned already"));
      return;
    }
    this.#settle(now, ledger.ban(fingerprint, reason, bannedAt, now), concerned, done, (then) => {
      const session = sessions.of(fingerprint);
      const text = noticeOf(reason);
      const ended = { reason: "banned", ...(text === undefined ? {} : { text }) } as const;
      if (session !== undefined) mp2.end(then, session, "kicked", ended);
      const entry = roster.withFingerprint(fingerprint);
      if (entry?.presence.state === "returning") returns.drop(then, entry, "kicked");
    });
  }

  #unban(now: Millis, { fingerprint, concerned }: Target, done: AdminDone): void {
    const { ledger } = this.#options;
    if (fingerprint === undefined || ledger.banOf(fingerprint) === undefined) {
      done(failure("is-so-already", "That key is not banned"));
      return;
    }
    this.#settle(now, ledger.unban(fingerprint, now), concerned, done);
  }

  #settle(
    now: Millis,
    verdict: Verdict,
    concerned: Concerned,
    done: AdminDone,
    then: (now: Millis) => void = () => undefined,
  ): void {
    if (verdict.verdict === "taken") {
      done(failure("taken", "The nickname belongs to another key here"));
      return;
    }
    this.#options.durable.when(now, verdict, (at, refused) => {
      if (refused !== undefined) return done(failure("storage", refused));
      then(at);
      done({ ok: true, ...concerned });
    });
  }

  #find(text: string): Target | Failure {
    const { roster, ledger } = this.#options;
    const spoken = parseSpokenFingerprint(text);
    if (spoken !== undefined) {
      const known = this.#knownKeys().filter((fingerprint) => isSpokenOf(spoken, fingerprint));
      if (known.length > 1) return failure("ambiguous", "Several keys begin with these digits: give all 64");
      // All digits name a key that was never here, too.
      const fingerprint = known[0] ?? parseFingerprint(text.toLowerCase());
      if (fingerprint !== undefined) return target(roster.withFingerprint(fingerprint), fingerprint);
      return failure("unknown", "No key with these digits is known");
    }
    const parsed = parseNickname(text);
    const entry = parsed.ok ? roster.holderOf(parsed.nickname) : undefined;
    const binding = parsed.ok ? ledger.holderOf(parsed.nickname) : undefined;
    if (entry === undefined && binding === undefined)
      return failure("unknown", `Nobody called ${text} is known`);
    return target(entry, entry?.profile?.fingerprint ?? binding?.fingerprint, binding?.nickname);
  }

  #knownKeys(): readonly Fingerprint[] {
    const { sessions, ledger } = this.#options;
    const keys = new Set<Fingerprint>();
    for (const { fingerprint } of sessions.all()) keys.add(fingerprint);
    for (const { fingerprint } of ledger.bindings()) keys.add(fingerprint);
    for (const { fingerprint } of ledger.bans()) keys.add(fingerprint);
    return [...keys];
  }
}

function target(entry: Entry | undefined, fingerprint: Fingerprint | undefined, bound?: Nickname): Target {
  const nickname = entry?.nickname ?? bound;
  const concerned = {
    ...(nickname === undefined ? {} : { nickname }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(entry === undefined ? {} : { address: entry.address }),
  };
  return { entry, fingerprint, concerned };
}

function failure(code: AdminFailure, text: string): Failure {
  return { ok: false, code, text };
}
