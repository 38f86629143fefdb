import type { LogLevel } from "../base/log.ts";
import type { SettingReport, SettingValue } from "../control/configuration-report.ts";
import { CONFIGURATION_KEYS, type Configuration, settingsByKey } from "./configuration.ts";

/** Every setting as it is in force, written as the file would have it. `level`: how much is logged now. */
export function settingReports(configuration: Configuration, level: LogLevel): readonly SettingReport[] {
  const { fromFile, log, metrics, network, presence } = configuration;
  const written: Readonly<Partial<Record<string, SettingValue>>> = {
    "log.level": level,
    "metrics.listen": placeText(metrics.listen),
    "network.realm": network.realm,
    "presence.heartbeat": millisText(presence.heartbeatMillis),
    "presence.lost-after": millisText(presence.lostAfterMillis),
  };
  const values = settingsByKey(configuration);
  return CONFIGURATION_KEYS.map((key) => {
    const isCommanded = key === "log.level" && level !== log.level;
    return {
      key,
      value: written[key] ?? (values[key] as SettingValue),
      origin: isCommanded ? "command" : fromFile.has(key) ? "file" : "default",
    };
  });
}

function placeText(place: Configuration["metrics"]["listen"]): string {
  if (place === undefined) return "";
  if ("path" in place) return place.path;
  return `${place.host.includes(":") ? `[${place.host}]` : place.host}:${place.port}`;
}

/** The shortest way to write it: "1s", "2.8s", "500ms". */
function millisText(millis: number): string {
  return millis < 1_000 ? `${millis}ms` : `${millis / 1_000}s`;
}
