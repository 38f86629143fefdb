import type { MessageId } from "../wire/mp2-values.ts";
import { foldNickname } from "../wire/nickname.ts";
import { BOUNDS } from "./bounds.ts";
import type { Delivery } from "./delivery.ts";
import { parseDestination } from "./known-peers.ts";

/** Which queue a message is in: however a nickname is written, it is one name. */
export function queueKey(to: string): string {
  return parseDestination(to) === undefined ? foldNickname(to) : to;
}

/**
 * The messages that have not ended: in order for each name, and found by their ids. Apart from what moves them, so that
 * each is in both or in neither, and a name without messages is not remembered.
 */
export class DeliveryQueues {
  readonly #queues = new Map<string, Delivery[]>();
  readonly #all = new Map<MessageId, Delivery>();

  /** Messages that something may become of soon: not those that wait, as the user knows, for somebody. */
  get pending(): number {
    let count = 0;
    for (const { told } of this.#all.values()) if (told === undefined) count += 1;
    return count;
  }

  get(id: MessageId): Delivery | undefined {
    return this.#all.get(id);
  }

  /** False when it has ended; another one may have its id by then. */
  has(delivery: Delivery): boolean {
    return this.#all.get(delivery.id) === delivery;
  }

  /** Names that something is queued for, as they are now. */
  keys(): readonly string[] {
    return [...this.#queues.keys()];
  }

  /** In order; empty when nothing is queued for that name. */
  of(key: string): readonly Delivery[] {
    return this.#queues.get(key) ?? [];
  }

  /** No more than so many, in all and for one name. */
  isFull(key: string): boolean {
    return this.of(key).length >= BOUNDS.queuedPerPeer || this.#all.size >= BOUNDS.queued;
  }

  add(delivery: Delivery): void {
    const key = queueKey(delivery.to);
    const queue = this.#queues.get(key) ?? [];
    queue.push(delivery);
    this.#queues.set(key, queue);
    this.#all.set(delivery.id, delivery);
  }

  remove(delivery: Delivery): void {
    const key = queueKey(delivery.to);
    const queue = this.#queues.get(key) ?? [];
    const at = queue.indexOf(delivery);
    if (at >= 0) queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(key);
    this.#all.delete(delivery.id);
  }

  /** Removes all, and returns them in the order in which they came. */
  takeAll(): readonly Delivery[] {
    const all = [...this.#all.values()];
    this.#queues.clear();
    this.#all.clear();
    return all;
  }
}
