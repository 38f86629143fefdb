import { concernedText, WHO, whoOf } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addUnban: AddCommand = (program, run) => {
  program
    .command("unban")
    .summary("let a banned key in again")
    .description("Lets a banned key in again.")
    .argument("<who...>", WHO)
    .addHelpText("after", examples("multiprotoctl unban ola"))
    .action(
      run(async ({ registry, output }, words: readonly string[]) => {
        const target = whoOf(words);
        const report = await registry.ask((client) => client.request("unban", { target }));
        const { changed, ...who } = report;
        output.show({ result: changed ? "unbanned" : "was-not-banned", ...who }, () => [
          changed ? `${concernedText(report, target)} may come again` : `${target} was not banned`,
        ]);
        return OK;
      }),
    );
};
