import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import { runList, runListen, runSend, runWait } from "../tui/scripts.ts";
import { count, duration } from "./chat-arguments.ts";
import { type Around, scriptRunner } from "./chat-run.ts";

interface SendFlags {
  readonly wait: number;
  readonly queue: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Adds the commands for scripts; `ended` takes the exit code. */
export function addScriptCommands(program: Command, around: Around): void {
  const run = scriptRunner(around);
  program
    .command("list")
    .description("print who is there")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample: multiproto-chat list --json | jq -r '.clients[].nickname'")
    .action(({ json = false }: { json?: boolean }) => run((context) => runList(context, { json })));
  program
    .command("send")
    .description("send one message; ends with 0 only when the other machine confirmed it")
    .argument("<name>", "nickname, ADDRESS:PORT as listed, or #ROOM that you are in")
    .argument("[text]", "the text, or - to read it from standard input", "-")
    .option("--wait <time>", "wait so long for NAME to be online and to confirm, as 30s or 5m", duration, 0)
    .option("--no-queue", "give up instead of keeping it for somebody who is offline")
    .option("--json", "print what became of it as JSON")
    .option("--quiet", "print nothing about failures")
    .addHelpText("after", "\nExample: make && multiproto-chat send ola 'build is green' --wait 30s")
    .action(async (to: string, words: string, { wait, json = false, quiet = false, queue }: SendFlags) => {
      const text = words === "-" ? await readAll(process.stdin) : words;
      await run((context) => runSend(context, { to, text, waitMillis: wait, queue, json, quiet }));
    });
  program
    .command("listen")
    .description("print messages as they come")
    .option("--json", "one JSON object a line")
    .option("--count <n>", "end after so many messages", count)
    .option("--from <name>", "those of NAME only")
    .addHelpText("after", "\nExample: multiproto-chat listen --json --from ola --count 1")
    .action(({ json = false, count, from }: { json?: boolean; count?: number; from?: string }) =>
      run((context) => runListen(context, { json, count, from })),
    );
  program
    .command("wait")
    .description("wait until somebody is there")
    .requiredOption("--online <name>", "until NAME is online")
    .option("--timeout <time>", "at most so long, as 60s or 5m", duration)
    .addHelpText("after", "\nExample: multiproto-chat wait --online ola --timeout 10m && echo she is back")
    .action(({ online: name, timeout: timeoutMillis }: { online: string; timeout?: number }) =>
      run((context) => runWait(context, { name, timeoutMillis })),
    );
}
