import { existsSync } from "node:fs";
import type { Command } from "commander";
import { errorText } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { type Unread, unreadOf } from "../chat/archive.ts";
import { EXIT } from "../chat/exit-codes.ts";
import { askHolder } from "../control/chat-client.ts";
import { ConnectionError } from "../control/request-client.ts";
import { archivePath } from "../io/archive-path.ts";
import { openArchiveReader } from "../store/sqlite-archive.ts";
import { printStatus } from "../tui/status.ts";
import { type ChatOptions, openProfile } from "./chat-run.ts";

/** Adds `status` and `quit`, which are about the program that holds the presence; `ended` takes the exit code. */
export function addPresenceCommands(
  program: Command,
  { options, ended }: { readonly options: () => ChatOptions; readonly ended: (code: number) => void },
): void {
  program
    .command("status")
    .description("print whether you are online, by which of your programs, and what is unread")
    .option("--json", "as JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const given = options();
      const { socketPath } = openProfile(given);
      const holder = await ifRunning(() => askHolder(socketPath, "holder"));
      ended(printStatus({ holder, unread: unreadIn(given) }, { json, output: process.stdout }));
    });
  program
    .command("quit")
    .description("go offline, in all programs of yours")
    .action(async () => {
      const { socketPath } = openProfile(options());
      const answer = await ifRunning(() => askHolder(socketPath, "quit"));
      if (answer === undefined) process.stderr.write("not running: no program holds your presence\n");
      ended(answer === undefined ? EXIT.notRunning : EXIT.ok);
    });
}

/** Undefined where nothing was ever said. What cannot be read is told, and no reason not to tell the rest. */
function unreadIn({ dataDir, profile }: ChatOptions): Unread | undefined {
  const path = archivePath(process.env, dataDir, profile);
  if (!existsSync(path)) return undefined;
  try {
    const reader = openArchiveReader(path);
    try {
      return unreadOf(reader.conversations());
    } finally {
      reader.close();
    }
  } catch (error) {
    process.stderr.write(`multiproto-chat: ${escapeText(errorText(error))}\n`);
    return undefined;
  }
}

/** Undefined when no program holds the presence. */
async function ifRunning<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ConnectionError && error.reason === "not-running") return undefined;
    throw error;
  }
}
