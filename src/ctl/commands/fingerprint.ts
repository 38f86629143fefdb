import { spoken } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addFingerprint: AddCommand = (program, run) => {
  program
    .command("fingerprint")
    .summary("show the registry's key")
    .description(
      "Shows the fingerprint of the registry's key, for people to compare with what their client shows at the first join.",
    )
    .addHelpText(
      "after",
      examples("multiprotoctl fingerprint", "multiprotoctl fingerprint --json | jq -r .fingerprint"),
    )
    .action(
      run(async ({ registry, output }) => {
        const { fingerprint, realm } = await registry.ask((client) =>
          client.request("fingerprint", undefined),
        );
        const digits = spoken(fingerprint);
        output.show({ realm, fingerprint, digits }, () => [
          output.paint("strong", digits),
          ...output.pairs([
            ["realm", realm],
            ["SHA-256", fingerprint],
          ]),
        ]);
        return OK;
      }),
    );
};
