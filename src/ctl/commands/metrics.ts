import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addMetrics: AddCommand = (program, run) => {
  program
    .command("metrics")
    .summary("print the registry in numbers")
    .description(
      "Prints the registry in numbers, in Prometheus' text format. The setting metrics.listen offers the same to Prometheus itself.",
    )
    .addHelpText("after", examples("multiprotoctl metrics | grep multiproto_clients"))
    .action(
      run(async ({ registry, output }) => {
        const text = await registry.ask((client) => client.request("metrics", undefined));
        output.show({ text }, () =>
          text
            .trimEnd()
            .split("\n")
            .map((line) => output.plain(line)),
        );
        return OK;
      }),
    );
};
