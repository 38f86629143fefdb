import type { Clock } from "../base/clock.ts";
import type { TopOrder, TopReport, TopRequest } from "../control/top.ts";
import type { ClientView } from "../registry/settings.ts";
import type { Entry } from "../roster/roster.ts";
import type { AssociationStatus } from "../sctp/api.ts";
import { foldNickname } from "../wire/nickname.ts";
import { clientReport } from "./reports.ts";
import type { Serving } from "./serving.ts";

/**
 * Puts all in order, and tells of the few that are asked for: it may be asked every second, and making a report of
 * thousands takes longer than the order does.
 */
export function topReport(serving: Serving, request: TopRequest, clock: Clock): TopReport {
  const { shell, configuration } = serving;
  const ranked = Array.from(shell.registry.clients(), (view) => {
    const status = view.association === undefined ? undefined : shell.association(view.association);
    return { view, rank: RANKS[request.order](view, status), name: foldNickname(view.entry.nickname) };
  });
  ranked.sort((one, other) => one.rank - other.rank || (one.name < other.name ? -1 : 1));
  const { skip, limit } = request;
  const { online, offline } = shell.registry.counts;
  return {
    time: new Date(clock.wall()).toISOString(),
    realm: configuration.network.realm,
    ...{ online, offline },
    total: ranked.length,
    clients: ranked.slice(skip, skip + limit).map(({ view }) => clientReport(view, shell, clock)),
  };
}

const STATES: readonly Entry["presence"]["state"][] = [
  "suspect",
  "joining",
  "returning",
  "online",
  "offline",
];
/** Behind all of whom something is known. */
const UNKNOWN = Number.MAX_VALUE;

/** The smallest first. */
const RANKS: Readonly<Record<TopOrder, (view: ClientView, status: AssociationStatus | undefined) => number>> =
  {
    nickname: () => 0,
    state: ({ entry }) => STATES.indexOf(entry.presence.state),
    rtt: (_, status) => (status?.rttMillis === undefined ? UNKNOWN : -status.rttMillis),
    loss: (_, status) => {
      if (status === undefined || status.tally.heartbeats === 0) return UNKNOWN;
      const { heartbeats, answers } = status.tally;
      return (answers - heartbeats) / heartbeats;
    },
    traffic: (_, status) =>
      status === undefined ? UNKNOWN : -(status.tally.sentBytes + status.tally.receivedBytes),
    since: ({ entry }) => -entry.presence.since,
  };
