import type { Clock } from "../base/clock.ts";
import type { ClientReport, StatusReport } from "../control/reports.ts";
import type { RegistryShell } from "../io/registry-shell.ts";
import type { ClientView } from "../registry/registry.ts";
import type { Configuration } from "./configuration.ts";

/** The registry as `multiprotoctl clients` shows it. */
export function clientReports(shell: RegistryShell, clock: Clock): readonly ClientReport[] {
  return Array.from(shell.registry.clients(), (view) => clientReport(view, shell, clock));
}

function clientReport({ entry, association }: ClientView, shell: RegistryShell, clock: Clock): ClientReport {
  const { presence } = entry;
  const status = association === undefined ? undefined : shell.association(association);
  return {
    nickname: entry.nickname,
    address: entry.address,
    port: entry.port,
    protocol: "mp1",
    verified: false,
    path: status?.path.via ?? null,
    state: presence.state,
    reason: presence.state === "offline" ? presence.reason : null,
    since: new Date(clock.wall() - (clock.now() - presence.since)).toISOString(),
    rttMillis: status?.rttMillis === undefined ? null : Math.round(status.rttMillis * 10) / 10,
  };
}

/** The parts of a status that come from the network. */
export function networkReport(
  shell: RegistryShell | undefined,
  configuration: Configuration | undefined,
): Pick<
  StatusReport,
  "ports" | "interfaces" | "legacy" | "online" | "offline" | "pendingRegistrations" | "counters"
> {
  if (shell === undefined || configuration === undefined) {
    const ports = { udp: null, tcp: null, sctpUdp: null, sctpRaw: false };
    return {
      ports,
      interfaces: [],
      legacy: false,
      online: 0,
      offline: 0,
      pendingRegistrations: 0,
      counters: {},
    };
  }
  const { port, encapsulationPort, legacy } = configuration.network;
  const { online, offline, pending } = shell.registry.counts;
  const ignored = Object.entries(shell.registry.ignored).map(([reason, count]) => [
    `datagram-${reason}`,
    count,
  ]);
  const sctp = Object.entries(shell.sctpCounters).map(([reason, count]) => [`sctp-${reason}`, count]);
  return {
    ports: { udp: port, tcp: port, sctpUdp: encapsulationPort, sctpRaw: shell.servesRawIp },
    interfaces: shell.interfaces,
    legacy,
    online,
    offline,
    pendingRegistrations: pending,
    counters: Object.fromEntries([...ignored, ...sctp]),
  };
}
