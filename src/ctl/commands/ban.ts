import { concernedText, WHO, whoOf } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addBan: AddCommand = (program, run) => {
  program
    .command("ban")
    .summary("keep a key out")
    .description(
      "Ends a key's session and refuses the key from now on. The nickname stays bound to it; multiprotoctl forget frees it. Whoever has no key (mp1) cannot be banned.",
    )
    .argument("<who...>", WHO)
    .option("--reason <text>", "one line for the list of bans", "")
    .addHelpText(
      "after",
      examples('multiprotoctl ban ola --reason "floods the office"', "multiprotoctl ban 04521 61200 …"),
    )
    .action(
      run(async ({ registry, output }, words: readonly string[], { reason }: { reason: string }) => {
        const target = whoOf(words);
        const report = await registry.ask((client) => client.request("ban", { target, reason }));
        const { changed, ...who } = report;
        output.show({ result: changed ? "banned" : "was-banned", ...who }, () => [
          changed ? `${concernedText(report, target)} is banned` : `${target} was banned already`,
        ]);
        return OK;
      }),
    );
};
