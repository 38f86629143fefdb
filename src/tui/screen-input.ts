import { type Row, span } from "./screen-style.ts";
import { padToWidth } from "./screen-wrap.ts";
import { graphemes, graphemeWidth, textWidth } from "./width.ts";

/** What is being typed, as rows, and where the cursor stands in them. */
export interface InputBox {
  readonly rows: readonly Row[];
  readonly cursor: { readonly x: number; readonly y: number };
}

/** At most `height` rows: those around the cursor. Later rows stand under the first one's text. */
export function inputBox(
  input: { readonly label: string; readonly before: string; readonly after: string },
  { columns, height }: { columns: number; height: number },
): InputBox {
  const label = textWidth(input.label) > columns / 2 ? "> " : input.label;
  const indent = textWidth(label);
  // One column stays free for the cursor behind the last character.
  const room = Math.max(2, columns - indent - 1);
  const before = brokenLines(nearCursor(input.before, "before", room * height), room);
  const cursorRow = before.length - 1;
  const lastBefore = before[cursorRow] ?? "";
  const after = brokenLines(nearCursor(input.after, "after", room * height), room, textWidth(lastBefore));
  const lines = [...before.slice(0, -1), lastBefore + (after[0] ?? ""), ...after.slice(1)];
  const first = Math.max(0, Math.min(cursorRow - Math.floor(height / 2), lines.length - height));
  const rows = lines
    .slice(first, first + height)
    .map((text, index): Row => [span(padToWidth(index === 0 ? label : "", indent), "strong"), span(text)]);
  return { rows, cursor: { x: indent + textWidth(lastBefore), y: cursorRow - first } };
}

/** No more of a long text is laid out than can be in view. */
function nearCursor(text: string, side: "before" | "after", units: number): string {
  // Of marks and joiners there are several to a column.
  const most = units * 4;
  if (text.length <= most) return text;
  return side === "before"
    ? text.slice(-most).replace(/^[\uDC00-\uDFFF]/, "")
    : text.slice(0, most).replace(/[\uD800-\uDBFF]$/, "");
}

/** Broken after each row's last character that fits; the first row has `used` columns less. */
function brokenLines(text: string, room: number, used = 0): readonly string[] {
  const rows: string[] = [];
  let width = used;
  for (const line of text.split("\n")) {
    let row = "";
    for (const grapheme of graphemes(line)) {
      const next = graphemeWidth(grapheme);
      if (width + next > room) {
        rows.push(row);
        row = "";
        width = 0;
      }
      row += grapheme;
      width += next;
    }
    rows.push(row);
    width = 0;
  }
  return rows;
}
