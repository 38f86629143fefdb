#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { readFileSync } from "node:fs";
import { Argument, Command, CommanderError } from "commander";
import { errorCode, errorText } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { EXIT } from "../chat/exit-codes.ts";
import { completionScript, SHELLS, type Shell } from "../ctl/completion.ts";
import { DEFAULT_ENCAPSULATION_PORT, DEFAULT_PORT } from "../wire/mp1-discovery.ts";
import { hostsAndPorts, nickname, portNumber } from "./chat-arguments.ts";
import { addConfigCommands, withConfiguration } from "./chat-config.ts";
import { addDoctorCommand } from "./chat-doctor.ts";
import { addFileCommands } from "./chat-files.ts";
import { addHistoryCommands } from "./chat-history.ts";
import { addPresenceCommands } from "./chat-presence.ts";
import { type ChatOptions, converse, type Typed } from "./chat-run.ts";
import { addScriptCommands } from "./chat-scripts.ts";
import { addTrustCommands } from "./chat-trust.ts";

const EXAMPLES = `
Examples:
  multiproto-chat                                  chat; /help tells the commands
  multiproto-chat list --json                      who is there
  make && multiproto-chat send ola 'build is green'
  uptime | multiproto-chat send ola - --wait 30s   wait until she is online
  multiproto-chat wait --online ola                until she is there
  multiproto-chat listen --count 1                 print one message and end
  multiproto-chat send-file ola build.tar.gz       a file; files accept ID takes one
  multiproto-chat history search deploy --with ola what was said of it
  multiproto-chat --background                     stay online without a terminal; also: status, quit
  multiproto-chat doctor --registry HOST           why it does not work
  multiproto-chat fingerprint                      your key, to be read to others

Exit codes: 0 done (send: confirmed by the peer), 1 failure, 2 usage, 5 nobody of that name,
  6 not confirmed in time, 7 nickname taken, 8 refused or not confirmed by the peer, 9 no registry found,
  10 another key than the one that you know, 11 kept for somebody who is offline, 12 status, quit: not running,
  13 doctor: problems found, 14 removed or banned by the registry's admin`;

/** What it takes and does, and the exit code once that is done; the manual page is made of it, too. */
export function chatProgram(): { readonly program: Command; readonly code: () => number } {
  let code: number = EXIT.ok;
  const ended = (with_: number): void => {
    code = with_;
  };
  const program = new Command("multiproto-chat");
  const isTyped: Typed = (option) => program.getOptionValueSource(option) === "cli";
  const options = (): ChatOptions => {
    const given = { ...program.opts<Omit<ChatOptions, "version">>(), version: version() };
    return withConfiguration(given, isTyped);
  };
  program
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
    .option("--no-legacy", "only registries and people with keys: no older clients (mp1)")
    .option("--plain", "lines instead of the full screen, also for screen readers")
    .option("--data-dir <dir>", "where your keys are (default: ~/.local/share/multiproto)")
    .option("--encapsulation-port <n>", "its UDP port for SCTP", portNumber, DEFAULT_ENCAPSULATION_PORT)
    .option("--profile <name>", "another you: its own key, its own settings in chat.toml")
    .option("--background", "stay online without a terminal, until: multiproto-chat quit")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .action(async () => ended(await converse(options(), isTyped)));
  addScriptCommands(program, { options, isTyped, ended });
  addFileCommands(program, { options, isTyped, ended });
  addPresenceCommands(program, { options, ended });
  addDoctorCommand(program, { options, ended });
  addConfigCommands(program, ended);
  addHistoryCommands(program, options, ended);
  addTrustCommands(program, options, ended);
  program
    .command("completion")
    .description("print the completion script of a shell")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText("after", "\nExample: source <(multiproto-chat completion bash)")
    .action((shell: Shell) => void process.stdout.write(completionScript(program, shell)));
  return { program, code: () => code };
}

async function main(): Promise<number> {
  const { program, code } = chatProgram();
  await program.parseAsync();
  return code();
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return String((manifest as { version?: unknown }).version);
}

if (import.meta.main) {
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
}
