/** What a registry runs by, setting by setting: shapes and parsers, as in reports.ts. */
import { boolean, list, oneOf, type Parse, ShapeError, shape, text } from "./parse.ts";

/** As in the file: durations are texts such as "2.8s". */
export type SettingValue = boolean | number | string | readonly string[];

export interface SettingReport {
  /** "network.port". */
  readonly key: string;
  /** What is in force. */
  readonly value: SettingValue;
  /** Who says so: nobody, the file, or for now an admin's `log-level`. */
  readonly origin: "default" | "file" | "command";
}

export interface ConfigurationReport {
  /** The file that was read at the start or by the last reload. */
  readonly file: string;
  /** Whether there was one. */
  readonly exists: boolean;
  /** When it was read; ISO 8601, UTC. */
  readonly readAt: string;
  readonly settings: readonly SettingReport[];
}

const parseValue: Parse<SettingValue> = (value, where) => {
  if (typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string") return text(1_024)(value, where);
  if (Array.isArray(value)) return list(64, text(256))(value, where);
  throw new ShapeError(`${where} must be a setting's value`);
};

const parseSetting = shape<SettingReport>({
  key: text(256),
  value: parseValue,
  origin: oneOf(["default", "file", "command"]),
});

export const parseConfigurationReport: Parse<ConfigurationReport> = shape<ConfigurationReport>({
  file: text(4_096),
  exists: boolean,
  readAt: text(64),
  settings: list(1_000, parseSetting),
});
