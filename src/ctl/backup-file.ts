/** What `multiprotoctl export` printed, read whole before anything of it is done. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { errorText } from "../base/errors.ts";
import { type BannedKey, type BindingReport, parseBannedKey, parseBinding } from "../control/backup.ts";
import { parseObject, ShapeError } from "../control/parse.ts";
import { CommandFailure } from "./failure.ts";

export type BackupEntry =
  | { readonly type: "binding"; readonly binding: BindingReport }
  | { readonly type: "ban"; readonly ban: BannedKey };

/** All that a registry holds, and the first line. */
const MAX_BYTES = 32 * 1_048_576;

/** `file`: "-" is standard input. Throws CommandFailure that names the line. */
export async function readBackup(file: string): Promise<readonly BackupEntry[]> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  const name = file === "-" ? "standard input" : file;
  const failed = (why: string): CommandFailure =>
    new CommandFailure("failed", `cannot import ${name}: ${why}`);
  try {
    const text = await readAll(input);
    if (text === undefined) throw failed(`it has more than ${MAX_BYTES / 1_048_576} MiB`);
    return parseBackup(text.split("\n"));
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw failed(errorText(error));
  }
}

/** Undefined if it is too long. */
async function readAll(input: Readable): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of input) {
    length += part.length;
    if (length > MAX_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Throws ShapeError that names the line. */
export function parseBackup(lines: readonly string[]): readonly BackupEntry[] {
  const entries: BackupEntry[] = [];
  let hasHead = false;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const where = `line ${index + 1}`;
    const object = parseObject(parseJson(line, where), where);
    if (!hasHead) {
      if (object.type !== "multiproto-registry" || object.schema !== 1)
        throw new ShapeError(`${where} does not begin what multiprotoctl export printed`);
      hasHead = true;
    } else if (object.type === "binding")
      entries.push({ type: "binding", binding: parseBinding(object, where) });
    else if (object.type === "ban") entries.push({ type: "ban", ban: parseBannedKey(object, where) });
    else throw new ShapeError(`${where} is neither a binding nor a ban`);
  }
  if (!hasHead) throw new ShapeError("it is empty");
  return entries;
}

function parseJson(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ShapeError(`${where} is not JSON`);
  }
}
