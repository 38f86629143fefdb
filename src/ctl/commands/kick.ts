import { concernedText, WHO, whoOf } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addKick: AddCommand = (program, run) => {
  program
    .command("kick")
    .summary("end somebody's session")
    .description("Ends somebody's session. The same key may come again; multiprotoctl ban keeps it out.")
    .argument("<who...>", WHO)
    .addHelpText("after", examples("multiprotoctl kick ola"))
    .action(
      run(async ({ registry, output }, words: readonly string[]) => {
        const target = whoOf(words);
        const report = await registry.ask((client) => client.request("kick", { target }));
        const { changed, ...who } = report;
        output.show({ result: changed ? "kicked" : "was-offline", ...who }, () => [
          changed ? `${concernedText(report, target)} was kicked` : `${target} was offline already`,
        ]);
        return OK;
      }),
    );
};
