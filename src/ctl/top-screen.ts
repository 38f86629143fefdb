/** `multiprotoctl top` as lines of text: what is told becomes a screen of that size, and nothing here touches a terminal. */
import { escapeText } from "../base/text.ts";
import type { ClientReport } from "../control/reports.ts";
import type { TopOrder, TopReport } from "../control/top.ts";
import { table } from "./table.ts";
import { localTime } from "./times.ts";
import { cutTo } from "./width.ts";

export interface TopView {
  readonly order: TopOrder;
  /** Clients left out above the first row. */
  readonly skip: number;
  readonly columns: number;
  readonly rows: number;
  /** What was told the last time, for what has crossed each second since; undefined at first. */
  readonly former: TopReport | undefined;
}

/** Lines of the screen that are not clients: two above the table, its headings, one below. */
const OTHER_LINES = 4;
/** A long name must not push the numbers out. */
const NAME_COLUMNS = 24;

/** How many clients fit. */
export function roomFor(rows: number): number {
  return Math.max(1, rows - OTHER_LINES);
}

/** No more lines than rows, none wider than the columns, nothing in them that acts on a terminal. */
export function topScreen(report: TopReport, view: TopView): string[] {
  const { columns, rows, skip } = view;
  const shown = report.clients.slice(0, roomFor(rows));
  const last = skip + shown.length;
  const where = shown.length === 0 ? "nobody" : `${skip + 1} to ${last} of ${report.total}`;
  const lines = [
    headLine(report),
    "",
    ...topTable(shown, view.former, report.time),
    `${where}, by ${view.order}; s: another order, arrows: others, q: leave`,
  ];
  return lines.slice(0, Math.max(1, rows)).map((line) => cutTo(line, columns));
}

export function headLine({ realm, online, offline, time }: TopReport): string {
  return escapeText(`registry ${realm}: ${online} online, ${offline} offline, ${localTime(time)}`);
}

const HEADINGS = ["NICKNAME", "STATE", "PATH", "RTT", "LOSS", "TRAFFIC", "A SECOND", "SINCE", "ADDRESS"];

/** The rows with their headings. `time`: of now, as ISO 8601. */
export function topTable(
  clients: readonly ClientReport[],
  former: TopReport | undefined,
  time: string,
): string[] {
  const before = new Map(former?.clients.map((client) => [keyOf(client), client]));
  const seconds = former === undefined ? 0 : (Date.parse(time) - Date.parse(former.time)) / 1_000;
  return table(
    HEADINGS,
    clients.map((client) => [
      cutTo(escapeText(client.nickname), NAME_COLUMNS),
      stateText(client),
      client.path === null ? "-" : { udp: "udp", raw: "ip" }[client.path],
      client.rttMillis === null ? "-" : `${client.rttMillis.toFixed(1)} ms`,
      lossText(client),
      client.tally === null ? "-" : bytesText(bytesOf(client)),
      rateText(client, before.get(keyOf(client)), seconds),
      localTime(client.since),
      `${client.address.includes(":") ? `[${client.address}]` : client.address}:${client.port}`,
    ]),
  );
}

/** Another session of the same client has counts of its own. */
function keyOf({ nickname, address, port }: ClientReport): string {
  return JSON.stringify([nickname, address, port]);
}

function stateText({ state, reason, away }: ClientReport): string {
  if (state === "returning") return "not back yet";
  if (state === "offline" && reason !== null) return reason;
  return away && state === "online" ? "away" : state;
}

function lossText({ tally }: ClientReport): string {
  if (tally === null || tally.heartbeats === 0) return "-";
  const percent = (100 * (tally.heartbeats - tally.answers)) / tally.heartbeats;
  return `${percent < 10 && percent > 0 ? percent.toFixed(1) : Math.round(percent)}%`;
}

function bytesOf({ tally }: ClientReport): number {
  return tally === null ? 0 : tally.sentBytes + tally.receivedBytes;
}

function rateText(client: ClientReport, before: ClientReport | undefined, seconds: number): string {
  if (client.tally === null || before?.tally === undefined || before.tally === null || seconds <= 0)
    return "-";
  const more = bytesOf(client) - bytesOf(before);
  // Less than before: an association that is new.
  return more < 0 ? "-" : bytesText(more / seconds);
}

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** "812 B", "1.2 kB", "34 MB". */
export function bytesText(bytes: number): string {
  let [amount, unit] = [bytes, 0];
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1_000;
    unit += 1;
  }
  return `${unit > 0 && amount < 9.95 ? amount.toFixed(1) : Math.round(amount)} ${UNITS[unit]}`;
}
