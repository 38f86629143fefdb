import type { LogEntry } from "../../src/base/log.ts";
import type { ConcernedReport } from "../../src/control/admin-reports.ts";
import type { ChangesReport, ChangesRequest } from "../../src/control/changes.ts";
import type { ConfigurationReport } from "../../src/control/configuration-report.ts";
import type {
  AdministrationControl,
  BackupControl,
  LogLevelRequest,
  RegistryControl,
  StopRequest,
} from "../../src/control/methods.ts";
import type { ClientReport, StartReport, StatusReport } from "../../src/control/reports.ts";
import type { TopReport, TopRequest } from "../../src/control/top.ts";

export const FINGERPRINT = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";

export const STATUS: StatusReport = {
  schema: 1,
  state: "ready",
  pid: 4711,
  version: "9.8.7",
  supervisor: "none",
  uptimeMillis: 7_384_000,
  startedAt: "2026-11-22T18:00:00.000Z",
  ports: { udp: 10_001, tcp: 10_001, sctpUdp: 9899, sctpRaw: false },
  interfaces: ["eth0", "lo"],
  legacy: true,
  realm: "office",
  fingerprint: FINGERPRINT,
  epoch: "0011223344556677",
  seq: 4711,
  store: { state: "ok", trouble: null, bindings: 5, bans: 1 },
  online: 3,
  offline: 1,
  returning: 0,
  pendingRegistrations: 2,
  otherRegistries: [
    {
      address: "10.0.0.7",
      realm: "annex",
      fingerprint: FINGERPRINT,
      sameKey: false,
      since: "2026-11-22T19:00:00.000Z",
    },
  ],
  lastError: { at: "2026-11-22T19:00:00.000Z", text: "bad \u001b[31mthing" },
  counters: { "datagrams dropped: garbage": 17 },
};

export function client(nickname: string, change: Partial<ClientReport> = {}): ClientReport {
  return {
    nickname,
    address: "10.0.0.5",
    port: 51_234,
    protocol: "mp1",
    verified: false,
    fingerprint: null,
    away: false,
    status: null,
    path: "udp",
    state: "online",
    reason: null,
    since: "2026-11-22T19:00:00.000Z",
    rttMillis: 1.25,
    tally: { sentBytes: 1_500, receivedBytes: 700, heartbeats: 200, answers: 199 },
    ...change,
  };
}

const HELD = { address: "10.0.0.5", port: 51_234, protocol: "mp2", fingerprint: FINGERPRINT } as const;
export const CHANGES: ChangesReport = {
  epoch: "0011223344556677",
  seq: 4_711,
  isWhole: true,
  clients: [
    {
      nickname: "ola",
      state: "online",
      reason: null,
      since: "2026-11-22T19:00:00.000Z",
      ...HELD,
      status: null,
    },
  ],
};

export const CONFIGURATION: ConfigurationReport = {
  file: "/etc/multiproto/multiproto.toml",
  exists: true,
  readAt: "2026-11-22T18:00:00.000Z",
  settings: [
    { key: "network.interfaces", value: ["eth0", "\u001b[2J"], origin: "file" },
    { key: "network.port", value: 10_001, origin: "default" },
    { key: "log.level", value: "debug", origin: "command" },
  ],
};

/** A registry that remembers what it was asked; each answer can be replaced. */
export class FakeControl implements RegistryControl {
  readonly calls: string[] = [];

  changes = async ({ after, waitMillis }: ChangesRequest): Promise<ChangesReport> => {
    this.calls.push(`changes after ${after?.seq}, ${waitMillis} ms`);
    return CHANGES;
  };
  clients = (): readonly ClientReport[] => [client("ola"), client("eva", { path: null, rttMillis: null })];
  configuration = (): ConfigurationReport => CONFIGURATION;
  top = (request: TopRequest): TopReport => {
    this.calls.push(`top by ${request.order}, ${request.limit} after ${request.skip}`);
    const time = "2026-11-22T19:00:00.000Z";
    return { time, realm: "office", online: 2, offline: 1, total: 3, clients: this.clients() };
  };
  metrics = async (): Promise<string> => "# HELP multiproto_clients Clients\nmultiproto_clients 1\n";
  status = (): StatusReport => STATUS;
  version = () => ({ version: "9.8.7", runtime: "node 26", pid: 4711 });
  stop = async ({ restarting }: StopRequest): Promise<void> => {
    this.calls.push(restarting ? "stop to restart" : "stop");
  };
  backup: BackupControl = {
    bindings: ({ after }) => {
      this.calls.push(`bindings after ${after}`);
      return { bindings: after === undefined ? [BINDING] : [], isLast: after !== undefined };
    },
    import: async ({ bindings, bans }) => {
      this.calls.push(`import ${bindings.map(({ nickname }) => nickname)} and ${bans.length} bans`);
      return { added: 1, known: 0, refused: [{ what: "eva", why: "taken" }] };
    },
  };
  administration: AdministrationControl = {
    ban: ({ target, reason }) => this.#concerning(`ban ${target} (${reason})`),
    bans: () => [
      { fingerprint: FINGERPRINT, nickname: "ola", bannedAt: "2026-11-22T19:00:00.000Z", reason: "spam" },
    ],
    fingerprint: () => ({ fingerprint: FINGERPRINT, realm: "office" }),
    forget: ({ nickname }) => this.#concerning(`forget ${nickname}`),
    kick: ({ target }) => this.#concerning(`kick ${target}`),
    unban: ({ target }) => this.#concerning(`unban ${target}`),
  };
  restart = async (): Promise<"exiting" | "restarted"> => "restarted";
  reload = async () => ({ applied: ["log.level"], needsRestart: ["network.port"] });
  ready = async (): Promise<StartReport> => ({ outcome: "ready", pid: 4711, version: "9.8.7" });
  logLevel = ({ level, forMillis }: LogLevelRequest) => {
    this.calls.push(`log-level ${level} ${forMillis}`);
    return {
      level,
      previous: "info",
      until: forMillis === undefined ? null : "2026-11-22T20:00:00.000Z",
    } as const;
  };

  async #concerning(call: string): Promise<ConcernedReport> {
    this.calls.push(call);
    return CONCERNED;
  }
}

export const BINDING = {
  nickname: "ola",
  fingerprint: FINGERPRINT,
  boundAt: "2026-11-01T19:00:00.000Z",
  lastSeen: "2026-11-22T19:00:00.000Z",
};

/** Whom the fake's commands are about. */
export const CONCERNED: ConcernedReport = {
  changed: true,
  nickname: "ola",
  fingerprint: FINGERPRINT,
  address: "10.0.0.5",
};

export class MemoryLog {
  readonly entries: LogEntry[] = [];
  write(entry: LogEntry): void {
    this.entries.push(entry);
  }
  get texts(): readonly string[] {
    return this.entries.map(({ text }) => text);
  }
}
