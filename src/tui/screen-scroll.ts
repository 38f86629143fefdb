import type { Row } from "./screen-style.ts";

/** Rows of a transcript, entry by entry; only those that are looked at are made. */
export interface RowSource {
  readonly count: number;
  rows(index: number): readonly Row[];
  keyAt(index: number): number;
  indexOf(key: number): number;
}

/** What stands in the lowest row: the end, whatever comes; or a row of an entry. */
export type Anchor = "end" | { readonly key: number; readonly row: number };

interface Place {
  readonly index: number;
  readonly row: number;
}

/** The rows to show, the lowest last; fewer than `height` where there are no more. */
export function windowRows(source: RowSource, anchor: Anchor, height: number): readonly Row[] {
  const shown: Row[] = [];
  let place: Place | undefined = resolve(source, anchor);
  while (place !== undefined && shown.length < height) {
    const rows = source.rows(place.index);
    const row = rows[place.row];
    if (row !== undefined) shown.push(row);
    place = above(source, place);
  }
  return shown.reverse();
}

/**
 * Moves by so many rows (up: negative). `older` and `newer` fetch more where the source ends, and say whether there was
 * any.
 */
export function moveAnchor(
  source: RowSource,
  from: Anchor,
  move: { by: number; height: number; older: () => boolean; newer: () => boolean },
): Anchor {
  const begin = resolve(source, from);
  if (begin === undefined) return "end";
  const moved = move.by < 0 ? moveUp(source, begin, move) : moveDown(source, begin, move);
  return moved === undefined ? "end" : { key: source.keyAt(moved.index), row: moved.row };
}

function moveUp(
  source: RowSource,
  begin: Place,
  { by, height, older }: { by: number; height: number; older: () => boolean },
): Place | undefined {
  let place = begin;
  for (let left = -by; left > 0; left -= 1) {
    const next = above(source, place) ?? fetched(source, place, older);
    if (next === undefined) break;
    place = next;
  }
  return filled(source, place, { height, older });
}

/** Not so far up that the window would be empty at its top. */
function filled(
  source: RowSource,
  wanted: Place,
  { height, older }: { height: number; older: () => boolean },
): Place | undefined {
  let key = source.keyAt(wanted.index);
  let top: Place = wanted;
  let missing = height - 1;
  while (missing > 0) {
    const count = source.count;
    const next = above(source, top) ?? fetched(source, top, older);
    if (next === undefined) break;
    // What was fetched moved all indices.
    if (source.count !== count) key = source.keyAt(source.indexOf(key));
    top = next;
    missing -= 1;
  }
  let place: Place = { index: source.indexOf(key), row: wanted.row };
  for (; missing > 0; missing -= 1) {
    const next = below(source, place);
    if (next === undefined) return undefined;
    place = next;
  }
  return place;
}

function moveDown(
  source: RowSource,
  begin: Place,
  { by, newer }: { by: number; newer: () => boolean },
): Place | undefined {
  let place = begin;
  for (let left = by; left > 0; left -= 1) {
    const key = source.keyAt(place.index);
    const next = below(source, place) ?? (newer() ? below(source, at(source, key, place.row)) : undefined);
    if (next === undefined) return undefined;
    place = next;
  }
  return place;
}

function fetched(source: RowSource, place: Place, older: () => boolean): Place | undefined {
  const key = source.keyAt(place.index);
  return older() ? above(source, at(source, key, place.row)) : undefined;
}

function at(source: RowSource, key: number, row: number): Place {
  return { index: Math.max(0, source.indexOf(key)), row };
}

function resolve(source: RowSource, anchor: Anchor): Place | undefined {
  const last = source.count - 1;
  if (last < 0) return undefined;
  const index = anchor === "end" ? last : source.indexOf(anchor.key);
  if (anchor === "end" || index < 0) return { index: last, row: source.rows(last).length - 1 };
  return { index, row: Math.min(anchor.row, source.rows(index).length - 1) };
}

function above(source: RowSource, { index, row }: Place): Place | undefined {
  if (row > 0) return { index, row: row - 1 };
  for (let before = index - 1; before >= 0; before -= 1) {
    const { length } = source.rows(before);
    if (length > 0) return { index: before, row: length - 1 };
  }
  return undefined;
}

function below(source: RowSource, { index, row }: Place): Place | undefined {
  if (row + 1 < source.rows(index).length) return { index, row: row + 1 };
  for (let after = index + 1; after < source.count; after += 1) {
    if (source.rows(after).length > 0) return { index: after, row: 0 };
  }
  return undefined;
}
