#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { errorText } from "../base/errors.ts";
import { systemClock } from "../io/clock.ts";
import { systemRandom } from "../io/random.ts";
import { Daemon } from "../service/daemon.ts";
import { givenBootId, inheritedSocket, places, watchdogInterval } from "../service/environment.ts";
import { EXIT, type ExitCode } from "../service/exit-codes.ts";
import { openJournal } from "../service/journal.ts";
import { isJournal, type LogFormat, ServiceLog, standardOutput } from "../service/log.ts";
import { ServiceManager } from "../service/notify.ts";

interface Flags {
  readonly config?: string;
  readonly stateDir?: string;
  readonly runtimeDir?: string;
  readonly foregroundLog?: "pretty" | "json";
}

const HELP = `
Exit codes: 0 stopped on request, 1 cannot start (a port in use, a missing permission), 2 wrong usage,
78 configuration refused, 79 the state directory needs a person: a damaged or foreign identity.pem, a database of a newer
version, of another user, or in use by another registry.
Signals: SIGTERM and SIGINT stop, SIGHUP reloads the configuration.
Example: multiprotod --config ./multiproto.toml --state-dir ./state --runtime-dir ./run`;

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}

/** What it takes; the manual page is made of it. */
export function registryProgram(): Command {
  return new Command("multiprotod")
    .description("The multiproto registry: knows who is there on this LAN. Usually started by systemd.")
    .option("--config <file>", "configuration (default: /etc/multiproto/multiproto.toml, if it exists)")
    .option("--state-dir <dir>", "state ($STATE_DIRECTORY, else $XDG_STATE_HOME/multiproto)")
    .option(
      "--runtime-dir <dir>",
      "control socket and pid file ($RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/multiproto)",
    )
    .addOption(
      new Option("--foreground-log <format>", "how lines look on standard output").choices([
        "pretty",
        "json",
      ]),
    )
    .version(version())
    .addHelpText("after", HELP)
    .exitOverride()
    .allowExcessArguments(false);
}

async function main(): Promise<ExitCode> {
  const flags = registryProgram().parse().opts<Flags>();
  const { env } = process;
  const journal = isJournal(env.JOURNAL_STREAM);
  const chosen: LogFormat = flags.foregroundLog ?? (journal ? "text" : "pretty");
  let daemon: Daemon | undefined;
  const log = new ServiceLog({
    clock: systemClock,
    format: chosen,
    journal,
    send: journal ? await openJournal() : undefined,
    level: "info",
    write: standardOutput(),
    onError: (text) => daemon?.noteError(text),
  });
  const manager = new ServiceManager({ notifySocket: env.NOTIFY_SOCKET, log });
  daemon = new Daemon({
    places: places(flags, env),
    bootId: givenBootId(env),
    version: version(),
    clock: systemClock,
    random: systemRandom,
    log,
    manager,
    inheritedSocket: inheritedSocket(env, process.pid),
    watchdogMillis: watchdogInterval(env, process.pid),
    onFormat: (format) => {
      if (flags.foregroundLog === undefined && format === "json") log.format = format;
    },
  });
  const running = daemon;
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void running.terminate());
  process.on("SIGHUP", () => void running.reload().catch(() => {}));
  process.on("uncaughtException", (error) => {
    // A bug of ours: better a restart by systemd in a known state than going on in an unknown one.
    log.write({
      level: "error",
      text: `Internal error: ${error.stack?.replace(/\s*\n\s*/g, " | ") ?? errorText(error)}`,
    });
    process.exit(EXIT.failure);
  });
  return daemon.run();
}

if (import.meta.main) {
  try {
    process.exit(await main());
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
    throw error;
  }
}
