import type { ClientReport } from "../../control/reports.ts";
import { type AddCommand, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { table } from "../table.ts";
import { localTime } from "../times.ts";

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

function describe(clients: readonly ClientReport[]): string[] {
  const headings = ["NICKNAME", "STATE", "ADDRESS", "PROTOCOL", "SCTP", "SINCE", "RTT"];
  return table(
    headings,
    clients.map((client) => [
      client.nickname,
      client.reason === null ? client.state : `${client.state} (${client.reason})`,
      `${client.address.includes(":") ? `[${client.address}]` : client.address}:${client.port}`,
      client.verified ? client.protocol : `${client.protocol} (unverified)`,
      client.path === null ? "-" : { udp: "over UDP", raw: "on IP" }[client.path],
      localTime(client.since),
      client.rttMillis === null ? "-" : `${client.rttMillis.toFixed(1)} ms`,
    ]),
  );
}
