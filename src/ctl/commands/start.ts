import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { start } from "../lifecycle.ts";
import { timeoutOption } from "../options.ts";
import { tookText } from "../times.ts";

export const addStart: AddCommand = (program, run) => {
  program
    .command("start")
    .summary("start the registry and wait until it is ready")
    .description("Starts the registry through its socket and waits until it is ready.")
    .addOption(timeoutOption(90_000))
    .addHelpText("after", examples("multiprotoctl start"))
    .action(
      run(async ({ registry, output }, { timeout }: { timeout: number }) => {
        const began = performance.now();
        const before = registry.running();
        const { pid, version } = await start(registry, timeout);
        const result = before?.pid === pid ? "already-running" : "started";
        const tookMillis = Math.round(performance.now() - began);
        output.show({ result, pid, version, tookMillis }, () => [
          result === "started"
            ? `multiproto registry started in ${tookText(tookMillis)} (pid ${pid})`
            : `multiproto registry is already running (pid ${pid})`,
        ]);
        return OK;
      }),
    );
};
