/** The number that every JSON output carries; it changes when a field changes its meaning or goes away. */
export const JSON_SCHEMA = 1;

/** As JSON on one line, pure of anything that a terminal acts on: such characters are written as \uXXXX. */
export function jsonLine(value: object): string {
  const json = JSON.stringify({ schema: JSON_SCHEMA, ...value });
  return json.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => escapeUnit(character.charCodeAt(index))).join(""),
  );
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
