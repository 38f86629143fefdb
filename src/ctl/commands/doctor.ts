import { dirname } from "node:path";
import { errorText } from "../../base/errors.ts";
import { type ProcessMark, runningRegistry } from "../../control/pidfile.ts";
import type { ClientReport, StatusReport } from "../../control/reports.ts";
import { type Evidence, hasProblem, known, notKnown, worstFirst } from "../../doctor/finding.ts";
import { reportLines } from "../../doctor/report.ts";
import { type AddCommand, examples } from "../context.ts";
import { FOUND_PROBLEMS, OK } from "../exit-codes.ts";
import { packageVersion } from "../package-version.ts";
import type { Registry } from "../registry.ts";

interface Options {
  readonly config?: string;
  readonly stateDir?: string;
}

export const addDoctor: AddCommand = (program, run) => {
  program
    .command("doctor")
    .summary("look for what is wrong with the registry on this machine")
    .description(
      "Looks at ports, kernel, interfaces, multicast, firewall, clock, disk, database, files and clients of the registry on this machine, whether it runs or not; never starts it. As root it sees more. Exit code 0: no problem was found; 7: there is one.",
    )
    .option(
      "--config <file>",
      "the configuration of a registry that does not run (default: as the unit has it)",
    )
    .option("--state-dir <dir>", "its state directory (default: as the unit has it)")
    .addHelpText(
      "after",
      examples("sudo multiprotoctl doctor", "multiprotoctl doctor --json | jq '.findings[]'"),
    )
    .action(
      run(async ({ registry, output }, options: Options) => {
        const asked = await ask(registry);
        // Sockets, SQLite and child processes, which no other command needs.
        const { examineRegistry } = await import("../../service/registry-doctor.ts");
        const { socketPath } = registry;
        const version = packageVersion();
        const around = { version, socketPath, environment: process.env };
        const findings = worstFirst(await examineRegistry({ ...around, ...asked, ...options }));
        output.show({ findings }, () =>
          reportLines(findings, [], (colour, text) => output.paint(colour, text)),
        );
        return hasProblem(findings) ? FOUND_PROBLEMS : OK;
      }),
    );
};

interface Asked {
  readonly mark: ProcessMark | undefined;
  readonly status: Evidence<StatusReport | undefined>;
  readonly clients: Evidence<readonly ClientReport[]> | undefined;
}

/** What the registry itself says; that it cannot be asked is a finding as well. */
async function ask(registry: Registry): Promise<Asked> {
  let mark: ProcessMark | undefined;
  try {
    // Seen by everybody; whether it may be asked is another question.
    mark = runningRegistry(dirname(registry.socketPath));
    mark = registry.running();
    if (mark === undefined) return { mark, status: known(undefined), clients: undefined };
    return await registry.connected(async (client) => ({
      mark,
      status: known(await client.request("status", undefined)),
      clients: known(await client.request("clients", undefined)),
    }));
  } catch (error) {
    const why = errorText(error);
    return { mark, status: notKnown(why), clients: notKnown(why) };
  }
}
