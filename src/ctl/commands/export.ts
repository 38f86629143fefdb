import type { BindingReport } from "../../control/backup.ts";
import type { ControlClient } from "../../control/client.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";

export const addExport: AddCommand = (program, run) => {
  program
    .command("export")
    .summary("print all nicknames and bans, for import")
    .description(
      "Prints whose nicknames are whose and which keys are banned, one JSON object a line, for multiprotoctl import on another registry. It holds no secret, and not the registry's key (identity.pem).",
    )
    .addHelpText("after", examples("multiprotoctl export > names.ndjson"))
    .action(
      run(async ({ registry, output }) => {
        await registry.ask(async (client) => {
          const { fingerprint, realm } = await client.request("fingerprint", undefined);
          const exportedAt = new Date().toISOString();
          output.record({ type: "multiproto-registry", realm, fingerprint, exportedAt });
          for await (const binding of bindings(client)) output.record({ type: "binding", ...binding });
          for (const { nickname: _, ...ban } of await client.request("bans", undefined))
            output.record({ type: "ban", ...ban });
        });
        return OK;
      }),
    );
};

async function* bindings(client: ControlClient): AsyncGenerator<BindingReport> {
  let after: string | undefined;
  for (;;) {
    const part = await client.request("bindings", after === undefined ? {} : { after });
    yield* part.bindings;
    after = part.bindings.at(-1)?.nickname;
    if (part.isLast || after === undefined) return;
  }
}
