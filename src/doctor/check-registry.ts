import { durationText } from "../base/text.ts";
import { type Evidence, type Finding, unknownFinding } from "./finding.ts";

/** What the registry says of itself and of its clients. */
export type RegistryEvidence =
  | { readonly state: "stopped" }
  | {
      readonly state: "starting" | "ready" | "stopping";
      readonly pid: number;
      readonly version: string;
      readonly uptimeMillis: number;
      readonly lastError: { readonly at: string; readonly text: string } | null;
    };

/** `version`: of this program. */
export function judgeRegistry(registry: Evidence<RegistryEvidence>, version: string): readonly Finding[] {
  const check = "registry";
  if (!registry.known)
    return [
      unknownFinding(check, "the registry", registry.why, "run this as root, or as one of group multiproto"),
    ];
  const value = registry.value;
  if (value.state === "stopped")
    return [
      {
        check,
        level: "warning",
        finding: "no registry runs here",
        evidence: "no process of its pid file",
        fix: "multiprotoctl start",
      },
    ];
  const { state, pid, uptimeMillis, lastError } = value;
  const evidence = `pid ${pid}, up ${durationText(uptimeMillis)}, version ${value.version}`;
  const findings: Finding[] = [
    state === "ready"
      ? { check, level: "ok", finding: "the registry runs and is ready", evidence, fix: null }
      : {
          check,
          level: "warning",
          finding: `the registry is ${state}`,
          evidence,
          fix: "ask again in a moment",
        },
  ];
  if (value.version !== version)
    findings.push({
      check: "version",
      level: "warning",
      finding: `the registry that runs is of version ${value.version}, installed is ${version}`,
      evidence,
      fix: "multiprotoctl restart (clients stay online)",
    });
  if (lastError !== null)
    findings.push({
      check,
      level: "note",
      finding: `its last error: ${lastError.text}`,
      evidence: `at ${lastError.at}`,
      fix: "journalctl -u multiproto -p warning",
    });
  return findings;
}

export interface ClientEvidence {
  readonly nickname: string;
  readonly protocol: "mp1" | "mp2";
  readonly state: string;
}

/** Names that are told; the others are counted. */
const MAX_NAMES = 8;

/** Clients of the older protocol, whom anybody can pretend to be. */
export function judgeClients(clients: Evidence<readonly ClientEvidence[]>): readonly Finding[] {
  const check = "clients";
  if (!clients.known) return [unknownFinding(check, "the clients", clients.why)];
  const here = clients.value.filter(({ state }) => state === "online" || state === "suspect");
  const suspect = here.filter(({ state }) => state === "suspect");
  const old = here.filter(({ protocol }) => protocol === "mp1");
  const findings: Finding[] = [];
  if (old.length > 0)
    findings.push({
      check,
      level: "note",
      finding: `${old.length} of ${here.length} clients online speak the older protocol (mp1), without keys and encryption`,
      evidence: namesText(old),
      fix: "bring them up to date; then legacy = false in multiproto.toml keeps the others out",
    });
  if (suspect.length > 0)
    findings.push({
      check,
      level: suspect.length * 2 > here.length && here.length > 2 ? "warning" : "note",
      finding: `${suspect.length} of ${here.length} clients do not answer at the moment`,
      evidence: namesText(suspect),
      fix: "if it stays: packets are lost between here and there (ping ADDRESS)",
    });
  if (findings.length > 0) return findings;
  return [
    {
      check,
      level: "ok",
      finding:
        here.length === 0
          ? "no client is online"
          : `all ${here.length} clients online speak this registry's protocol (mp2)`,
      evidence: "multiprotoctl clients",
      fix: null,
    },
  ];
}

function namesText(clients: readonly ClientEvidence[]): string {
  const names = clients.slice(0, MAX_NAMES).map(({ nickname }) => nickname);
  return clients.length > MAX_NAMES
    ? `${names.join(", ")} and ${clients.length - MAX_NAMES} more`
    : names.join(", ");
}
