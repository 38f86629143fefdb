import { type ChangedClient, type ChangesReport, nameKey } from "../../control/changes.ts";
import { isThere, whereText } from "../changes-text.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { CommandFailure } from "../failure.ts";
import { follow } from "../following.ts";
import { timeoutOption } from "../options.ts";
import { tookText } from "../times.ts";

interface Options {
  readonly online: string;
  readonly timeout: number;
}

export const addWait: AddCommand = (program, run) => {
  program
    .command("wait")
    .summary("wait until somebody is online")
    .description("Waits until somebody is online; exit code 6 when that does not happen in time.")
    .requiredOption("--online <nick>", "whose nickname")
    .addOption(timeoutOption(60_000))
    .addHelpText("after", examples("multiprotoctl wait --online ola --timeout 5m"))
    .action(
      run(async ({ registry, output }, { online: nickname, timeout }: Options) => {
        const began = performance.now();
        for await (const followed of follow(registry, began + timeout)) {
          const client = followed.type === "changes" ? found(followed.report, nickname) : undefined;
          if (client === undefined) continue;
          const tookMillis = Math.round(performance.now() - began);
          output.show({ result: "online", client, tookMillis }, () => [
            output.paint("strong", `${client.nickname} is online at ${whereText(client)}`),
          ]);
          return OK;
        }
        throw new CommandFailure("timeout", `${nickname} was not online within ${tookText(timeout)}`);
      }),
    );
};

/** As it stands at the end of the report, if it is there then. */
function found({ clients }: ChangesReport, nickname: string): ChangedClient | undefined {
  const last = clients.findLast((client) => nameKey(client.nickname) === nameKey(nickname));
  return last !== undefined && isThere(last) ? last : undefined;
}
