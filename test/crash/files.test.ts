import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TransferRecord } from "../../src/chat/files/transfer.ts";
import { systemClock } from "../../src/io/clock.ts";
import { openArchive } from "../../src/store/sqlite-archive.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { seededRandom } from "../support/stores.ts";
import { Watched } from "../support/until.ts";
import { PlainChat } from "./plain-chat.ts";

/** CRASH_SEED=n repeats a run, as far as the moments of the kills can be repeated. */
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.CRASH_ROUNDS ?? 12);
const FILES = 10;
const LARGEST_BYTES = 40_000_000;
const END_MILLIS = 120_000;

/** One user over many lives: what it sends, and where files go that come. */
class User {
  readonly name: string;
  readonly directory: string;
  readonly downloads: string;
  readonly watched = new Watched();
  readonly #owner: TestContext;
  readonly #place: Place;
  #chat: PlainChat | undefined;
  /** Lines of all lives. */
  readonly lines: string[] = [];
  onLine: (line: string) => void = () => undefined;

  constructor(owner: TestContext, place: Place, name: string) {
    this.#owner = owner;
    this.#place = place;
    this.name = name;
    this.directory = join(place.directory, name);
    this.downloads = join(this.directory, "downloads");
    mkdirSync(join(this.directory, "configuration", "multiproto"), { recursive: true, mode: 0o700 });
    const settings = `downloads = "${this.downloads}"\n`;
    writeFileSync(join(this.directory, "configuration", "multiproto", "chat.toml"), settings);
  }

  async begins(): Promise<PlainChat> {
    const chat = new PlainChat(this.#owner, {
      place: this.#place,
      name: this.name,
      directory: this.directory,
      environment: { XDG_CONFIG_HOME: join(this.directory, "configuration") },
      onLine: (line) => {
        this.lines.push(line);
        const number = / wants to send you .* \/accept (\d+)/.exec(line)?.[1];
        if (number !== undefined) chat.says(`/accept ${number}`);
        this.onLine(line);
        this.watched.changed();
      },
    });
    this.#chat = chat;
    return chat;
  }

  async dies(): Promise<void> {
    await this.#chat?.dies();
  }

  async leaves(): Promise<void> {
    this.#chat?.says("exit");
    await this.#chat?.leaves();
  }

  /** Of the archive, while no program has it. */
  transfers(): readonly TransferRecord[] {
    const { archive } = openArchive({ path: join(this.directory, "chat.sqlite"), clock: systemClock });
    try {
      return archive.load().transfers;
    } finally {
      archive.close();
    }
  }
}

function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

test(`kill -9 of either side, ${KILLS} times, while files are under way: each is there once, and whole`, async (t) => {
  t.diagnostic(`CRASH_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const users = [new User(t, place, "adam"), new User(t, place, "ola")] as const;
  const [adam, ola] = users;
  const chats = await Promise.all(users.map((user) => user.begins()));
  await Promise.all(
    chats.map((chat, index) =>
      chat.shows(new RegExp(`^${users[1 - index]?.name} .* online|^${users[1 - index]?.name} is online`)),
    ),
  );
  const sources = join(place.directory, "sources");
  mkdirSync(sources);
  const wanted = { adam: new Map<string, string>(), ola: new Map<string, string>() };
  for (let number = 0; number < FILES; number += 1) {
    const name = `${number}.bin`;
    const size = number === 0 ? 0 : 1 + random.below(LARGEST_BYTES);
    writeFileSync(join(sources, name), Buffer.alloc(size, random.bytes(4_099)));
    const [from, to] = number % 2 === 0 ? users : [ola, adam];
    wanted[to.name as "adam" | "ola"].set(name, hashOf(join(sources, name)));
    chats[users.indexOf(from)]?.says(`/send-file ${to.name} ${join(sources, name)}`);
    await from.watched.until(
      "the command is taken",
      () => from.lines.some((line) => line.includes(`: ${name} (`)),
      30_000,
    );
  }
  const isDone = (user: User): boolean =>
    user.lines.filter((line) => / is here: /.test(line)).length >= FILES / 2;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const victim = users[random.below(2)] ?? adam;
    const moment = random.below(700);
    // Some soon after a start, some in the middle of what came to be under way.
    const begun = Promise.withResolvers<void>();
    const timer = setTimeout(begun.resolve, 4_000);
    const after = random.below(3);
    if (after > 0)
      victim.onLine = (line) => {
        if (/ is on its way| is coming/.test(line)) setTimeout(begun.resolve, moment);
      };
    else setTimeout(begun.resolve, moment);
    await begun.promise;
    clearTimeout(timer);
    victim.onLine = () => undefined;
    await victim.dies();
    await victim.begins();
  }
  for (const user of users)
    await user.watched.until(
      `all files of ${user.name}`,
      () =>
        readdirSync(user.downloads).filter((name) => name.endsWith(".bin")).length >= FILES / 2 ||
        isDone(user),
      END_MILLIS,
    );
  await settled(users);
  for (const user of users) {
    const names = readdirSync(user.downloads).sort();
    const all = wanted[user.name as "adam" | "ola"];
    assert.deepEqual(names, [...all.keys()].sort(), `${user.name}: nothing twice, nothing left over`);
    for (const [name, hash] of all) assert.equal(hashOf(join(user.downloads, name)), hash, name);
    const states = user.transfers().map(({ state, direction }) => `${direction} ${state}`);
    assert.deepEqual(new Set(states), new Set(["in done", "out done"]));
    assert.equal(states.length, FILES);
  }
});

/** Both know of all files that they are done, and leave. */
async function settled(users: readonly User[]): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    for (const user of users) await user.leaves();
    const open = users.flatMap((user) => user.transfers()).filter(({ state }) => state !== "done");
    const hasParts = users.some(({ downloads }) =>
      readdirSync(downloads).some((name) => name.endsWith(".part")),
    );
    if (open.length === 0 && !hasParts) return;
    const chats = await Promise.all(users.map((user) => user.begins()));
    await Promise.all(chats.map((chat) => chat.shows(/^online as /)));
    await Promise.all(chats.map((chat) => chat.shows(/ ✓$| is here: |no more/).catch(() => undefined)));
  }
}

test("a disk that fills in the middle: paused, said, and gone on with when there is room", async (t) => {
  if (process.geteuid?.() !== 0) return t.skip("needs root");
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const [adam, ola] = [new User(t, place, "adam"), new User(t, place, "ola")];
  mkdirSync(ola.downloads);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m,mode=700", "none", ola.downloads]);
  try {
    const source = join(place.directory, "large.bin");
    writeFileSync(source, Buffer.alloc(40_000_000, "abc"));
    const olas = await ola.begins();
    await olas.shows(/^online as ola/);
    const adams = await adam.begins();
    await adams.shows(/^ola .* online|^ola is online/);
    // The room is there when it is accepted, and somebody else takes it.
    ola.onLine = (line) => {
      if (/is coming/.test(line))
        execFileSync("sh", ["-c", `cat /dev/zero > ${ola.downloads}/filler 2>/dev/null || true`]);
    };
    adams.says(`/send-file ola ${source}`);
    await olas.shows(/large\.bin is paused at \d+ %: there is not enough room on the disk/);
    await adams.shows(/large\.bin is paused at \d+ %: by ola/);
    adams.says("msg ola still here");
    await olas.shows(/adam: still here/);
    ola.onLine = () => undefined;
    rmSync(join(ola.downloads, "filler"));
    olas.says("/resume");
    await olas.shows(/large\.bin .* is here: /);
    await adams.shows(/ola has large\.bin .* ✓/);
    assert.equal(hashOf(join(ola.downloads, "large.bin")), hashOf(source));
    await adam.leaves();
    await ola.leaves();
  } finally {
    execFileSync("umount", ["-l", ola.downloads]);
  }
});
