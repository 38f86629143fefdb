/** A binary heap of what is to happen; among equals what was put in first comes first, so runs repeat exactly. */
export class Schedule<Item extends object> {
  readonly #heap: Entry<Item>[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  first(): Entry<Item> | undefined {
    return this.#heap[0];
  }

  push(at: number, item: Item): void {
    const heap = this.#heap;
    const entry = { at, order: this.#order++, item };
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  shift(): Entry<Item> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const smaller = heap[child] ?? left;
      if (isBefore(last, smaller)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

export interface Entry<Item> {
  readonly at: number;
  readonly order: number;
  readonly item: Item;
}

function isBefore(one: Entry<object>, other: Entry<object>): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
