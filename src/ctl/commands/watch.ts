import { type ChangedClient, type ChangesReport, nameKey } from "../../control/changes.ts";
import { changeText, isThere } from "../changes-text.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { follow } from "../following.ts";
import { duration } from "../options.ts";
import type { Output } from "../output.ts";
import { localTime } from "../times.ts";

const WEEK_MILLIS = 7 * 86_400_000;

export const addWatch: AddCommand = (program, run) => {
  program
    .command("watch")
    .summary("show who comes, goes and changes, as it happens")
    .description(
      "Shows who comes, goes and changes, as it happens, until it is interrupted or --for has passed. Goes on when the registry is restarted. With --json one object a line.",
    )
    .option("--for <time>", "end after this time (30s, 10m, 2h, 1d)", duration(1, WEEK_MILLIS, "at most 7d"))
    .addHelpText("after", examples("multiprotoctl watch", "multiprotoctl watch --json | jq -r .nickname"))
    .action(
      run(async ({ registry, output }, { for: millis = Infinity }: { for?: number }) => {
        const shown = new Shown(output);
        for await (const followed of follow(registry, performance.now() + millis)) {
          if (followed.type === "changes") shown.changes(followed.report);
          else shown.ended();
        }
        return OK;
      }),
    );
};

/** What has been shown so far. */
class Shown {
  readonly #output: Output;
  /** By {@link nameKey}. */
  #clients: ReadonlyMap<string, ChangedClient> | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  changes({ epoch, seq, isWhole, clients }: ChangesReport): void {
    const former = this.#clients;
    const next = new Map(isWhole ? [] : former);
    if (isWhole) {
      const online = clients.filter(isThere).length;
      const counts = { online, offline: clients.length - online };
      const text = `the registry serves: ${online} online, ${counts.offline} offline`;
      this.#line(new Date(), { type: "registry", event: "serves", epoch, seq, ...counts }, text);
    }
    for (const client of clients) {
      const key = nameKey(client.nickname);
      // The first roster is where the watch begins, and no news.
      if (former !== undefined) this.#changed(next.get(key) ?? former.get(key), client);
      if (client.state === "gone") next.delete(key);
      else next.set(key, client);
    }
    if (isWhole) for (const gone of missing(former, next)) this.#changed(gone, asGone(gone));
    this.#clients = next;
  }

  ended(): void {
    this.#line(new Date(), { type: "registry", event: "ended" }, "the registry has ended");
  }

  #changed(before: ChangedClient | undefined, now: ChangedClient): void {
    const text = changeText(before, now);
    if (text === undefined) return;
    this.#line(new Date(), { type: "client", ...now, before: before?.state ?? null }, text);
  }

  #line(time: Date, report: Readonly<Record<string, unknown>>, text: string): void {
    const at = time.toISOString();
    this.#output.show({ time: at, ...report }, () => [
      `${this.#output.paint("quiet", localTime(at))}  ${this.#output.plain(text)}`,
    ]);
  }
}

function* missing(
  former: ReadonlyMap<string, ChangedClient> | undefined,
  next: ReadonlyMap<string, ChangedClient>,
): Generator<ChangedClient> {
  for (const [key, client] of former ?? []) if (!next.has(key)) yield client;
}

function asGone({ nickname }: ChangedClient): ChangedClient {
  const nothing = { reason: null, since: null, address: null, port: null, protocol: null } as const;
  return { nickname, state: "gone", ...nothing, fingerprint: null, status: null };
}
