import type { Millis } from "../../base/clock.ts";
import type { Fingerprint } from "../../base/fingerprint.ts";
import type { Seals } from "../../base/seal.ts";
import { type EntryKey, entryKey } from "../../roster/roster.ts";
import type { AssociationId, Path } from "../../sctp/api.ts";
import { canonicalAddress, type SessionId } from "../../wire/mp2-values.ts";
import type { Nickname } from "../../wire/nickname.ts";
import type { Receiver } from "./receiver.ts";

/** Where a session stands. All transitions are in `presence.ts`; docs/protocol-mp2.md has the table. */
export type SessionState =
  /** Registered, its association is not up yet. */
  | { readonly step: "joining" }
  /** Its association is up, its `attach` has not come yet. */
  | { readonly step: "greeting"; readonly association: AssociationId }
  | { readonly step: "attached"; readonly association: AssociationId; readonly receiver: Receiver }
  | { readonly step: "ended" };

/** One registration of one key. */
export interface Session {
  readonly id: SessionId;
  readonly fingerprint: Fingerprint;
  readonly nickname: Nickname;
  /** The client's port P, which is that of its SCTP as well. */
  readonly port: number;
  /** When it was registered, or resumed. */
  readonly begunAt: Millis;
  readonly seals: Seals;
  /** What its ticket holds, by which it goes on. */
  readonly secret: Uint8Array;
  /** Its entry in the roster; another when its address changes. */
  key: EntryKey;
  address: string;
  state: SessionState;
  /** What a join with that cookie is answered until it is attached. */
  answer?: { readonly cookie: Uint8Array; readonly bytes: Uint8Array } | undefined;
}

/** An association of an mp2 client. Without session: what is left of one that ended, nobody listens to it. */
export interface Held {
  readonly association: AssociationId;
  readonly path: Path;
  readonly port: number;
  readonly session: Session | undefined;
}

/** Who is who: one session a key, one an address and port, one association a session. Pure bookkeeping. */
export class Sessions {
  readonly #byKey = new Map<EntryKey, Session>();
  readonly #byFingerprint = new Map<Fingerprint, Session>();
  readonly #held = new Map<AssociationId, Held>();
  readonly #heldAt = new Map<EntryKey, AssociationId>();
  readonly #perAddress = new Map<string, number>();

  at(key: EntryKey): Session | undefined {
    return this.#byKey.get(key);
  }

  of(fingerprint: Fingerprint): Session | undefined {
    return this.#byFingerprint.get(fingerprint);
  }

  held(association: AssociationId): Held | undefined {
    return this.#held.get(association);
  }

  all(): Iterable<Session> {
    return this.#byFingerprint.values();
  }

  associations(): Iterable<AssociationId> {
    return this.#held.keys();
  }

  countAt(address: string): number {
    return this.#perAddress.get(address) ?? 0;
  }

  /** Whoever had its key or its place must have been removed. */
  add(session: Session): void {
    this.#byKey.set(session.key, session);
    this.#byFingerprint.set(session.fingerprint, session);
    this.#count(session.address, 1);
  }

  remove(session: Session): void {
    if (this.#byFingerprint.get(session.fingerprint) !== session) return;
    this.#byFingerprint.delete(session.fingerprint);
    this.#byKey.delete(session.key);
    this.#count(session.address, -1);
  }

  move(session: Session, key: EntryKey, address: string): void {
    this.remove(session);
    session.key = key;
    session.address = address;
    this.add(session);
  }

  /** The association from that address and port, whoever's it is. */
  heldAt(key: EntryKey): AssociationId | undefined {
    return this.#heldAt.get(key);
  }

  /** Replaces what was held of the same association. Another one from the same place must have been released. */
  hold(held: Held): void {
    this.release(held.association);
    this.#held.set(held.association, held);
    this.#heldAt.set(placeOf(held), held.association);
  }

  release(association: AssociationId): Held | undefined {
    const held = this.#held.get(association);
    if (held === undefined) return undefined;
    this.#held.delete(association);
    this.#heldAt.delete(placeOf(held));
    return held;
  }

  #count(address: string, by: number): void {
    const count = this.countAt(address) + by;
    if (count > 0) this.#perAddress.set(address, count);
    else this.#perAddress.delete(address);
  }
}

function placeOf({ path, port }: Held): EntryKey {
  return placeKey(path.address, port);
}

/** The key of whoever is at that end of an association, whose address may carry a zone. */
export function placeKey(address: string, port: number): EntryKey {
  return entryKey(canonicalAddress(address) ?? address, port);
}
