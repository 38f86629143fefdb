import type { Command } from "commander";
import { toned, wantsTones } from "../base/tones.ts";
import { EXIT } from "../chat/exit-codes.ts";
import { hasProblem, worstFirst } from "../doctor/finding.ts";
import { type Paint, reportLines } from "../doctor/report.ts";
import { archivePath } from "../io/archive-path.ts";
import { dataDirectory } from "../io/profile.ts";
import { jsonLine } from "../tui/json.ts";
import type { ChatOptions } from "./chat-run.ts";

const ABOUT = `
Asks for registries by multicast on each interface, and with --registry by name; lets them call back here, asks their
SCTP, and tries the people online if a chat of yours runs. Nobody is registered. As root it also reads the firewall.
Exit code 0: no problem was found; 13: there is one.`;

/** Adds `doctor`; `ended` takes the exit code. */
export function addDoctorCommand(
  program: Command,
  { options, ended }: { readonly options: () => ChatOptions; readonly ended: (code: number) => void },
): void {
  program
    .command("doctor")
    .description("look for what is wrong between here, the registry and the people online")
    .option("--json", "as JSON")
    .addHelpText("after", ABOUT)
    .action(async ({ json = false }: { json?: boolean }) => {
      // Loaded for this command alone.
      const { examineClient } = await import("../service/chat-doctor.ts");
      const given = options();
      const { findings, conclusions } = await examineClient(whereToLook(given));
      const sorted = worstFirst(findings);
      if (json) process.stdout.write(`${jsonLine({ type: "doctor", conclusions, findings: sorted })}\n`);
      else process.stdout.write(`${reportLines(sorted, conclusions, paint()).join("\n")}\n`);
      ended(hasProblem(findings) ? EXIT.foundProblems : EXIT.ok);
    });
}

function whereToLook(options: ChatOptions) {
  const { registry = [], port, encapsulationPort, dataDir, profile, version } = options;
  return {
    ...{ version, port, encapsulationPort },
    registries: registry.map((named) => ({ ...named, port: named.port ?? port })),
    interfaces: options.interface === undefined ? [] : [options.interface],
    dataDirectory: dataDirectory(process.env, dataDir, profile),
    archivePath: archivePath(process.env, dataDir, profile),
    environment: process.env,
  };
}

/** For a terminal whose user wants that. */
function paint(): Paint {
  const hasTones = wantsTones(process.stdout.isTTY, process.env);
  return (tone, text) => (hasTones ? toned(tone, text) : text);
}
