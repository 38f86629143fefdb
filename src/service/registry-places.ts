import { existsSync } from "node:fs";
import type { ProcessMark } from "../control/pidfile.ts";
import { readText } from "../io/doctor-files.ts";
import { type Places, places } from "./environment.ts";

/** Where the unit keeps it: what is looked at when no registry runs that could be asked. */
const SYSTEM_STATE = "/var/lib/multiproto";

/** Of the registry that runs, by how it was started where that may be seen; else where the unit has them. */
export function placesOf({
  mark,
  config,
  stateDir,
  environment,
}: {
  readonly mark: ProcessMark | undefined;
  /** What the admin chose. */
  readonly config?: string;
  readonly stateDir?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Places {
  const chosen = { ...(config !== undefined && { config }), ...(stateDir !== undefined && { stateDir }) };
  const [line, variables] = ["cmdline", "environ"].map((name) =>
    readText(`/proc/${mark?.pid ?? "none"}/${name}`),
  );
  if (line?.known !== true || variables?.known !== true) {
    const fallback = existsSync(SYSTEM_STATE) ? { stateDir: SYSTEM_STATE } : {};
    return places({ ...fallback, ...chosen }, environment);
  }
  const words = line.value.split("\0");
  const option = (name: string): string | undefined => {
    const index = words.indexOf(name);
    return index === -1 ? undefined : words[index + 1];
  };
  const [itsConfig, itsState] = [option("--config"), option("--state-dir")];
  const its = {
    ...(itsConfig !== undefined && { config: itsConfig }),
    ...(itsState !== undefined && { stateDir: itsState }),
  };
  const pairs = variables.value.split("\0").map((pair) => [pair.split("=")[0], pair.replace(/^[^=]*=/, "")]);
  return places({ ...its, ...chosen }, Object.fromEntries(pairs));
}
