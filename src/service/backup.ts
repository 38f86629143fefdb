import type { Log } from "../base/log.ts";
import {
  type BannedKey,
  BINDINGS_AT_ONCE,
  type BindingReport,
  type BindingsReport,
  type BindingsRequest,
  type ImportReport,
  type ImportRequest,
  type RefusedReport,
} from "../control/backup.ts";
import type { BackupControl } from "../control/methods.ts";
import type { AdminCommand, AdminResult } from "../registry/admin.ts";
import type { Binding } from "../roster/store.ts";
import type { Fingerprint } from "../wire/mp2-values.ts";
import { foldNickname, parseNickname } from "../wire/nickname.ts";
import { mustServe, type Serving } from "./serving.ts";

/** Nicknames and bans that go to another registry, or come from one. */
export class Backup implements BackupControl {
  readonly #serving: () => Serving | undefined;
  readonly #log: Log;

  constructor(options: { readonly serving: () => Serving | undefined; readonly log: Log }) {
    this.#serving = options.serving;
    this.#log = options.log;
  }

  bindings({ after }: BindingsRequest): BindingsReport {
    const from = after === undefined ? "" : foldNickname(after);
    const left = Array.from(this.#ready().state.ledger.bindings(), (binding) => ({
      folded: foldNickname(binding.nickname),
      binding,
    }))
      .filter(({ folded }) => folded > from)
      .sort((one, other) => (one.folded < other.folded ? -1 : 1));
    const bindings = left.slice(0, BINDINGS_AT_ONCE).map(({ binding }) => bindingReport(binding));
    return { bindings, isLast: bindings.length === left.length };
  }

  async import({ bindings, bans }: ImportRequest): Promise<ImportReport> {
    const { shell } = this.#ready();
    const asked = [...bindings.map(restoredBinding), ...bans.map(restoredBan)];
    const done = await Promise.all(
      asked.map(async ({ what, command }) => {
        const result = typeof command === "string" ? refused(command) : await shell.command(command);
        return { what, result };
      }),
    );
    const report = importReport(done);
    if (report.added > 0) {
      const text = `An admin imported ${report.added} nicknames and bans, ${report.refused.length} were refused`;
      this.#log.write({ level: "info", text });
    }
    return report;
  }

  #ready(): Serving {
    return mustServe(this.#serving());
  }
}

interface Asked {
  readonly what: string;
  /** Or why it is not asked. */
  readonly command: AdminCommand | string;
}

function restoredBinding({ nickname, fingerprint, boundAt, lastSeen }: BindingReport): Asked {
  const parsed = parseNickname(nickname);
  if (!parsed.ok) return { what: nickname, command: parsed.text };
  const times = { boundAt: Date.parse(boundAt), lastSeen: Date.parse(lastSeen) };
  // The control plane's parser has seen that these are 64 hexadecimal digits.
  const binding = { nickname: parsed.nickname, fingerprint: fingerprint as Fingerprint, ...times };
  return { what: nickname, command: { type: "restore-binding", binding } };
}

function restoredBan({ fingerprint, bannedAt, reason }: BannedKey): Asked {
  const ban = { fingerprint: fingerprint as Fingerprint, bannedAt: Date.parse(bannedAt), reason };
  return { what: fingerprint, command: { type: "restore-ban", ban } };
}

function refused(text: string): AdminResult {
  return { ok: false, code: "unknown", text };
}

function importReport(done: readonly { what: string; result: AdminResult }[]): ImportReport {
  let [added, known] = [0, 0];
  const refusals: RefusedReport[] = [];
  for (const { what, result } of done) {
    if (result.ok) added += 1;
    else if (result.code === "is-so-already") known += 1;
    else refusals.push({ what, why: result.text });
  }
  return { added, known, refused: refusals };
}

function bindingReport({ nickname, fingerprint, boundAt, lastSeen }: Binding): BindingReport {
  const [bound, seen] = [new Date(boundAt).toISOString(), new Date(lastSeen).toISOString()];
  return { nickname, fingerprint, boundAt: bound, lastSeen: seen };
}
