import { type ChangedClient, type ChangesReport, type ChangesRequest, nameKey } from "../control/changes.ts";
import type { Registry } from "../registry/registry.ts";
import type { Ask, Change, Listed } from "../roster/listed.ts";
import type { Epoch } from "../wire/mp2-values.ts";
import { mustServe } from "./serving.ts";

export interface WatchersOptions {
  /** The registry that serves. */
  readonly registry: () => Registry | undefined;
}

/** Those who watch the roster by the control socket: each asks for what is new since, and waits for it. */
export class Watchers {
  readonly #options: WatchersOptions;
  /** No more than there may be requests under way. */
  readonly #waiting = new Set<() => void>();

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  /** The published roster has another number, or the registry serves no longer. */
  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Throws ControlError "failed" or "stopping" when there is no registry to ask, also of who waits when it ends. */
  async changes({ after, waitMillis }: ChangesRequest): Promise<ChangesReport> {
    const registry = mustServe(this.#options.registry());
    const isNew = (): boolean => {
      const { epoch, seq } = registry.published;
      return after === undefined || after.epoch !== epoch || after.seq !== seq;
    };
    if (!isNew() && waitMillis > 0) await this.#somethingNew(waitMillis, isNew);
    return changesReport(mustServe(this.#options.registry()), after);
  }

  async #somethingNew(waitMillis: number, isNew: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.#options.registry() === undefined || isNew()) done();
      };
      const timer = setTimeout(done, waitMillis);
      this.#waiting.add(look);
    });
  }
}

function changesReport(registry: Registry, after: ChangesRequest["after"]): ChangesReport {
  const { epoch, seq } = registry.published;
  const ask: Ask =
    after === undefined
      ? { type: "roster" }
      : { type: "changes", epoch: after.epoch as Epoch, seq: after.seq };
  const parts = registry.told(ask);
  const isWhole = parts.some(({ type }) => type === "page");
  const clients = parts.flatMap((part) =>
    part.type === "page" ? part.entries.map(changedClient) : part.changes.map(clientOf),
  );
  return { epoch, seq, isWhole, clients: isWhole ? latestOfEach(clients) : clients };
}

/** Pages may be followed by what has changed since they were made. */
function latestOfEach(clients: readonly ChangedClient[]): readonly ChangedClient[] {
  const latest = new Map<string, ChangedClient>();
  for (const client of clients) {
    const key = nameKey(client.nickname);
    if (client.state === "gone") latest.delete(key);
    else latest.set(key, client);
  }
  return [...latest.values()];
}

function clientOf(change: Change): ChangedClient {
  if (change.type === "put") return changedClient(change.entry);
  const nothing = { reason: null, since: null, address: null, port: null, protocol: null } as const;
  return { nickname: change.nick, state: "gone", ...nothing, fingerprint: null, status: null };
}

function changedClient(entry: Listed): ChangedClient {
  return {
    nickname: entry.nick,
    state: entry.state,
    reason: entry.state === "offline" ? entry.reason : null,
    since: new Date(entry.lastSeen).toISOString(),
    address: entry.address,
    port: entry.port,
    protocol: entry.kind === "mp2" ? "mp2" : "mp1",
    fingerprint: entry.fingerprint,
    status: entry.status ?? null,
  };
}
