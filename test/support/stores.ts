import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../src/base/clock.ts";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { Ban, Binding, StoredState } from "../../src/roster/store.ts";
import { type OpenedStore, openSqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite.ts";
import type { Epoch } from "../../src/wire/mp2-values.ts";
import { foldNickname, type Nickname, parseNickname } from "../../src/wire/nickname.ts";
import type { Owner } from "./until.ts";

/** 2026-11-25T00:14:42Z. */
export const WALL = 1_795_565_682_000;

export function nick(text: string): Nickname {
  const parsed = parseNickname(text);
  if (!parsed.ok) throw new Error(parsed.text);
  return parsed.nickname;
}

export function key(number: number): Fingerprint {
  return number.toString(16).padStart(64, "0") as Fingerprint;
}

export function epoch(number: number): Epoch {
  return number.toString(16).padStart(16, "0") as Epoch;
}

export function binding(name: string, owner: number, lastSeen = WALL): Binding {
  return { nickname: nick(name), fingerprint: key(owner), boundAt: WALL, lastSeen };
}

export function ban(owner: number, reason = ""): Ban {
  return { fingerprint: key(owner), bannedAt: WALL, reason };
}

/** In an order that does not depend on the back end. */
export function sorted(state: StoredState): StoredState {
  const name = ({ nickname }: Binding): string => foldNickname(nickname);
  return {
    bindings: state.bindings.toSorted((left, right) => (name(left) < name(right) ? -1 : 1)),
    bans: state.bans.toSorted((left, right) => (left.fingerprint < right.fingerprint ? -1 : 1)),
    lineage: state.lineage,
  };
}

export function temporaryDirectory(owner: Owner, parent = tmpdir()): string {
  const directory = mkdtempSync(join(parent, "multiproto-store-test-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The same in memory where there is such a place: for what is about bytes, not about a disk. */
export function memoryDirectory(owner: Owner): string {
  const shared = "/dev/shm";
  return temporaryDirectory(owner, existsSync(shared) ? shared : tmpdir());
}

/** The database of a state directory, closed with its owner. */
export function openStore(
  owner: Owner,
  stateDirectory: string,
  options: Partial<SqliteStoreOptions> = {},
): OpenedStore {
  const opened = openSqliteStore({ stateDirectory, clock: { wall: () => WALL }, ...options });
  owner.after(() => {
    try {
      opened.store.close();
    } catch {
      // Closed by the test.
    }
  });
  return opened;
}

/** The same bytes for the same seed; not for anything secret. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    below: (limit) => next() % limit,
  };
}
