import { spoken } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { table } from "../table.ts";
import { localTime } from "../times.ts";

export const addBans: AddCommand = (program, run) => {
  program
    .command("bans")
    .summary("list the keys that are kept out")
    .description("Lists the keys that are kept out, the latest first.")
    .addHelpText(
      "after",
      examples("multiprotoctl bans", "multiprotoctl bans --json | jq -r '.bans[].fingerprint'"),
    )
    .action(
      run(async ({ registry, output }) => {
        const unsorted = await registry.ask((client) => client.request("bans", undefined));
        const bans = unsorted.toSorted((one, other) => (one.bannedAt < other.bannedAt ? 1 : -1));
        const rows = bans.map(({ nickname, fingerprint, bannedAt, reason }) => [
          nickname ?? "-",
          localTime(bannedAt),
          spoken(fingerprint),
          reason === "" ? "-" : reason,
        ]);
        output.show({ bans }, () =>
          bans.length > 0 ? table(["NICKNAME", "SINCE", "KEY", "REASON"], rows) : ["nobody is banned"],
        );
        return OK;
      }),
    );
};
