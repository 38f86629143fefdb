import {
  type BannedKey,
  type BindingReport,
  IMPORTED_AT_ONCE,
  type RefusedReport,
} from "../../control/backup.ts";
import type { ControlClient } from "../../control/client.ts";
import { type BackupEntry, readBackup } from "../backup-file.ts";
import { type AddCommand, examples } from "../context.ts";
import { FAILURE, OK } from "../exit-codes.ts";

/** So many refusals are told one by one. */
const MAX_TOLD = 20;

export const addImport: AddCommand = (program, run) => {
  program
    .command("import")
    .summary("take over nicknames and bans that export printed")
    .description(
      "Binds the nicknames and bans the keys that multiprotoctl export printed. What is so already stays; a nickname that belongs to another key here is refused and told. Exit code 1 if anything was refused. A file with a line that makes no sense changes nothing.",
    )
    .argument("<file>", "what export printed; - for standard input")
    .addHelpText("after", examples("multiprotoctl import names.ndjson"))
    .action(
      run(async ({ registry, output }, file: string) => {
        const entries = await readBackup(file);
        const { added, known, refused } = await registry.ask((client) => importAll(client, entries));
        output.show({ result: "imported", added, known, refused }, () => [
          output.paint("strong", `${added} added, ${known} known already, ${refused.length} refused`),
          ...refused.slice(0, MAX_TOLD).map(({ what, why }) => `  ${output.plain(`${what}: ${why}`)}`),
          ...(refused.length > MAX_TOLD ? [`  and ${refused.length - MAX_TOLD} more (--json has all)`] : []),
        ]);
        return refused.length === 0 ? OK : FAILURE;
      }),
    );
};

async function importAll(
  client: ControlClient,
  entries: readonly BackupEntry[],
): Promise<{ added: number; known: number; refused: readonly RefusedReport[] }> {
  let [added, known] = [0, 0];
  const refused: RefusedReport[] = [];
  for (let at = 0; at < entries.length; at += IMPORTED_AT_ONCE) {
    const part = entries.slice(at, at + IMPORTED_AT_ONCE);
    const bindings: BindingReport[] = part.flatMap((entry) =>
      entry.type === "binding" ? [entry.binding] : [],
    );
    const bans: BannedKey[] = part.flatMap((entry) => (entry.type === "ban" ? [entry.ban] : []));
    const report = await client.request("import", { bindings, bans });
    added += report.added;
    known += report.known;
    refused.push(...report.refused);
  }
  return { added, known, refused };
}
