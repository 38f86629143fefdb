import { escapeText } from "../base/text.ts";
import { textWidth } from "./width.ts";

/** Rows under headings, columns as wide as they need to be. Cells are escaped before they are measured. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [headings, ...rows].map((cells) => cells.map((cell) => escapeText(cell)));
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((cells) => textWidth(cells[column] ?? ""))),
  );
  return lines.map((cells) =>
    cells
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - textWidth(cell)))
      .join("  ")
      .trimEnd(),
  );
}
