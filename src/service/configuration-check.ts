import { existsSync } from "node:fs";
import type { ProcessMark } from "../control/pidfile.ts";
import { readConfiguration } from "./configuration.ts";
import { placesOf } from "./registry-places.ts";
import { ConfigurationError, type Mistake, mistakeText } from "./toml.ts";

export interface CheckedConfiguration {
  readonly file: string;
  readonly exists: boolean;
  /** None: the registry would take it. */
  readonly mistakes: readonly CheckedMistake[];
}

interface CheckedMistake extends Mistake {
  /** All of it in a line, with the file's name. */
  readonly whole: string;
}

/**
 * What a registry would say of its configuration. `file`: which; undefined: that of the registry that runs as `mark`, or
 * would run where the unit has it.
 */
export function checkConfiguration({
  file,
  mark,
  environment,
}: {
  readonly file: string | undefined;
  readonly mark: ProcessMark | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): CheckedConfiguration {
  const places = placesOf({ mark, environment, ...(file !== undefined && { config: file }) });
  const { configurationFile, configurationRequired } = places;
  const checked = { file: configurationFile, exists: existsSync(configurationFile) };
  try {
    readConfiguration(configurationFile, configurationRequired);
    return { ...checked, mistakes: [] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const whole = (each: Mistake): string => mistakeText(configurationFile, each);
    return { ...checked, mistakes: error.mistakes.map((each) => ({ ...each, whole: whole(each) })) };
  }
}
