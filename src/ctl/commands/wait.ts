import { setTimeout as after } from "node:timers/promises";
import type { ClientReport } from "../../control/reports.ts";
import { type AddCommand, type Context, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { asFailure, CommandFailure } from "../failure.ts";
import { timeoutOption } from "../options.ts";

/** How often the registry is asked: soon enough for a person, and little to it. */
const ASK_MILLIS = 200;
const DEFAULT_MILLIS = 60_000;

export const addWait: AddCommand = (program, run) => {
  program
    .command("wait")
    .summary("wait until somebody is online")
    .description(
      "Waits until somebody is online. Exit code 6: not in time. A registry that restarts meanwhile is waited for as well.",
    )
    .requiredOption("--online <nick>", "whom to wait for, by nickname")
    .addOption(timeoutOption(DEFAULT_MILLIS))
    .addHelpText("after", examples("multiprotoctl wait --online ola --timeout 10m && echo she is here"))
    .action(
      run(async ({ registry, output }, { online, timeout }: { online: string; timeout: number }) => {
        const client = await waitFor(registry, online, performance.now() + timeout);
        if (client === undefined)
          throw new CommandFailure("timeout", `${online} did not come online within ${timeout / 1000} s`);
        output.show({ result: "online", client }, () => [`${client.nickname} is online`]);
        return OK;
      }),
    );
};

/** Undefined: not before the deadline. Fails when the registry is not there at the beginning. */
async function waitFor(
  registry: Context["registry"],
  nickname: string,
  deadline: number,
): Promise<ClientReport | undefined> {
  for (let asked = false; ; ) {
    try {
      const clients = await registry.ask((client) => client.request("clients", undefined));
      asked = true;
      const found = clients.find((each) => isCalled(each, nickname));
      if (found?.state === "online") return found;
    } catch (error) {
      if (!asked || !mayPass(error)) throw error;
    }
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await after(Math.min(ASK_MILLIS, left));
  }
}

/** Nicknames are unique without regard to case. */
function isCalled(client: ClientReport, nickname: string): boolean {
  return client.nickname.toLowerCase() === nickname.toLowerCase();
}

/** A registry that restarts is not there for a moment, and ends connections as it goes. */
function mayPass(error: unknown): boolean {
  const { code } = asFailure(error);
  return code === "not-running" || code === "failed";
}
