import { concernedText } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addForget: AddCommand = (program, run) => {
  program
    .command("forget")
    .summary("free a nickname for whoever comes next")
    .description(
      "Frees a nickname that is bound to a key, for whoever comes next: when somebody has a new machine, or left for good. Others who know the old key are warned of the new one.",
    )
    .argument("<nickname>", "as multiprotoctl clients shows it; upper and lower case are the same")
    .addHelpText("after", examples("multiprotoctl forget ola"))
    .action(
      run(async ({ registry, output }, nickname: string) => {
        const report = await registry.ask((client) => client.request("forget", { nickname }));
        const { changed, ...who } = report;
        output.show({ result: changed ? "forgotten" : "was-free", ...who }, () => [
          changed
            ? `${concernedText(report, nickname)} is forgotten; the nickname is free`
            : `${nickname} was free already`,
        ]);
        return OK;
      }),
    );
};
