import type { Command } from "commander";
import type { TransferAction } from "../chat/files/transfer.ts";
import { type FileChoices, runChangeFile, runFiles, runSendFile } from "../tui/file-scripts.ts";
import { duration } from "./chat-arguments.ts";
import { type Around, scriptRunner } from "./chat-run.ts";

interface FileFlags {
  readonly wait?: number;
  readonly queue?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const ACTIONS: readonly (readonly [TransferAction, string])[] = [
  ["accept", "take a file that is offered, and wait for it; prints where it is"],
  ["refuse", "do not take it"],
  ["pause", "stop it for now"],
  ["resume", "go on with it, and wait for it"],
  ["cancel", "end it for good"],
];

/** Adds `send-file` and `files`; `ended` takes the exit code. */
export function addFileCommands(program: Command, around: Around): void {
  const run = scriptRunner(around);
  program
    .command("send-file")
    .description("send one file; ends with 0 only when the other machine has it whole")
    .argument("<name>", "nickname")
    .argument("<path>", "the file")
    .option("--wait <time>", "wait at most so long, as 30s or 5m (default: until it is over)", duration)
    .option("--no-queue", "cancel it then, instead of leaving it to your next program")
    .option("--json", "print what became of it as JSON")
    .option("--quiet", "print no progress, and nothing about failures")
    .addHelpText("after", "\nExample: multiproto-chat send-file ola build.tar.gz --wait 10m")
    .action((to: string, path: string, flags: FileFlags) =>
      run((context) => runSendFile(context, { to, path, ...choices(flags) })),
    );
  const files = program
    .command("files")
    .description("files that are sent and received, and what to do with them");
  files
    .command("list", { isDefault: true })
    .description("print them")
    .option("--json", "one JSON object a line")
    .option("--follow", "also each change, until it is ended")
    .action(({ json = false, follow = false }: { json?: boolean; follow?: boolean }) =>
      run((context) => runFiles(context, { json, follow })),
    );
  for (const [action, description] of ACTIONS) {
    files
      .command(action)
      .description(description)
      .argument("<id>", "how its id begins, as files prints it")
      .option("--wait <time>", "wait at most so long", duration)
      .option("--json", "print what became of it as JSON")
      .option("--quiet", "print no progress, and nothing about failures")
      .action((digits: string, flags: FileFlags) =>
        run((context) => runChangeFile(context, { digits, action, ...choices(flags) })),
      );
  }
}

function choices({ wait, queue = true, json = false, quiet = false }: FileFlags): FileChoices {
  return { waitMillis: wait, queue, json, quiet, hasProgress: process.stderr.isTTY };
}
