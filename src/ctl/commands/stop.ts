import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { stop } from "../lifecycle.ts";
import { timeoutOption } from "../options.ts";
import { tookText } from "../times.ts";

export const addStop: AddCommand = (program, run) => {
  program
    .command("stop")
    .summary("stop the registry and wait until it has ended")
    .description(
      "Stops the registry and waits until it has ended. Exit code 0 as well when it was not running.",
    )
    .addOption(timeoutOption(5_000))
    .addHelpText("after", examples("multiprotoctl stop"))
    .action(
      run(async ({ registry, output }, { timeout }: { timeout: number }) => {
        const began = performance.now();
        const mark = registry.running();
        if (mark === undefined) {
          output.show({ result: "not-running" }, () => ["multiproto registry is not running"]);
          return OK;
        }
        await stop(registry, mark, timeout);
        const tookMillis = Math.round(performance.now() - began);
        output.show({ result: "stopped", pid: mark.pid, tookMillis }, () => [
          `multiproto registry stopped in ${tookText(tookMillis)}`,
        ]);
        return OK;
      }),
    );
};
