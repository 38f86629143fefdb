import { MisuseError } from "../base/errors.ts";

/**
 * `items` in their order, in portions of at most `limit` bytes by `weigh`. No item may be heavier than `limit`: that is
 * a bug of ours, since the bounds of entries are known.
 */
export function portions<Item>(
  items: Iterable<Item>,
  weigh: (item: Item) => number,
  limit: number,
): readonly (readonly Item[])[] {
  const cut: Item[][] = [];
  let portion: Item[] = [];
  let weight = 0;
  for (const item of items) {
    const bytes = weigh(item);
    if (bytes > limit) throw new MisuseError(`an item of ${bytes} bytes in portions of ${limit}`);
    if (portion.length > 0 && weight + bytes > limit) {
      cut.push(portion);
      portion = [];
      weight = 0;
    }
    portion.push(item);
    weight += bytes;
  }
  if (portion.length > 0) cut.push(portion);
  return cut;
}
