import type { Writable } from "node:stream";
import type { UnixMillis } from "../base/clock.ts";
import {
  ARCHIVE_LIMITS,
  type ArchivedMessage,
  type ArchiveReader,
  type ConversationKey,
} from "../chat/archive.ts";
import { EXIT } from "../chat/exit-codes.ts";
import { historyLine, historyReport } from "./history-lines.ts";
import { jsonLine } from "./json.ts";
import { nameText } from "./lines.ts";

/** The commands about what was said. They read the archive beside whoever holds it, and need no network. */

export interface HistoryContext {
  /** Undefined: nothing has been said yet. */
  readonly reader: ArchiveReader | undefined;
  readonly output: Writable;
  readonly errors: Writable;
  readonly json: boolean;
}

/** Prints the last `limit` messages, of one conversation or of all, the oldest first. */
export function runHistory(
  context: HistoryContext,
  options: { key: ConversationKey | undefined; since: UnixMillis | undefined; limit: number },
): number {
  const { key, since, limit } = options;
  const { reader } = context;
  if (reader === undefined) return nothing(context);
  let messages: readonly ArchivedMessage[] = [];
  while (messages.length < limit) {
    const first = messages[0]?.seq;
    const range = { limit: Math.min(limit - messages.length, ARCHIVE_LIMITS.page), withIgnored: true };
    const page = reader.page(key, first === undefined ? range : { before: first, ...range });
    const fitting = page.filter(({ at }) => since === undefined || at >= since);
    messages = [...fitting, ...messages];
    if (page.length === 0 || fitting.length < page.length) break;
  }
  if (messages.length === 0 && key !== undefined) return nothing(context, key);
  print(context, messages);
  return EXIT.ok;
}

/** Prints what contains all of the words, the oldest first. */
export function runHistorySearch(
  context: HistoryContext,
  options: { words: string; key: ConversationKey | undefined; limit: number },
): number {
  const { words, key, limit } = options;
  if (context.reader === undefined) return nothing(context);
  const found = context.reader.search(words, key === undefined ? { limit } : { key, limit });
  if (found.length === 0) {
    context.errors.write("nothing found\n");
    return EXIT.unknownName;
  }
  print(context, found.toReversed());
  return EXIT.ok;
}

/** Prints everything as JSON, a line a message, the oldest first. */
export async function runHistoryExport(
  context: HistoryContext,
  options: { key: ConversationKey | undefined },
): Promise<number> {
  const { reader, output } = context;
  if (reader === undefined) return nothing(context);
  for (let after = 0; ; ) {
    const page = reader.page(options.key, { after, limit: ARCHIVE_LIMITS.page, withIgnored: true });
    const last = page.at(-1);
    if (last === undefined) return EXIT.ok;
    after = last.seq;
    const lines = page.map((message) => `${jsonLine(historyReport(message))}\n`).join("");
    // Whoever reads slowly is not run ahead of.
    if (!output.write(lines)) await new Promise((resolve) => output.once("drain", resolve));
  }
}

/** Says what was removed. */
export function tellForgotten(context: HistoryContext, key: ConversationKey, count: number): number {
  if (count === 0) return nothing(context, key);
  const { output, json } = context;
  if (json) output.write(`${jsonLine({ type: "history-forgotten", conversation: key, count })}\n`);
  else output.write(`forgotten: ${count} messages of ${nameText(key.replace(/^@/, ""))}\n`);
  return EXIT.ok;
}

function print({ output, json }: HistoryContext, messages: readonly ArchivedMessage[]): void {
  for (const message of messages)
    output.write(`${json ? jsonLine(historyReport(message)) : historyLine(message)}\n`);
}

function nothing({ errors }: HistoryContext, key?: ConversationKey): number {
  const whose = key === undefined ? "" : ` with ${nameText(key.replace(/^@/, ""))}`;
  errors.write(`nothing has been said yet${whose}\n`);
  return key === undefined ? EXIT.ok : EXIT.unknownName;
}
