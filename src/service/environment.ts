import { homedir } from "node:os";
import { join } from "node:path";

/** Where things are, from options, systemd's environment, or the user's. */
export interface Places {
  readonly configurationFile: string;
  /** The file was named by the user, so it must exist. */
  readonly configurationRequired: boolean;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** systemd.exec(5): $CONFIGURATION_DIRECTORY, $STATE_DIRECTORY, $RUNTIME_DIRECTORY; XDG Base Directory otherwise. */
export function places(
  options: { readonly config?: string; readonly stateDir?: string; readonly runtimeDir?: string },
  environment: Environment,
): Places {
  const first = (name: string): string | undefined => environment[name]?.split(":")[0] || undefined;
  const state = first("XDG_STATE_HOME") ?? join(homedir(), ".local", "state");
  const runtime = first("XDG_RUNTIME_DIR");
  const configuration = first("CONFIGURATION_DIRECTORY") ?? "/etc/multiproto";
  return {
    configurationFile: options.config ?? join(configuration, "multiproto.toml"),
    configurationRequired: options.config !== undefined,
    stateDirectory: options.stateDir ?? first("STATE_DIRECTORY") ?? join(state, "multiproto"),
    runtimeDirectory:
      options.runtimeDir ??
      first("RUNTIME_DIRECTORY") ??
      (runtime === undefined ? "/run/multiproto" : join(runtime, "multiproto")),
  };
}

/** sd_listen_fds(3): the socket that systemd passed to this very process, if there is one. */
export function inheritedSocket(environment: Environment, pid: number): number | undefined {
  if (environment.LISTEN_PID !== String(pid)) return undefined;
  return Number(environment.LISTEN_FDS) >= 1 ? 3 : undefined;
}

/** The unit's word for this run of the kernel (%b of systemd.unit(5)): its sandbox does not show /proc/sys. */
export function givenBootId(environment: Environment): string | undefined {
  const given = environment.MULTIPROTO_BOOT_ID ?? "";
  return /^[0-9a-f]{32}$/.test(given) ? given : undefined;
}

/** sd_watchdog_enabled(3): how often the watchdog wants to be fed, a third of its limit; undefined without one. */
export function watchdogInterval(environment: Environment, pid: number): number | undefined {
  const wanted = environment.WATCHDOG_PID;
  if (wanted !== undefined && wanted !== String(pid)) return undefined;
  const micros = Number(environment.WATCHDOG_USEC);
  return Number.isFinite(micros) && micros > 0 ? Math.max(100, micros / 3_000) : undefined;
}
