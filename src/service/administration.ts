import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";
import type { Log } from "../base/log.ts";
import type {
  BanReport,
  BanRequest,
  ConcernedReport,
  FingerprintReport,
  ForgetRequest,
  TargetRequest,
} from "../control/admin-reports.ts";
import { ControlError, type ControlErrorCode } from "../control/errors.ts";
import type { AdministrationControl } from "../control/methods.ts";
import type { AdminFailure, AdminResult, ConcerningCommand } from "../registry/admin.ts";
import { mustServe, type Serving } from "./serving.ts";

const CODES: Readonly<Record<Exclude<AdminFailure, "is-so-already">, ControlErrorCode>> = {
  unknown: "not-found",
  ambiguous: "ambiguous",
  storage: "storage",
  taken: "failed",
};

const DONE: Readonly<Record<ConcerningCommand["type"], string>> = {
  ban: "banned",
  forget: "forgot",
  kick: "kicked",
  unban: "lifted the ban of",
};

/** What an admin does to clients, keys and nicknames: asks the registry, and writes down what was done. */
export class Administration implements AdministrationControl {
  readonly #serving: () => Serving | undefined;
  readonly #log: Log;

  constructor(options: { readonly serving: () => Serving | undefined; readonly log: Log }) {
    this.#serving = options.serving;
    this.#log = options.log;
  }

  ban({ target, reason }: BanRequest): Promise<ConcernedReport> {
    return this.#do({ type: "ban", target, reason });
  }

  bans(): readonly BanReport[] {
    const { shell, state } = this.#ready();
    const names = new Map<string, string>();
    for (const { fingerprint, nickname } of state.ledger.bindings()) names.set(fingerprint, nickname);
    return Array.from(shell.registry.bans(), ({ fingerprint, bannedAt, reason }) => ({
      fingerprint,
      nickname: names.get(fingerprint) ?? null,
      bannedAt: new Date(bannedAt).toISOString(),
      reason,
    }));
  }

  fingerprint(): FingerprintReport {
    const { configuration, state } = this.#ready();
    return { fingerprint: state.identity.fingerprint, realm: configuration.network.realm };
  }

  forget({ nickname }: ForgetRequest): Promise<ConcernedReport> {
    return this.#do({ type: "forget", nickname });
  }

  kick({ target }: TargetRequest): Promise<ConcernedReport> {
    return this.#do({ type: "kick", target });
  }

  unban({ target }: TargetRequest): Promise<ConcernedReport> {
    return this.#do({ type: "unban", target });
  }

  async #do(command: ConcerningCommand): Promise<ConcernedReport> {
    const report = concernedReport(await this.#ready().shell.command(command));
    if (report.changed) {
      const reason = command.type === "ban" && command.reason !== "" ? `: ${command.reason}` : "";
      const text = `An admin ${DONE[command.type]} ${whoText(report)}${reason}`;
      this.#log.write({ level: "info", text });
    }
    return report;
  }

  #ready(): Serving {
    return mustServe(this.#serving());
  }
}

function concernedReport(result: AdminResult): ConcernedReport {
  if (!result.ok) {
    if (result.code === "is-so-already")
      return { changed: false, nickname: null, fingerprint: null, address: null };
    throw new ControlError(CODES[result.code], result.text);
  }
  const { nickname = null, fingerprint = null, address = null } = result;
  return { changed: true, nickname, fingerprint, address };
}

function whoText({ nickname, fingerprint, address }: ConcernedReport): string {
  const key = fingerprint === null ? null : `the key ${fingerprintText(fingerprint as Fingerprint)}`;
  const names = [nickname, address === null ? null : `at ${address}`, key].filter((name) => name !== null);
  return names.join(" ") || "somebody";
}
