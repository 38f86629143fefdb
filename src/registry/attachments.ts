import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { type EntryKey, entryKey } from "../roster/roster.ts";
import type { AssociationId, Path } from "../sctp/api.ts";

/** An association that is up, and whose it is. */
export interface Attachment {
  readonly association: AssociationId;
  readonly key: EntryKey;
  readonly path: Path;
  /** The client's SCTP port, the second half of its key. */
  readonly port: number;
}

/**
 * Which association belongs to which client: the one from its address and port, the latest if there are several (a
 * client that came back). One whose client is not registered yet may wait a moment, then it is aborted.
 */
export class Attachments {
  readonly #byKey = new Map<EntryKey, Attachment>();
  readonly #byAssociation = new Map<AssociationId, Attachment>();
  readonly #strangers = new Deadlines<AssociationId, "register">();
  readonly #strangerMillis: Millis;

  constructor(strangerMillis: Millis) {
    this.#strangerMillis = strangerMillis;
  }

  /** An association has come up. Returns the one that it replaces, to be aborted. */
  up(
    now: Millis,
    association: AssociationId,
    path: Path,
    port: number,
    registered: boolean,
  ): Attachment | undefined {
    const attachment: Attachment = { association, key: entryKey(path.address, port), path, port };
    const former = this.#byKey.get(attachment.key);
    if (former !== undefined) this.#forget(former);
    this.#byKey.set(attachment.key, attachment);
    this.#byAssociation.set(association, attachment);
    if (!registered) this.#strangers.set(association, "register", now + this.#strangerMillis);
    return former;
  }

  /** The client speaks from elsewhere now; returns how it is attached there. */
  moved(attachment: Attachment, path: Path): Attachment {
    const waits = this.#strangers.at(attachment.association, "register");
    this.#forget(attachment);
    const moved: Attachment = { ...attachment, key: entryKey(path.address, attachment.port), path };
    this.#byKey.set(moved.key, moved);
    this.#byAssociation.set(moved.association, moved);
    if (waits !== undefined) this.#strangers.set(moved.association, "register", waits);
    return moved;
  }

  /** The client of `key` has registered; returns its association if that is up already. */
  registered(key: EntryKey): Attachment | undefined {
    const attachment = this.#byKey.get(key);
    if (attachment !== undefined) this.#strangers.clear(attachment.association, "register");
    return attachment;
  }

  of(key: EntryKey): Attachment | undefined {
    return this.#byKey.get(key);
  }

  by(association: AssociationId): Attachment | undefined {
    return this.#byAssociation.get(association);
  }

  all(): Iterable<Attachment> {
    return this.#byAssociation.values();
  }

  /** The association is gone. Returns whose it was. */
  down(association: AssociationId): Attachment | undefined {
    const attachment = this.#byAssociation.get(association);
    if (attachment !== undefined) this.#forget(attachment);
    return attachment;
  }

  nextDeadline(): Millis | undefined {
    return this.#strangers.next();
  }

  /** Associations that have waited too long for a registration; forgotten here, to be aborted. */
  *dueStrangers(now: Millis): Generator<Attachment> {
    for (let due = this.#strangers.due(now); due !== undefined; due = this.#strangers.due(now)) {
      const attachment = this.down(due.key);
      if (attachment !== undefined) yield attachment;
    }
  }

  #forget(attachment: Attachment): void {
    this.#byAssociation.delete(attachment.association);
    if (this.#byKey.get(attachment.key) === attachment) this.#byKey.delete(attachment.key);
    this.#strangers.clearAll(attachment.association);
  }
}
