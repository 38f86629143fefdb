import { existsSync } from "node:fs";
import type { Command } from "commander";
import { type ConversationKey, conversationWith } from "../chat/archive.ts";
import { parseRoom } from "../chat/commands.ts";
import { archivePath } from "../io/archive-path.ts";
import { systemClock } from "../io/clock.ts";
import { forgetConversation, openArchiveReader } from "../store/sqlite-archive.ts";
import {
  type HistoryContext,
  runHistory,
  runHistoryExport,
  runHistorySearch,
  tellForgotten,
} from "../tui/history-scripts.ts";
import { count, moment } from "./chat-arguments.ts";
import type { ChatOptions } from "./chat-run.ts";

const SHOWN = 50;

/** Adds `history` to multiproto-chat; `ended` takes the exit code. */
export function addHistoryCommands(
  program: Command,
  options: () => Pick<ChatOptions, "dataDir" | "profile">,
  ended: (code: number) => void,
): void {
  const path = (): string => {
    const { dataDir, profile } = options();
    return archivePath(process.env, dataDir, profile);
  };
  const withReader = async (
    json: boolean,
    run: (context: HistoryContext) => number | Promise<number>,
  ): Promise<void> => {
    const reader = existsSync(path()) ? openArchiveReader(path()) : undefined;
    try {
      ended(await run({ reader, output: process.stdout, errors: process.stderr, json }));
    } finally {
      reader?.close();
    }
  };
  // Options that the parent has are the parent's, wherever they stand.
  const shared = (): ShowOptions => history.opts<ShowOptions>();
  const history = program
    .command("history")
    .description("print what was said last, with NAME, in #ROOM or with everybody")
    .argument("[name]", "nickname (or @NICKNAME), or #ROOM", conversation)
    .option("--since <time>", "not older than 2h, 30d, 2026-11-25 or 2026-11-25T23:05", (text) =>
      moment(text),
    )
    .option("--limit <n>", "the last so many", count, SHOWN)
    .option("--json", "one JSON object a line")
    .addHelpText("after", "\nExample: multiproto-chat history ola --since 2h")
    .action((key: ConversationKey | undefined, { json = false, limit, since }: ShowOptions) =>
      withReader(json, (context) => runHistory(context, { key, since, limit })),
    );
  history
    .command("search")
    .description("print what contains all of the words (--limit, --json: as above)")
    .argument("<words...>", "words, or how they begin")
    .option("--with <name>", "only with NAME, or in #ROOM", conversation)
    .action((words: readonly string[], { with: key }: { with?: ConversationKey }) =>
      withReader(shared().json === true, (context) =>
        runHistorySearch(context, { words: words.join(" "), key, limit: shared().limit }),
      ),
    );
  history
    .command("export")
    .description("print everything as JSON, one object a line, the oldest first")
    .argument("[name]", "only with NAME, or in #ROOM", conversation)
    .action((key: ConversationKey | undefined) =>
      withReader(true, (context) => runHistoryExport(context, { key })),
    );
  history
    .command("forget")
    .description("remove what was said with NAME, or in #ROOM, for good; what waits to be sent stays")
    .argument("<name>", "nickname (or @NICKNAME), or #ROOM", conversation)
    .option("--before <time>", "only what is older than 30d or 2026-11-25", (text) => moment(text))
    .action((key: ConversationKey, { before }: { before?: number }) => {
      const file = { path: path(), clock: systemClock };
      const removed = existsSync(file.path) ? forgetConversation(file, key, before) : 0;
      const context = { reader: undefined, output: process.stdout, errors: process.stderr };
      ended(tellForgotten({ ...context, json: shared().json === true }, key, removed));
    });
}

interface ShowOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly since?: number;
}

function conversation(text: string): ConversationKey {
  const room = parseRoom(text);
  return room === undefined ? conversationWith(text.replace(/^@/, "")) : `#${room}`;
}
