import { escapeJson } from "../base/text.ts";

/** The number that every JSON output carries; it changes when a field changes its meaning or goes away. */
export const JSON_SCHEMA = 1;

/** As JSON on one line, pure of anything that a terminal acts on: such characters are written as \uXXXX. */
export function jsonLine(value: object): string {
  return escapeJson(JSON.stringify({ schema: JSON_SCHEMA, ...value }));
}
