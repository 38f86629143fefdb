import type { ClientReport } from "../../control/reports.ts";
import { spoken } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { table } from "../table.ts";
import { localTime } from "../times.ts";

/** The first two groups: they tell keys apart and prove nothing; --json has all of it. */
const KEY_CHARACTERS = 11;

export const addClients: AddCommand = (program, run) => {
  program
    .command("clients")
    .summary("list who is registered")
    .description("Lists who is registered, by nickname.")
    .addHelpText(
      "after",
      examples("multiprotoctl clients", "multiprotoctl clients --json | jq -r '.clients[].nickname'"),
    )
    .action(
      run(async ({ registry, output }) => {
        const unsorted = await registry.ask((client) => client.request("clients", undefined));
        const clients = unsorted.toSorted(byNickname);
        output.show({ clients }, () => (clients.length > 0 ? describe(clients) : ["nobody is registered"]));
        return OK;
      }),
    );
};

/** Case-folded, as nicknames are unique that way; without the cost of loading a locale's collation. */
function byNickname(one: ClientReport, other: ClientReport): number {
  const [left, right] = [one.nickname.toLowerCase(), other.nickname.toLowerCase()];
  return left < right ? -1 : left > right ? 1 : 0;
}

function stateText({ state, reason, away }: ClientReport): string {
  if (state === "returning") return "not back yet";
  if (reason !== null) return `${state} (${reason})`;
  return away && state === "online" ? "away" : state;
}

function describe(clients: readonly ClientReport[]): string[] {
  const headings = ["NICKNAME", "STATE", "ADDRESS", "PROTOCOL", "KEY", "SCTP", "SINCE", "RTT", "STATUS"];
  return table(
    headings,
    clients.map((client) => [
      client.nickname,
      stateText(client),
      `${client.address.includes(":") ? `[${client.address}]` : client.address}:${client.port}`,
      client.verified ? client.protocol : `${client.protocol} (unverified)`,
      client.fingerprint === null ? "-" : `${spoken(client.fingerprint).slice(0, KEY_CHARACTERS)} …`,
      client.path === null ? "-" : { udp: "over UDP", raw: "on IP" }[client.path],
      localTime(client.since),
      client.rttMillis === null ? "-" : `${client.rttMillis.toFixed(1)} ms`,
      client.status ?? "-",
    ]),
  );
}
