import type { Clock, Millis } from "../base/clock.ts";
import { durationText } from "../base/text.ts";
import type { ClientReport, OtherRegistryReport, StatusReport, StoreReport } from "../control/reports.ts";
import type { RegistryShell } from "../io/registry-shell.ts";
import type { Registry } from "../registry/registry.ts";
import type { ClientView } from "../registry/settings.ts";
import type { Ledger } from "../roster/ledger.ts";
import type { Serving } from "./serving.ts";

/** The registry as `multiprotoctl clients` shows it. */
export function clientReports(shell: RegistryShell, clock: Clock): readonly ClientReport[] {
  return Array.from(shell.registry.clients(), (view) => clientReport(view, shell, clock));
}

export function clientReport(
  { entry, association }: ClientView,
  shell: RegistryShell,
  clock: Clock,
): ClientReport {
  const { presence, profile } = entry;
  const status = association === undefined ? undefined : shell.association(association);
  return {
    nickname: entry.nickname,
    address: entry.address,
    port: entry.port,
    protocol: profile === undefined ? "mp1" : "mp2",
    verified: profile !== undefined,
    fingerprint: profile?.fingerprint ?? null,
    away: profile?.away ?? false,
    status: profile?.status || null,
    path: status?.path.via ?? null,
    state: presence.state,
    reason: presence.state === "offline" ? presence.reason : null,
    since: isoTime(clock, presence.since),
    rttMillis: status?.rttMillis === undefined ? null : Math.round(status.rttMillis * 10) / 10,
    tally: status?.tally ?? null,
  };
}

type FromRegistry = Omit<
  StatusReport,
  | "schema"
  | "state"
  | "pid"
  | "version"
  | "supervisor"
  | "uptimeMillis"
  | "startedAt"
  | "lastError"
  | "otherRegistries"
>;

const NOT_SERVING: FromRegistry = {
  ports: { udp: null, tcp: null, sctpUdp: null, sctpRaw: false },
  interfaces: [],
  legacy: false,
  realm: null,
  fingerprint: null,
  epoch: null,
  seq: null,
  store: null,
  online: 0,
  offline: 0,
  returning: 0,
  pendingRegistrations: 0,
  counters: {},
};

/** The parts of a status that only a registry that serves can tell. */
export function registryReport(serving: Serving | undefined): FromRegistry {
  if (serving === undefined) return NOT_SERVING;
  const { shell, configuration, state } = serving;
  const { port, encapsulationPort, legacy, realm } = configuration.network;
  const { online, offline, pending } = shell.registry.counts;
  const ignored = Object.entries(shell.registry.ignored).map(([reason, count]) => [
    `datagram-${reason}`,
    count,
  ]);
  const sctp = Object.entries(shell.sctpCounters).map(([reason, count]) => [`sctp-${reason}`, count]);
  return {
    ports: { udp: port, tcp: port, sctpUdp: encapsulationPort, sctpRaw: shell.servesRawIp },
    interfaces: shell.links.map(({ name }) => name),
    legacy,
    realm,
    fingerprint: state.identity.fingerprint,
    epoch: state.ledger.epoch,
    seq: state.ledger.seq,
    store: storeReport(state.ledger),
    online,
    offline,
    returning: shell.registry.returning,
    pendingRegistrations: pending,
    counters: Object.fromEntries([...ignored, ["presence-faults", shell.registry.faults], ...sctp]),
  };
}

/** Other registries on this network. */
export function otherRegistryReports(
  { registry }: RegistryShell,
  clock: Clock,
): readonly OtherRegistryReport[] {
  return registry.neighbours.map(({ address, realm, fingerprint, isTwin, since }) => {
    return { address, realm, fingerprint, sameKey: isTwin, since: isoTime(clock, since) };
  });
}

/** What the wall clock showed at a monotonic time. */
function isoTime(clock: Clock, at: Millis): string {
  return new Date(clock.wall() - (clock.now() - at)).toISOString();
}

function storeReport({ trouble, counts }: Ledger): StoreReport {
  return { state: trouble === undefined ? "ok" : "failing", trouble: trouble?.message ?? null, ...counts };
}

/** The line that `systemctl status` shows. */
export function statusText(
  { online, offline, returning, store }: FromRegistry,
  upMillis: number,
  registry: Pick<Registry, "strain" | "neighbours"> | undefined,
): string {
  const trouble = store?.state === "failing" ? ", cannot write its state (see the journal)" : "";
  const missed = returning === 0 ? "" : `${returning} not back yet, `;
  const shut = registry?.strain === undefined ? "" : ", takes nobody new in (see the journal)";
  const others = registry?.neighbours.length ?? 0;
  const split = others === 0 ? "" : ", another registry is here (see the journal)";
  return `${online} online, ${missed}${offline} offline, up ${durationText(upMillis)}${trouble}${shut}${split}`;
}

/** Fields of the line that tells that it is ready. */
export function readyFields({
  ports,
  interfaces,
  realm,
}: FromRegistry): Record<string, string | number | boolean> {
  return {
    udp: ports.udp ?? 0,
    tcp: ports.tcp ?? 0,
    "sctp-udp": ports.sctpUdp ?? 0,
    "sctp-raw": ports.sctpRaw,
    interfaces: interfaces.join(","),
    realm: realm ?? "",
  };
}
