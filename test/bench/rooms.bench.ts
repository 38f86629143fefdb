/**
 * Fifty real clients in one room, all in this process, at a real registry on loopback: how long until what one says has
 * reached everybody, when all the links of the room still have to be made and when they are there.
 */
import type { RoomName } from "../../src/wire/mp2-values.ts";
import { TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { monotonicMillis } from "../support/subject-report.ts";
import { Scope } from "../support/until.ts";
import { line, millis, title } from "./figures.ts";

const MEMBERS = Number(process.env.BENCH_CLIENTS ?? 50);
const LAB = "lab" as RoomName;

/** Everybody says something at once; until everybody has heard that it reached all others. */
async function round(members: readonly TestShell[], text: string): Promise<number> {
  const began = monotonicMillis();
  const ids = members.map(({ shell }) => shell.send("#lab", text));
  const reached = members.map(async (member, at) => {
    const notice = await member.hears("room-delivered", ({ messageId }) => messageId === ids[at], 120_000);
    if (notice.reached.length !== members.length - 1) throw new Error(`reached ${notice.reached.length}`);
  });
  await Promise.all(reached);
  return monotonicMillis() - began;
}

title(`A room of ${MEMBERS} clients, all in one process (on loopback)`);
const scope = new Scope();
try {
  const place = await makePlace(scope);
  await Multiprotod.start(scope, place);
  const members: TestShell[] = [];
  for (let index = 0; index < MEMBERS; index += 1) {
    const member = await TestShell.open(scope, { ...place, nickname: `member${index}` });
    member.shell.join(LAB);
    await member.online();
    members.push(member);
  }
  const isComplete = (member: TestShell): boolean =>
    member.shell.snapshot.roster.filter(({ online, rooms }) => online && rooms.includes(LAB)).length ===
    MEMBERS - 1;
  for (const member of members)
    await member.watched.until("the whole room", () => isComplete(member), 60_000);
  const pairs = (MEMBERS * (MEMBERS - 1)) / 2;
  const cold = await round(members, "good morning");
  line(
    "everybody says something, no links yet",
    millis(cold),
    `${pairs} links, ${millis(cold / pairs)} each`,
  );
  const warm = await round(members, "and again");
  const deliveries = MEMBERS * (MEMBERS - 1);
  line(
    "once more, over these links",
    millis(warm),
    `${deliveries} deliveries, ${millis(warm / deliveries)} each`,
  );
} finally {
  await scope.end();
}
