#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import { Command, CommanderError } from "commander";
import { errorCode, errorText } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { EXIT } from "../chat/exit-codes.ts";
import { runList, runListen, runSend } from "../tui/scripts.ts";
import { DEFAULT_ENCAPSULATION_PORT, DEFAULT_PORT } from "../wire/mp1-discovery.ts";
import { count, duration, hostsAndPorts, nickname, portNumber } from "./chat-arguments.ts";
import { addHistoryCommands } from "./chat-history.ts";
import { type ChatOptions, converse, runWith } from "./chat-run.ts";
import { addTrustCommands } from "./chat-trust.ts";

const EXAMPLES = `
Examples:
  multiproto-chat                                  chat; /help tells the commands
  multiproto-chat list --json                      who is there
  make && multiproto-chat send ola 'build is green'
  uptime | multiproto-chat send ola - --wait 30s   wait until she is online
  multiproto-chat listen --count 1                 print one message and end
  multiproto-chat history search deploy --with ola what was said of it
  multiproto-chat fingerprint                      your key, to be read to others

Exit codes: 0 done (send: confirmed by the peer), 1 failure, 2 usage, 5 nobody of that name,
  6 not confirmed in time, 7 nickname taken, 8 refused or not confirmed by the peer, 9 no registry found,
  10 another key than the one that you know`;

async function main(): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("multiproto-chat")
    .description("Chat with the people on this network, peer to peer.")
    .version(version())
    .option("--nick <name>", "nickname (default: your login name)", nickname)
    .option(
      "--registry <host[:port]>",
      "ask this host, instead of all on this network; again for more",
      hostsAndPorts,
    )
    .option("--interface <name>", "search on this network interface only")
    .option("--port <n>", "port of the registry", portNumber, DEFAULT_PORT)
    .option("--no-legacy", "only registries and people with keys: nothing by mp1")
    .option("--data-dir <dir>", "where your keys are (default: ~/.local/share/multiproto)")
    .option("--encapsulation-port <n>", "its UDP port for SCTP", portNumber, DEFAULT_ENCAPSULATION_PORT)
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .action(async () => {
      code = await converse(program.opts<ChatOptions>());
    });
  program
    .command("list")
    .description("print who is there")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample: multiproto-chat list --json | jq -r '.clients[].nickname'")
    .action(async ({ json = false }: { json?: boolean }) => {
      code = await runWith(program.opts<ChatOptions>(), (context) => runList(context, { json }));
    });
  program
    .command("send")
    .description("send one message; ends with 0 only when the other machine confirmed it")
    .argument("<name>", "nickname, or ADDRESS:PORT as listed")
    .argument("[text]", "the text, or - to read it from standard input", "-")
    .option("--wait <time>", "wait so long for NAME to be online and to confirm, as 30s or 5m", duration, 0)
    .addHelpText("after", "\nExample: make && multiproto-chat send ola 'build is green' --wait 30s")
    .action(async (to: string, words: string, { wait }: { wait: number }) => {
      const text = words === "-" ? await readAll(process.stdin) : words;
      const options = { to, text, waitMillis: wait };
      code = await runWith(program.opts<ChatOptions>(), (context) => runSend(context, options));
    });
  program
    .command("listen")
    .description("print messages as they come")
    .option("--json", "one JSON object a line")
    .option("--count <n>", "end after so many messages", count)
    .addHelpText("after", "\nExample: multiproto-chat --nick bot listen --json --count 1")
    .action(async ({ json = false, count }: { json?: boolean; count?: number }) => {
      code = await runWith(program.opts<ChatOptions>(), (context) => runListen(context, { json, count }));
    });
  addHistoryCommands(program, (ended) => {
    code = ended;
  });
  addTrustCommands(program, (ended) => {
    code = ended;
  });
  await program.parseAsync();
  return code;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return String((manifest as { version?: unknown }).version);
}

// Whoever read our output has seen enough: `multiproto-chat listen | head -1`.
process.stdout.on("error", (error) => process.exit(errorCode(error) === "EPIPE" ? EXIT.ok : EXIT.failure));

try {
  const code = await main();
  process.exitCode ??= code;
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else {
    process.stderr.write(`multiproto-chat: ${escapeText(errorText(error))}\n`);
    process.exitCode = EXIT.failure;
  }
}
