import type { RegistrySettings } from "../registry/settings.ts";
import { DEFAULT_SCTP_SETTINGS, type SctpSettings } from "../sctp/api.ts";
import type { Configuration, ConfigurationKey } from "./configuration.ts";

/** What the configuration means to the parts that are configured by it. */

export function registrySettings({ network, presence }: Configuration): RegistrySettings {
  const { legacy, realm } = network;
  return { legacy, realm, ...presence };
}

export function sctpSettings({ presence, network }: Configuration): SctpSettings {
  const { heartbeatMillis, lostAfterMillis } = presence;
  return {
    ...DEFAULT_SCTP_SETTINGS,
    heartbeatMillis,
    lostAfterMillis,
    maxAssociations: network.legacy ? 20_000 : 12_000,
  };
}

/** What is as it was at the start, whatever a reload has read. */
export const RESTART_KEYS: ReadonlySet<ConfigurationKey> = new Set([
  "network.interfaces",
  "network.port",
  "network.encapsulation-port",
  "log.format",
  "metrics.listen",
]);

/** Whether a changed key takes effect only when the sockets are opened anew. */
export function isRestartKey(
  key: ConfigurationKey,
  configuration: Configuration,
  servesRawIp: boolean,
): boolean {
  if (key === "network.legacy") return configuration.network.legacy && !servesRawIp;
  return RESTART_KEYS.has(key);
}
