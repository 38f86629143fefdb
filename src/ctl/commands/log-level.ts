import type { LogLevel } from "../../base/log.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { duration, logLevel } from "../options.ts";
import { localTime } from "../times.ts";

const WEEK_MILLIS = 7 * 86_400_000;

export const addLogLevel: AddCommand = (program, run) => {
  program
    .command("log-level")
    .summary("change how much is logged")
    .description(
      "Changes how much the registry logs, until it is changed again, restarted, or --for has passed.",
    )
    .argument("<level>", "debug, info, warn or error", logLevel)
    .option(
      "--for <time>",
      "fall back after this time (30s, 10m, 2h, 1d)",
      duration(1_000, WEEK_MILLIS, "1s to 7d"),
    )
    .addHelpText("after", examples("multiprotoctl log-level debug --for 10m"))
    .action(
      run(async ({ registry, output }, level: LogLevel, options: { for?: number }) => {
        const request = options.for === undefined ? { level } : { level, forMillis: options.for };
        const report = await registry.ask((client) => client.request("log-level", request));
        const { previous, until } = report;
        output.show({ ...report }, () => [
          output.paint(
            "strong",
            until === null
              ? `log level ${report.level} (was ${previous})`
              : `log level ${report.level} until ${localTime(until)}, then ${previous}`,
          ),
        ]);
        return OK;
      }),
    );
};
