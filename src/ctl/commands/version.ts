import type { VersionReport } from "../../control/reports.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { packageVersion } from "../package-version.ts";

export const addVersion: AddCommand = (program, run) => {
  program
    .command("version")
    .summary("say the versions of this program and of the registry that runs")
    .description("Says the versions of this program and of the registry, if it runs.")
    .addHelpText("after", examples("multiprotoctl version"))
    .action(
      run(async ({ registry, output }) => {
        const version = packageVersion();
        const daemon =
          registry.running() === undefined
            ? null
            : await registry.connected((client) => client.request("version", undefined));
        output.show({ version, daemon }, () => [
          `multiprotoctl ${version}`,
          output.paint("strong", `multiprotod ${daemonText(daemon)}`),
        ]);
        return OK;
      }),
    );
};

function daemonText(daemon: VersionReport | null): string {
  return daemon === null ? "not running" : `${daemon.version} (${daemon.runtime}, pid ${daemon.pid})`;
}
