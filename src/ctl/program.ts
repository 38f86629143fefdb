/** multiprotoctl: the commander program around the commands, from argv to exit code. */
import { Command, CommanderError } from "commander";
import { type AddCommand, examples, type Run } from "./context.ts";
import { OK, USAGE } from "./exit-codes.ts";
import { asFailure } from "./failure.ts";
import { Output, type Stream } from "./output.ts";
import { packageVersion } from "./package-version.ts";
import { Registry } from "./registry.ts";
import { defaultSocketPath } from "./socket-path.ts";

/**
 * In the order of the help text. Each is loaded when it is needed: loading all of them for one costs more than that
 * one takes to do its work.
 */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  status: async () => (await import("./commands/status.ts")).addStatus,
  start: async () => (await import("./commands/start.ts")).addStart,
  stop: async () => (await import("./commands/stop.ts")).addStop,
  restart: async () => (await import("./commands/restart.ts")).addRestart,
  reload: async () => (await import("./commands/reload.ts")).addReload,
  config: async () => (await import("./commands/config.ts")).addConfig,
  clients: async () => (await import("./commands/clients.ts")).addClients,
  watch: async () => (await import("./commands/watch.ts")).addWatch,
  wait: async () => (await import("./commands/wait.ts")).addWait,
  fingerprint: async () => (await import("./commands/fingerprint.ts")).addFingerprint,
  kick: async () => (await import("./commands/kick.ts")).addKick,
  ban: async () => (await import("./commands/ban.ts")).addBan,
  unban: async () => (await import("./commands/unban.ts")).addUnban,
  bans: async () => (await import("./commands/bans.ts")).addBans,
  forget: async () => (await import("./commands/forget.ts")).addForget,
  metrics: async () => (await import("./commands/metrics.ts")).addMetrics,
  export: async () => (await import("./commands/export.ts")).addExport,
  import: async () => (await import("./commands/import.ts")).addImport,
  "log-level": async () => (await import("./commands/log-level.ts")).addLogLevel,
  doctor: async () => (await import("./commands/doctor.ts")).addDoctor,
  version: async () => (await import("./commands/version.ts")).addVersion,
  completion: async () => (await import("./commands/completion.ts")).addCompletion,
};
/** Those that tell of all the others. */
const OF_ALL: ReadonlySet<string> = new Set(["completion"]);

export interface Surroundings {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly environment: NodeJS.ProcessEnv;
}

/** Runs one command line (without interpreter and script) and gives back its exit code. Never throws. */
export async function runMultiprotoctl(args: readonly string[], around: Surroundings): Promise<number> {
  const { stdout, stderr, environment } = around;
  const program = baseProgram(around);
  let exitCode: number = OK;
  const run: Run =
    (work) =>
    async (...given) => {
      const { json = false, socket } = program.opts<{ json?: boolean; socket?: string }>();
      const output = new Output(json, stdout, stderr, environment);
      try {
        const registry = new Registry(socket ?? defaultSocketPath(environment));
        exitCode = await work({ registry, output }, ...given);
      } catch (error) {
        const failure = asFailure(error);
        output.showFailure(failure);
        exitCode = failure.exitCode;
      }
    };
  for (const add of await commandsFor(args)) add(program, run);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? OK : USAGE;
  }
  return exitCode;
}

/** What it takes, with nothing behind it; the manual page is made of it. */
export async function multiprotoctlProgram(): Promise<Command> {
  const program = baseProgram({ stdout: process.stdout, stderr: process.stderr, environment: {} });
  for (const add of await commandsFor([])) add(program, () => async () => {});
  return program;
}

/** A command that comes first is the one that is meant; otherwise only commander can tell, knowing them all. */
function commandsFor([first = ""]: readonly string[]): Promise<AddCommand[]> {
  const named = Object.hasOwn(COMMANDS, first) && !OF_ALL.has(first) ? COMMANDS[first] : undefined;
  const loads = named === undefined ? Object.values(COMMANDS) : [named];
  return Promise.all(loads.map((load) => load()));
}

function baseProgram({ stdout, stderr }: Surroundings): Command {
  return new Command("multiprotoctl")
    .description("Steers the multiproto registry over its control socket.")
    .version(packageVersion(), "--version", "say the version of this program")
    .option("--json", "print one JSON object instead of text")
    .option(
      "--socket <path>",
      "the registry's control socket (default: $MULTIPROTO_SOCKET, or where it runs)",
    )
    .helpOption("-h, --help", "say how to use it")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError("(multiprotoctl --help says more)")
    .addHelpText("after", examples("multiprotoctl status"))
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 usage, 3 not running, 4 not permitted, 5 not found, 6 timeout,\n7 doctor: problems found, 78 configuration refused",
    )
    .exitOverride();
}
