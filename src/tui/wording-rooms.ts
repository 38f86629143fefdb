import type { ChatNotice, ChatSnapshot, RoomUndeliveredReason } from "../chat/notices.ts";
import type { RoomChange } from "../chat/rooms.ts";
import type { RoomName } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { bad, type Line, messageText, nameText, plain, quiet } from "./lines.ts";

/** What is said about rooms. */

type Notice<Type extends ChatNotice["type"]> = Extract<ChatNotice, { type: Type }>;

/** Of more members some names are enough on a line. */
const MOST_NAMES = 20;

export function roomLines({ room, joined, left }: RoomChange): readonly Line[] {
  const name = roomText(room);
  return [
    ...(joined.length > 0 ? [quiet(`${names(joined)} joined ${name}`)] : []),
    ...(left.length > 0 ? [quiet(`${names(left)} left ${name}`)] : []),
  ];
}

/** Our own words in a room, once everybody there has them. */
export function postedLines({ room, text, reached }: Notice<"room-delivered">): readonly Line[] {
  return [{ tone: "sent", text: `to ${roomText(room)}: ${messageText(text)} ✓ (${reached.length})` }];
}

export function unpostedLines(notice: Notice<"room-undelivered">): readonly Line[] {
  const said: Line = { tone: "sent", text: `to ${roomText(notice.room)}: ${messageText(notice.text)}` };
  return [said, bad(unpostedText(notice))];
}

export function unpostedText({ why, room, missed }: Notice<"room-undelivered">): string {
  return `${why === "not-reached" ? "" : "not sent: "}${reasonText(why, room, missed)}`;
}

function reasonText(why: RoomUndeliveredReason, room: RoomName, missed: readonly Nickname[]): string {
  switch (why) {
    case "not-in-room":
      return `you are not in that room (/join ${roomText(room)})`;
    case "nobody-there":
      return `nobody else is in ${roomText(room)}`;
    case "not-reached":
      return `did not reach ${missed.length === 0 ? "everybody" : names(missed)}`;
    case "empty":
      return "it is empty";
    case "too-long":
      return "it has more than 16,384 bytes";
    case "queue-full":
      return "too many messages are waiting";
  }
}

/** The answer to /join. */
export function joinedLines(snapshot: ChatSnapshot, room: RoomName): readonly Line[] {
  const others = membersOf(snapshot, room);
  const who = others.length === 0 ? "nobody else yet" : names(others);
  return [quiet(`you are in ${roomText(room)} with ${who}; what you type goes there`)];
}

/** The answer to /rooms: ours first, with who is there. */
export function roomsLines(snapshot: ChatSnapshot): readonly Line[] {
  const all = new Set([
    ...snapshot.rooms,
    ...snapshot.roster.flatMap(({ online, rooms }) => (online ? rooms : [])),
  ]);
  if (all.size === 0) return [quiet("nobody is in a room; make one by: /join #ROOM")];
  const isOurs = (room: RoomName): boolean => snapshot.rooms.includes(room);
  const sorted = [...all].sort(
    (left, right) => Number(isOurs(right)) - Number(isOurs(left)) || (left < right ? -1 : 1),
  );
  return sorted.map((room) => {
    const others = membersOf(snapshot, room);
    const you = isOurs(room) ? ["you"] : [];
    return plain(`${roomText(room)}  ${[...you, ...(others.length > 0 ? [names(others)] : [])].join(", ")}`);
  });
}

export function roomText(room: RoomName): string {
  return `#${messageText(room)}`;
}

/** The others who are there now. */
function membersOf({ roster }: ChatSnapshot, room: RoomName): readonly Nickname[] {
  return roster.flatMap(({ nickname, online, rooms }) => (online && rooms.includes(room) ? [nickname] : []));
}

function names(all: readonly Nickname[]): string {
  const shown = all.slice(0, MOST_NAMES).map(nameText).join(", ");
  return all.length > MOST_NAMES ? `${shown} and ${all.length - MOST_NAMES} others` : shown;
}
