import { Argument } from "commander";
import { completionScript, SHELLS, type Shell } from "../completion.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addCompletion: AddCommand = (program, run) => {
  program
    .command("completion")
    .summary("print the completion script of a shell")
    .description("Prints the completion script of a shell.")
    .addArgument(new Argument("<shell>", "whose").choices(SHELLS))
    .addHelpText("after", examples("source <(multiprotoctl completion bash)"))
    .action(
      run(async ({ output }, shell: Shell) => {
        const script = completionScript(program, shell);
        output.show({ shell, script }, () => [script.trimEnd()]);
        return OK;
      }),
    );
};
