import type { ProcessMark } from "../../control/pidfile.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { type Started, start, stop } from "../lifecycle.ts";
import { timeoutOption } from "../options.ts";
import type { Registry } from "../registry.ts";
import { tookText } from "../times.ts";

export const addRestart: AddCommand = (program, run) => {
  program
    .command("restart")
    .summary("stop the registry, start it, wait until it is ready")
    .description(
      "Stops the registry, starts it again and waits until it is ready. Starts it if it was stopped.",
    )
    .addOption(timeoutOption(90_000))
    .addHelpText("after", examples("multiprotoctl restart"))
    .action(
      run(async ({ registry, output }, { timeout }: { timeout: number }) => {
        const began = performance.now();
        const mark = registry.running();
        const { pid, version } = await (mark === undefined
          ? start(registry, timeout)
          : restart(registry, mark, timeout));
        const result = mark === undefined ? "started" : "restarted";
        const tookMillis = Math.round(performance.now() - began);
        output.show({ result, pid, version, tookMillis }, () => [
          `multiproto registry ${result} in ${tookText(tookMillis)} (pid ${pid})`,
        ]);
        return OK;
      }),
    );
};

async function restart(registry: Registry, mark: ProcessMark, timeoutMillis: number): Promise<Started> {
  const { supervisor } = await registry.connected((client) => client.request("status", undefined));
  if (supervisor === "systemd") {
    // Not by exiting and being started again: this way neither Restart= nor the start limit has a say in it.
    await stop(registry, mark, timeoutMillis, true);
    return start(registry, timeoutMillis);
  }
  const outcome = await registry.connected((client) => client.request("restart", undefined, timeoutMillis));
  if (outcome === "exiting") await registry.ended(mark, timeoutMillis);
  return start(registry, timeoutMillis);
}
