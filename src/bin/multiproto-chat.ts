#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { text as readAll } from "node:stream/consumers";
import { Command, CommanderError } from "commander";
import { errorCode, errorText } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { WhenTaken } from "../chat/settings.ts";
import type { RegistryPlace } from "../io/chat-discovery.ts";
import { ChatShell } from "../io/chat-shell.ts";
import { systemClock } from "../io/clock.ts";
import { usableInterfaces } from "../io/interfaces.ts";
import { systemRandom } from "../io/random.ts";
import { createSctpEndpoint, WATCHED_SCTP_SETTINGS } from "../sctp/index.ts";
import { LineFace } from "../tui/line-face.ts";
import { historyPath } from "../tui/line-history.ts";
import { runPlain } from "../tui/line-plain.ts";
import { runList, runListen, runSend, type ScriptContext } from "../tui/scripts.ts";
import { DEFAULT_ENCAPSULATION_PORT, DEFAULT_PORT, MP1_GROUP } from "../wire/mp1-discovery.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import { count, duration, hostsAndPorts, nickname, portNumber } from "./chat-arguments.ts";
import { addTrustCommands } from "./chat-trust.ts";

interface Options {
  readonly nick?: Nickname;
  readonly registry?: { readonly host: string; readonly port: number | undefined };
  readonly interface?: string;
  readonly port: number;
  readonly encapsulationPort: number;
}

const EXAMPLES = `
Examples:
  multiproto-chat                                  chat; /help tells the commands
  multiproto-chat list --json                      who is there
  make && multiproto-chat send ola 'build is green'
  uptime | multiproto-chat send ola - --wait 30s   wait until she is online
  multiproto-chat listen --count 1                 print one message and end

Exit codes: 0 done (send: confirmed by the peer), 1 failure, 2 usage, 5 nobody of that name,
  6 not confirmed in time, 7 nickname taken, 8 refused or not confirmed by the peer, 9 no registry found`;

async function main(): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("multiproto-chat")
    .description("Chat with the people on this network, peer to peer.")
    .version(version())
    .option("--nick <name>", "nickname (default: your login name)", nickname)
    .option(
      "--registry <host[:port]>",
      "ask this host instead of searching by multicast",
      (text: string) => hostsAndPorts(text)[0],
    )
    .option("--interface <name>", "search on this network interface only")
    .option("--port <n>", "port of the registry", portNumber, DEFAULT_PORT)
    .option("--data-dir <dir>", "where your keys are (default: ~/.local/share/multiproto)")
    .option("--encapsulation-port <n>", "its UDP port for SCTP", portNumber, DEFAULT_ENCAPSULATION_PORT)
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .action(async () => {
      code = await converse(program.opts<Options>());
    });
  program
    .command("list")
    .description("print who is there")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample: multiproto-chat list --json | jq -r '.clients[].nickname'")
    .action(async ({ json = false }: { json?: boolean }) => {
      code = await script(program.opts<Options>(), (context) => runList(context, { json }));
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
      code = await script(program.opts<Options>(), (context) => runSend(context, options));
    });
  program
    .command("listen")
    .description("print messages as they come")
    .option("--json", "one JSON object a line")
    .option("--count <n>", "end after so many messages", count)
    .addHelpText("after", "\nExample: multiproto-chat --nick bot listen --json --count 1")
    .action(async ({ json = false, count }: { json?: boolean; count?: number }) => {
      code = await script(program.opts<Options>(), (context) => runListen(context, { json, count }));
    });
  addTrustCommands(program, (ended) => {
    code = ended;
  });
  await program.parseAsync();
  return code;
}

/** People: in a terminal with editing, else the same commands line by line. */
async function converse(options: Options): Promise<number> {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const { shell, context } = await open(options, isTerminal ? "ask" : whenTaken(options));
  const common = { shell, clock: systemClock, context };
  leaveOnSignals(shell);
  try {
    if (!isTerminal) return await runPlain({ ...common, input: process.stdin, output: process.stdout });
    const hasColor = (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
    const terminal = { input: process.stdin, output: process.stdout, hasColor };
    return await new LineFace({ ...common, ...terminal, historyPath: historyPath(process.env) }).run();
  } finally {
    await shell.close();
  }
}

async function script(options: Options, run: (context: ScriptContext) => Promise<number>): Promise<number> {
  const { shell, context } = await open(options, whenTaken(options));
  leaveOnSignals(shell);
  try {
    const streams = { output: process.stdout, errors: process.stderr };
    return await run({ shell, clock: systemClock, search: context, ...streams });
  } finally {
    await shell.close();
  }
}

/** Without a name of one's own choice any free one will do. */
function whenTaken(options: Options): WhenTaken {
  return options.nick === undefined ? "suggestion" : "end";
}

async function open(options: Options, taken: WhenTaken) {
  const registry = place(options);
  const shell = await ChatShell.open({
    settings: {
      nickname: options.nick ?? loginName(),
      whenTaken: taken,
      legacy: true,
      hosts: options.registry === undefined ? [] : [options.registry.host],
    },
    registry,
    encapsulationPort: options.encapsulationPort,
    clock: systemClock,
    random: systemRandom,
    createEndpoint: (localPort) =>
      createSctpEndpoint({
        localPort,
        settings: WATCHED_SCTP_SETTINGS,
        random: systemRandom,
        now: systemClock.now(),
      }),
  });
  return { shell, context: { place: placeText(registry) } };
}

function place(options: Options): RegistryPlace {
  const { registry, port } = options;
  if (registry !== undefined) return { type: "host", host: registry.host, port: registry.port ?? port };
  const only = options.interface === undefined ? [] : [options.interface];
  const interfaces = () => usableInterfaces(only);
  interfaces();
  return { type: "multicast", port, interfaces };
}

function placeText(registry: RegistryPlace): string {
  if (registry.type === "host") return `at ${escapeText(registry.host, 256)}:${registry.port}`;
  const names = [...new Set(registry.interfaces().map(({ name }) => name))];
  return `by multicast on ${names.join(", ") || "no interface"} (${MP1_GROUP}:${registry.port})`;
}

/** A second signal ends at once. */
function leaveOnSignals(shell: ChatShell): void {
  const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, code] of Object.entries(signals)) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(code));
      process.exitCode = code;
      shell.leave();
    });
  }
}

/** The login name, made a valid nickname. */
function loginName(): Nickname {
  for (const candidate of [userInfo().username, userInfo().username.replace(/[^\w.-]/g, ""), "somebody"]) {
    const parsed = parseNickname(candidate.slice(0, 32));
    if (parsed.ok) return parsed.nickname;
  }
  throw new Error("unreachable: the last candidate is valid");
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
