/** A line of the registry's log, taken apart as docs/operations.md says ("Fields of a line"). */
export interface LogLine {
  readonly sentence: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** Throws where the line does not follow the grammar. Without the priority or the time that may stand before it. */
export function parseLogLine(line: string): LogLine {
  const begin = /(?<![\w-])[a-z][a-z0-9-]*=/.exec(line)?.index ?? line.length + 1;
  const sentence = line.slice(0, begin - 1);
  const fields = new Map<string, string>();
  const field = / ([a-z][a-z0-9-]*)=(?:"((?:[^"\\=]|\\.)*)"|([^\s"=\\]+))/y;
  for (field.lastIndex = sentence.length; field.lastIndex < line.length; ) {
    const at = field.lastIndex;
    const [, key = "", quoted, bare = ""] = field.exec(line) ?? [];
    if (key === "") throw new Error(`no field at column ${at} of: ${line}`);
    if (fields.has(key)) throw new Error(`${key} stands twice in: ${line}`);
    fields.set(key, quoted === undefined ? bare : String(JSON.parse(`"${quoted}"`)));
  }
  if (sentence === "") throw new Error(`no sentence in: ${line}`);
  return { sentence, fields };
}
