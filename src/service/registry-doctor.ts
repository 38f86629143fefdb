import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Millis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import { parseFingerprint } from "../base/fingerprint.ts";
import type { ProcessMark } from "../control/pidfile.ts";
import type { ClientReport, StatusReport } from "../control/reports.ts";
import { type ClockEvidence, judgeClock } from "../doctor/check-clock.ts";
import { judgeHearing } from "../doctor/check-discovery.ts";
import { judgeFirewall } from "../doctor/check-firewall.ts";
import {
  type DatabaseEvidence,
  judgeDatabase,
  judgeDisk,
  judgeFile,
  judgeSctp,
} from "../doctor/check-host.ts";
import { judgeInterfaces } from "../doctor/check-network.ts";
import { judgePort } from "../doctor/check-ports.ts";
import { judgeClients, judgeRegistry, type RegistryEvidence } from "../doctor/check-registry.ts";
import { type Evidence, type Finding, known, notKnown } from "../doctor/finding.ts";
import {
  CAP_NET_RAW,
  hasCapability,
  parseModules,
  parseSocketTable,
  parseUptime,
  processOwner,
  type SocketRow,
} from "../doctor/proc.ts";
import { registryTraffic } from "../doctor/traffic.ts";
import { systemClock } from "../io/clock.ts";
import { DoctorClient, multicastWays } from "../io/doctor-discovery.ts";
import { diskFacts, fileFacts, parsed, readText } from "../io/doctor-files.ts";
import { readFirewall } from "../io/doctor-firewall.ts";
import { examineLinks, readRoutes } from "../io/doctor-network.ts";
import { type Link, usableLinks } from "../io/interfaces.ts";
import { holdersOf } from "../io/port-holder.ts";
import { systemRandom } from "../io/random.ts";
import { checkDatabase } from "../store/sqlite-check.ts";
import { type Configuration, parseConfiguration, readConfiguration } from "./configuration.ts";
import { judgeUnit } from "./doctor-unit.ts";
import type { Places } from "./environment.ts";
import { placesOf } from "./registry-places.ts";

/** The registry's half of a doctor: gathers what is to be seen on this machine, and has it judged. */

/** What the control plane could tell, and what the admin chose. */
export interface RegistryToExamine {
  /** Of this program. */
  readonly version: string;
  readonly socketPath: string;
  /** The registry that runs; undefined: none, or that could not be seen. */
  readonly mark: ProcessMark | undefined;
  /** Undefined in it: no registry runs. */
  readonly status: Evidence<StatusReport | undefined>;
  readonly clients: Evidence<readonly ClientReport[]> | undefined;
  readonly config?: string;
  readonly stateDir?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** USER_HZ of amd64 and arm64 (time(7)). */
const TICKS_PER_SECOND = 100;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

export async function examineRegistry(given: RegistryToExamine): Promise<readonly Finding[]> {
  const { status, clients, mark, version } = given;
  const at = placesOf(given);
  const { configuration, findings: refused } = configurationAt(at);
  const running = status.known ? status.value : undefined;
  const links = linksOf(running?.interfaces ?? configuration.network.interfaces);
  const [network, firewall] = await Promise.all([
    examineLinks(links.known ? links.value : [], systemRandom),
    readFirewall(),
  ]);
  return [
    ...judgeRegistry(registryOf(status), version),
    ...refused,
    ...judgePorts(given, configuration),
    ...judgeSctp(sctpOf(given, configuration)),
    ...(links.known ? judgeInterfaces(network, readRoutes()) : [missingInterface(links.why)]),
    ...(links.known && running?.state === "ready" ? await hearing(running, links.value) : []),
    ...judgeFirewall(
      firewall,
      registryTraffic(portsOf(running, configuration), links.known ? links.value : []),
    ),
    ...(links.known && running?.supervisor === "systemd" ? await judgeUnit(links.value) : []),
    judgeClock(systemClock.wall(), clockOf(running, mark)),
    judgeDisk(diskFacts(at.stateDirectory)),
    databaseOf(at, given),
    ...filesOf(at, given),
    ...(clients === undefined ? [] : judgeClients(clients)),
  ];
}

function configurationAt({ configurationFile, configurationRequired }: Places): {
  readonly configuration: Configuration;
  readonly findings: readonly Finding[];
} {
  const check = "configuration";
  try {
    const configuration = readConfiguration(configurationFile, configurationRequired);
    const finding = { check, level: "ok", finding: "the configuration is right", fix: null } as const;
    return { configuration, findings: [{ ...finding, evidence: configurationFile }] };
  } catch (error) {
    const finding: Finding = {
      check,
      level: "problem",
      finding: "the configuration would be refused, so the registry does not start with it",
      evidence: errorText(error),
      fix: `correct ${configurationFile}, then: multiprotoctl reload`,
    };
    return { configuration: parseConfiguration("", ""), findings: [finding] };
  }
}

function registryOf(status: RegistryToExamine["status"]): Evidence<RegistryEvidence> {
  if (!status.known) return status;
  return known(status.value ?? { state: "stopped" });
}

/** The ports that count: those it has, or those it will ask for. */
function portsOf(running: StatusReport | undefined, { network }: Configuration) {
  const { ports } = running ?? {};
  return {
    port: ports?.udp ?? network.port,
    encapsulationPort: ports?.sctpUdp ?? network.encapsulationPort,
    legacy: running?.legacy ?? network.legacy,
  };
}

function judgePorts({ status, mark }: RegistryToExamine, configuration: Configuration): readonly Finding[] {
  const running = status.known ? status.value : undefined;
  const { port, encapsulationPort } = portsOf(running, configuration);
  const sockets = { UDP: socketsOf("UDP"), TCP: socketsOf("TCP") };
  const wanted = [
    ["UDP", port, "discovery", running?.ports.udp],
    ["TCP", port, "original clients", running?.ports.tcp],
    ["UDP", encapsulationPort, "SCTP", running?.ports.sctpUdp],
  ] as const;
  const inodes = wanted.flatMap(([transport, number]) =>
    sockets[transport].filter((row) => row.port === number).map(({ inode }) => inode),
  );
  const holders = holdersOf(new Set(inodes));
  return wanted.map(([transport, number, purpose, bound]) => {
    const saysBound = running?.state === "ready" ? bound === number : undefined;
    const nobody = status.known ? undefined : "unknown";
    const owner = mark === undefined ? nobody : { pid: mark.pid, saysBound };
    const evidence = { transport, port: number, purpose, sockets: sockets[transport], holders };
    return judgePort(evidence, owner);
  });
}

function socketsOf(transport: "UDP" | "TCP"): readonly SocketRow[] {
  const name = transport.toLowerCase();
  return [name, `${name}6`].flatMap((table) => {
    const rows = parsed(readText(`/proc/net/${table}`), (text) => parseSocketTable(text, transport));
    return rows.known ? rows.value : [];
  });
}

function sctpOf({ status, mark }: RegistryToExamine, { network }: Configuration) {
  const running = status.known ? status.value : undefined;
  // A kernel without modules has no such file.
  const modules = existsSync("/proc/modules")
    ? parsed(readText("/proc/modules"), parseModules)
    : known(new Map());
  const isBuiltIn = existsSync("/proc/net/sctp");
  const process =
    mark === undefined ? notKnown("no registry is seen to run") : readText(`/proc/${mark.pid}/status`);
  const capability = process.known ? hasCapability(process.value, CAP_NET_RAW) : undefined;
  return {
    kernel: isBuiltIn ? known(true) : modules.known ? known(modules.value.has("sctp")) : modules,
    legacy: running?.legacy ?? network.legacy,
    raw: running?.state === "ready" ? running.ports.sctpRaw : undefined,
    capability:
      capability === undefined
        ? notKnown(process.known ? "its status does not say" : process.why)
        : known(capability),
  };
}

/** Errors of interfaces that were chosen and are not there. */
function linksOf(only: readonly string[]): Evidence<readonly Link[]> {
  try {
    return known(usableLinks(only));
  } catch (error) {
    return notKnown(errorText(error));
  }
}

function missingInterface(why: string): Finding {
  const fix = "correct network.interfaces in multiproto.toml, or bring it up: ip link set NAME up";
  const finding = "an interface that is to be served is not there, or has no address";
  return { check: "interfaces", level: "problem", finding, evidence: why, fix };
}

/** Asks the registry as a client on this machine would. */
async function hearing(running: StatusReport, links: readonly Link[]): Promise<readonly Finding[]> {
  const own = parseFingerprint(running.fingerprint ?? "");
  if (own === undefined || running.ports.udp === null) return [];
  let client: DoctorClient;
  try {
    client = await DoctorClient.open(systemRandom);
  } catch (error) {
    const finding = "whether the registry hears could not be looked at";
    const unknown = { check: "discovery", level: "unknown", finding, fix: null } as const;
    return [{ ...unknown, evidence: errorText(error) }, ...judgeHearing([], own, running.otherRegistries)];
  }
  try {
    const asked = await client.ask(multicastWays(links, running.ports.udp));
    return judgeHearing(asked, own, running.otherRegistries);
  } finally {
    await client.close();
  }
}

function clockOf(
  running: StatusReport | undefined,
  mark: ProcessMark | undefined,
): ClockEvidence | undefined {
  const uptime = readText("/proc/uptime");
  const booted = uptime.known ? parseUptime(uptime.value) : undefined;
  if (running === undefined || mark === undefined || booted === undefined) return undefined;
  const processMillis: Millis = booted * 1_000 - (mark.startTicks * 1_000) / TICKS_PER_SECOND;
  return {
    wall: systemClock.wall(),
    startedAt: Date.parse(running.startedAt),
    awakeMillis: running.uptimeMillis,
    processMillis,
  };
}

function databaseOf({ stateDirectory }: Places, { status }: RegistryToExamine): Finding {
  const path = join(stateDirectory, "registry.sqlite");
  if (!status.known)
    return judgeDatabase(path, notKnown(`${status.why}; it is not opened while a registry may have it`));
  if (status.value !== undefined) {
    const { store } = status.value;
    if (store === null) return judgeDatabase(path, notKnown("the registry is not ready yet"));
    const kept = `${store.bindings} nicknames, ${store.bans} bans, by multiprotoctl status`;
    const trouble = store.state === "ok" ? undefined : (store.trouble ?? "it does not say why");
    return judgeDatabase(path, known({ state: "in-use", trouble, kept }));
  }
  return judgeDatabase(path, conditionOf(path));
}

function conditionOf(path: string): Evidence<DatabaseEvidence> {
  // Behind a directory that may not be searched it would look as if there were none.
  const facts = fileFacts(path);
  if (!facts.known) return facts;
  try {
    return known(checkDatabase(path));
  } catch (error) {
    return notKnown(errorText(error));
  }
}

function filesOf(
  { stateDirectory, configurationFile }: Places,
  given: RegistryToExamine,
): readonly Finding[] {
  const { mark, socketPath } = given;
  const process = mark === undefined ? undefined : readText(`/proc/${mark.pid}/status`);
  const directory = fileFacts(stateDirectory);
  const facts = directory.known && directory.value !== "missing" ? directory.value : undefined;
  const owner = (process?.known === true ? processOwner(process.value)?.uid : undefined) ?? facts?.uid;
  const file = (path: string, what: string, forbidden: number, because: string, whose?: number) =>
    judgeFile({ path, what, facts: fileFacts(path), owner: whose, forbidden, because });
  const key = "whoever reads it can pretend to be the registry";
  return [
    ...file(
      stateDirectory,
      "the state directory",
      OTHERS_WRITE,
      "others could put files of theirs there",
      owner,
    ),
    ...file(join(stateDirectory, "identity.pem"), "the registry's key", OTHERS, key, owner),
    ...file(
      join(stateDirectory, "registry.sqlite"),
      "the database",
      OTHERS,
      "it says who owns which name",
      owner,
    ),
    ...file(
      configurationFile,
      "the configuration",
      OTHERS_WRITE,
      "others could change what the registry does",
    ),
    ...file(socketPath, "the control socket", 0o007, "everybody on this machine could steer the registry"),
  ];
}
