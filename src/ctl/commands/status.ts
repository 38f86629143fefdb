import { durationText } from "../../base/text.ts";
import type { Tone } from "../../base/tones.ts";
import type { OtherRegistryReport, PortsReport, StatusReport } from "../../control/reports.ts";
import { spoken } from "../concerned.ts";
import { type AddCommand, examples } from "../context.ts";
import { NOT_RUNNING, OK } from "../exit-codes.ts";
import type { Output } from "../output.ts";
import { localTime } from "../times.ts";

export const addStatus: AddCommand = (program, run) => {
  program
    .command("status")
    .summary("say whether the registry runs, and how it does")
    .description("Says whether the registry runs, and how it does. Exit code 0: it runs; 3: it is stopped.")
    .addHelpText("after", examples("multiprotoctl status", "multiprotoctl status --json | jq .online"))
    .action(
      run(async ({ registry, output }) => {
        if (registry.running() === undefined) {
          output.show({ state: "stopped" }, () => [
            `multiproto registry: ${output.paint("strong", "stopped")}`,
          ]);
          return NOT_RUNNING;
        }
        const status = await registry.connected((client) => client.request("status", undefined));
        output.show({ ...status }, () => describe(status, output));
        return OK;
      }),
    );
};

const TONES: Readonly<Record<StatusReport["state"], Tone>> = {
  starting: "warning",
  ready: "good",
  stopping: "warning",
};

function describe(status: StatusReport, output: Output): string[] {
  const { state, lastError, counters } = status;
  const joining = status.pendingRegistrations > 0 ? `, ${status.pendingRegistrations} joining` : "";
  const returning = status.returning > 0 ? `${status.returning} not back yet, ` : "";
  return [
    `multiproto registry: ${output.paint(TONES[state], state)}`,
    ...output.pairs([
      ["pid", `${status.pid}${status.supervisor === "systemd" ? " (under systemd)" : ""}`],
      ["version", status.version],
      ["up", `${durationText(status.uptimeMillis)}, since ${localTime(status.startedAt)}`],
      ["ports", portsText(status.ports)],
      ["realm", status.realm ?? "-"],
      ["key", status.fingerprint === null ? "-" : spoken(status.fingerprint)],
      ["state", storeText(status.store)],
      ["roster", rosterText(status)],
      ["interfaces", status.interfaces.join(", ") || "none"],
      ["clients", `${status.online} online, ${returning}${status.offline} offline${joining}`],
      ["mp1", mp1Text(status)],
      ...status.otherRegistries.map((other) => ["other registry", otherText(other)] as const),
      ["last error", lastError === null ? "none" : `${lastError.text} (${localTime(lastError.at)})`],
      ...Object.entries(counters)
        .filter(([, count]) => count > 0)
        .map(([name, count]) => [name, String(count)] as const),
    ]),
  ];
}

function storeText(store: StatusReport["store"]): string {
  if (store === null) return "-";
  const { state, trouble, bindings, bans } = store;
  const kept = `${bindings} nicknames, ${bans} banned`;
  return state === "ok" ? kept : `${kept}; cannot be written: ${trouble ?? "see the journal"}`;
}

function rosterText({ epoch, seq }: StatusReport): string {
  return epoch === null || seq === null ? "-" : `change ${seq} of epoch ${epoch}`;
}

function otherText({ address, realm, fingerprint, sameKey, since }: OtherRegistryReport): string {
  const key = sameKey ? "with this one's key" : `key ${spoken(fingerprint)}`;
  return `${realm} at ${address}, ${key}, since ${localTime(since)} (see the journal)`;
}

function mp1Text({ legacy, ports, state }: StatusReport): string {
  if (!legacy) return "kept out";
  // Their SCTP goes right on IP, which needs a capability and a native module.
  return ports.sctpRaw || state !== "ready"
    ? "let in, unverified"
    : "let in, unverified; not originals: SCTP on IP is not served (see the journal)";
}

function portsText({ udp, tcp, sctpUdp, sctpRaw }: PortsReport): string {
  const bound = [
    udp === null ? undefined : `UDP ${udp}`,
    tcp === null ? undefined : `TCP ${tcp}`,
    sctpUdp === null ? undefined : `SCTP over UDP ${sctpUdp}`,
    sctpRaw ? "SCTP on IP" : undefined,
  ];
  return bound.filter((text) => text !== undefined).join(", ") || "none";
}
