import { plain, quiet } from "./lines.ts";
import { homeRow, type Look } from "./screen-panes.ts";
import { lineRows } from "./screen-rows.ts";
import type { ScreenState } from "./screen-state.ts";
import { type Row, span } from "./screen-style.ts";

/** The first screen: what is happening, who is here, and what to type. */
export function homeRows(
  state: ScreenState,
  { columns, height, look }: { columns: number; height: number; look: Look },
): readonly Row[] {
  const { snapshot, chosen } = state;
  const log = state.log.slice(-Math.max(3, Math.floor(height / 3)));
  const logRows = log.flatMap((line) => lineRows(line, columns));
  const { roster } = snapshot;
  const guide = guideTexts(state).flatMap((text) => lineRows(plain(text), columns));
  const shownLog = logRows.slice(-Math.max(2, height - guide.length - Math.min(roster.length, 6) - 4));
  const room = Math.max(1, height - guide.length - shownLog.length - 3);
  const at = roster.findIndex(({ nickname }) => nickname === chosen);
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), roster.length - room));
  const people = roster
    .slice(first, first + room)
    .map((peer) => homeRow(peer, { isChosen: peer.nickname === chosen, look }));
  const more = roster.length - first - people.length;
  if (more > 0) people.splice(-1, 1, [span(`      … ${more + 1} more: Down, or /talk NAME`, "quiet")]);
  return [[], ...people, ...(people.length > 0 ? [[]] : []), ...guide, [], ...shownLog].slice(0, height);
}

/** What to do now, in the user's words. */
function guideTexts({ snapshot, chosen, lostSince }: ScreenState): readonly string[] {
  const { roster, registry } = snapshot;
  const others = roster.filter((peer) => peer.online).length;
  if (registry === undefined && lostSince === undefined)
    return [
      "Looking for a registry: the machine on this network that knows who is here.",
      "Nothing needs to be configured. As soon as it answers you see people above.",
    ];
  if (roster.length === 0)
    return [
      `You are online as ${snapshot.nickname}, and nobody else is there yet.`,
      "Who starts multiproto-chat on this network appears here by itself.",
    ];
  const writing =
    chosen === undefined
      ? "Choose somebody with Up and Down, Enter opens."
      : `Type a message and press Enter: it goes to ${chosen}. Enter alone opens what was said.`;
  return [
    others === 0 ? "Nobody is online now. What you write waits until they are back." : writing,
    ...(others === 0 ? [writing] : []),
    "Ctrl-N and Ctrl-P switch conversations · F1 shows all keys and commands · Ctrl-D leaves",
  ];
}

/** The oldest warning that was not confirmed to be read. */
export function alarmRows({ alarms }: ScreenState, columns: number): readonly Row[] {
  const [first] = alarms;
  if (first === undefined) return [];
  const more = alarms.length > 1 ? ` (${alarms.length - 1} more)` : "";
  return [
    ...first.flatMap((line) => lineRows(line, columns)),
    ...lineRows({ tone: "alarm", text: `!!! Esc: I have read this${more}` }, columns),
    ...lineRows(quiet(""), columns),
  ];
}
