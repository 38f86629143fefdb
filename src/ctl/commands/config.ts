import type { Command } from "commander";
import type { ConfigurationReport, SettingValue } from "../../control/configuration-report.ts";
import type { ProcessMark } from "../../control/pidfile.ts";
import { type AddCommand, examples, type Run } from "../context.ts";
import { CONFIGURATION_REFUSED, OK } from "../exit-codes.ts";
import type { Output } from "../output.ts";
import type { Registry } from "../registry.ts";
import { table } from "../table.ts";
import { localTime } from "../times.ts";

export const addConfig: AddCommand = (program, run) => {
  const config = program
    .command("config")
    .summary("look at the configuration")
    .description("Checks a configuration before the registry has it, or shows what is in force.")
    .addHelpText("after", examples("multiprotoctl config check", "multiprotoctl config show"));
  addCheck(config, run);
  addShow(config, run);
};

function addCheck(config: Command, run: Run): void {
  config
    .command("check")
    .summary("say what is wrong with a configuration, without the registry")
    .description(
      "Reads a configuration as the registry would, whether one runs or not, and says each mistake with its line and key. Changes nothing. Exit code 0: it would be taken; 78: it would be refused.",
    )
    .argument("[file]", "which (default: that of the registry that runs, or as the unit has it)")
    .addHelpText("after", examples("multiprotoctl config check ./multiproto.toml && multiprotoctl reload"))
    .action(
      run(async ({ registry, output }, file: string | undefined) => {
        // The registry's own parser, which no other command needs.
        const { checkConfiguration } = await import("../../service/configuration-check.ts");
        const asked = { file, mark: runningOf(registry), environment: process.env };
        const { mistakes, ...checked } = checkConfiguration(asked);
        const result = mistakes.length === 0 ? "accepted" : "refused";
        const report = mistakes.map(({ line, key, text }) => ({ line, key, text }));
        output.show({ result, ...checked, mistakes: report }, () =>
          mistakes.length === 0
            ? [acceptedText(checked, output)]
            : mistakes.map(({ whole }) => output.plain(whole)),
        );
        return mistakes.length === 0 ? OK : CONFIGURATION_REFUSED;
      }),
    );
}

function addShow(config: Command, run: Run): void {
  config
    .command("show")
    .summary("show every setting that is in force, and who says so")
    .description(
      "Shows every setting as the running registry has it: by default, from the file, or for now by log-level. What the file says since the last reload, or what waits for a restart, is not in force.",
    )
    .addHelpText(
      "after",
      examples(
        "multiprotoctl config show",
        "multiprotoctl config show --json | jq '.settings[] | select(.origin == \"file\")'",
      ),
    )
    .action(
      run(async ({ registry, output }) => {
        const report = await registry.ask((client) => client.request("configuration", undefined));
        output.show({ ...report }, () => describe(report, output));
        return OK;
      }),
    );
}

/** Which one runs is seen by everybody, but for directories that are closed to them. */
function runningOf(registry: Registry): ProcessMark | undefined {
  try {
    return registry.running();
  } catch {
    return undefined;
  }
}

function acceptedText(
  { file, exists }: { readonly file: string; readonly exists: boolean },
  output: Output,
): string {
  return output.paint("strong", exists ? `${file} is right` : `${file} is not there: all is as by default`);
}

const ORIGINS = { default: "default", file: "file", command: "log-level" } as const;

function describe({ file, exists, readAt, settings }: ConfigurationReport, output: Output): string[] {
  const read = exists ? `read ${localTime(readAt)}` : "not there";
  return [
    output.paint("strong", `${file} (${read})`),
    ...table(
      ["SETTING", "VALUE", "FROM"],
      settings.map(({ key, value, origin }) => [key, valueText(value), ORIGINS[origin]]),
    ),
  ];
}

/** As in the file. */
function valueText(value: SettingValue): string {
  return Array.isArray(value)
    ? `[${value.map((each) => JSON.stringify(each)).join(", ")}]`
    : JSON.stringify(value);
}
