import { readFileSync } from "node:fs";

/** A rule of src/sctp, and how to break it: `text`, which stands once in `file`, becomes `becomes`. */
export interface Mutant {
  readonly rule: string;
  /** Below src/sctp. */
  readonly file: string;
  /** Tests that are likely to notice. */
  readonly likely: readonly string[];
  readonly text: string;
  readonly becomes: string;
}

/**
 * sctp.txt: `[file] likely tests`, then one line a mutant, `rule :: text :: what it becomes`, where `\n` is a line
 * break and what becomes nothing may be left out.
 */
export function readMutants(): readonly Mutant[] {
  const mutants: Mutant[] = [];
  let [file = "", ...likely]: readonly string[] = [];
  for (const line of readFileSync(new URL("sctp.txt", import.meta.url), "utf8").split("\n")) {
    if (line.startsWith("[")) [file = "", ...likely] = line.slice(1).replace("]", "").split(" ");
    else if (line !== "") mutants.push({ file, likely, ...mutantOf(line) });
  }
  return mutants;
}

function mutantOf(line: string): Pick<Mutant, "rule" | "text" | "becomes"> {
  const [rule = "", text, becomes = ""] = line.split(/ ::(?: |$)/);
  if (text === undefined) throw new Error(`not a mutant: ${line}`);
  return { rule, text: text.replaceAll("\\n", "\n"), becomes: becomes.replaceAll("\\n", "\n") };
}

/** `source` with its rule broken; undefined when the text does not stand there just once. */
export function broken({ text, becomes }: Mutant, source: string): string | undefined {
  const parts = source.split(text);
  return parts.length === 2 ? parts.join(becomes) : undefined;
}
