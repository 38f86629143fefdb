/** A registry that serves: everything that a start opens and a stop lets go of, in order. */
import type { Clock, Random } from "../base/clock.ts";
import { errorText, MisuseError } from "../base/errors.ts";
import { ControlError } from "../control/errors.ts";
import { MetricsServer } from "../control/metrics-server.ts";
import type { ReloadReport } from "../control/reports.ts";
import { RegistryShell } from "../io/registry-shell.ts";
import type { Farewell } from "../registry/settings.ts";
import {
  CONFIGURATION_KEYS,
  type Configuration,
  type ConfigurationKey,
  changedKeys,
} from "./configuration.ts";
import type { ServiceLog } from "./log.ts";
import { isRestartKey, RESTART_KEYS, registrySettings, sctpSettings } from "./settings.ts";
import { type OpenState, openState } from "./state.ts";

export interface Serving {
  readonly shell: RegistryShell;
  readonly configuration: Configuration;
  readonly state: OpenState;
  /** Where the settings want one. */
  readonly metrics: MetricsServer | undefined;
}

/** What serves; ControlError "failed" where nothing does. */
export function mustServe<Value>(serving: Value | undefined): Value {
  if (serving === undefined) throw new ControlError("failed", "the registry is not ready");
  return serving;
}

export interface ServingOptions {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly bootId: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ServiceLog;
  readonly version: string;
  readonly onCounts: () => void;
  readonly onPublished: () => void;
  readonly metricsText: () => Promise<string>;
}

/** Binds the ports, opens the state, serves. Errors: as {@link RegistryShell.open} and {@link openState}. */
export async function openServing(options: ServingOptions): Promise<Serving> {
  const { configuration, stateDirectory, bootId, clock, random, log, version, onCounts, onPublished } =
    options;
  let state: OpenState | undefined;
  const shell = await RegistryShell.open({
    network: configuration.network,
    settings: registrySettings(configuration),
    sctp: sctpSettings(configuration),
    openState: async () => {
      state = await openState({ stateDirectory, bootId, clock, random, log });
      return state;
    },
    ...{ clock, random, log, version, onCounts, onPublished },
  });
  if (state === undefined) throw new MisuseError("a registry without its state");
  return { shell, configuration, state, metrics: await openMetrics(options) };
}

/** A registry without its metrics is still one: that they cannot be had is said. */
async function openMetrics({
  configuration,
  log,
  metricsText,
}: ServingOptions): Promise<MetricsServer | undefined> {
  const { listen } = configuration.metrics;
  if (listen === undefined) return undefined;
  try {
    return await MetricsServer.open(listen, metricsText);
  } catch (error) {
    log.write({ level: "error", text: errorText(error) });
    return undefined;
  }
}

/** What {@link reconfigure} will apply, and what it leaves for a restart. */
export function reloadReport(
  { configuration: running, shell }: Serving,
  configuration: Configuration,
): ReloadReport {
  const changed = changedKeys(running, configuration);
  const needsRestart = changed.filter((key) => isRestartKey(key, configuration, shell.servesRawIp));
  return { applied: changed.filter((key) => !needsRestart.includes(key)), needsRestart };
}

/** From now on as `configuration` says. What needs a restart stays as it is, so that it shows as changed again later. */
export function reconfigure(serving: Serving, configuration: Configuration): Serving {
  serving.shell.configure(registrySettings(configuration), sctpSettings(configuration));
  const { network: former, log, metrics, fromFile } = serving.configuration;
  const { interfaces, port, encapsulationPort } = former;
  const network = { ...configuration.network, interfaces, port, encapsulationPort };
  const origin = (key: ConfigurationKey) => (RESTART_KEYS.has(key) ? fromFile : configuration.fromFile);
  const running = {
    ...{ ...configuration, network, metrics, log: { ...configuration.log, format: log.format } },
    fromFile: new Set(CONFIGURATION_KEYS.filter((key) => origin(key).has(key))),
  };
  return { ...serving, configuration: running };
}

/** Tells the clients, and lets go of everything. */
export async function letGo({ shell, state, metrics }: Serving, farewell: Farewell): Promise<void> {
  await metrics?.close();
  await shell.close(farewell);
  state.close();
}
