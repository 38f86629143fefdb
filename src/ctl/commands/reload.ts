import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addReload: AddCommand = (program, run) => {
  program
    .command("reload")
    .summary("read the configuration again")
    .description(
      "Reads the configuration again. A bad one is refused with line and suggestion (exit code 78); the registry goes on with what it had.",
    )
    .addHelpText("after", examples("multiprotoctl reload"))
    .action(
      run(async ({ registry, output }) => {
        const report = await registry.ask((client) => client.request("reload", undefined, 10_000));
        const { applied, needsRestart } = report;
        output.show({ ...report }, () => [
          output.paint("strong", applied.length > 0 ? `applied: ${applied.join(", ")}` : "nothing to apply"),
          ...(needsRestart.length > 0
            ? [output.paint("warning", `needs a restart (multiprotoctl restart): ${needsRestart.join(", ")}`)]
            : []),
        ]);
        return OK;
      }),
    );
};
