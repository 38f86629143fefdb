/**
 * Many real client shells in one process, each with a profile of its own, on whatever network this process is started
 * in. `node crowd.ts PREFIX COUNT [mp2]` starts them, with "mp2" without mp1, and prints JSON lines: {"online": N} whenever that has changed. Standard
 * input: "write" lets each client write to the next one, {"delivered": N, "received": N} says so when all is confirmed;
 * "report" prints {@link CrowdReport}, "forget" lets it begin anew with whom it was told to be gone.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ChatShell } from "../../src/io/chat-shell.ts";
import { systemClock } from "../../src/io/clock.ts";
import { usableLinks } from "../../src/io/interfaces.ts";
import { Profile } from "../../src/io/profile.ts";
import { systemRandom } from "../../src/io/random.ts";
import { createSctpEndpoint, WATCHED_SCTP_SETTINGS } from "../../src/sctp/index.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { parseNickname } from "../../src/wire/nickname.ts";

const PORT = 10_001;
const ENCAPSULATION_PORT = 9_899;

export interface CrowdReport {
  /** Of each client's roster, itself left out and put in: names, keys and addresses of all who are online. */
  readonly rosters: readonly string[];
  /** People whom any client was told to be gone. */
  readonly toldGone: readonly string[];
  readonly undelivered: readonly string[];
  /** Milliseconds since 1970 at which each client was online last. */
  readonly onlineAt: readonly number[];
}

const [prefix = "", count = "1", protocol] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "multiproto-crowd-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
const shells: ChatShell[] = [];
const keys: string[] = [];
const here = new Set<number>();
const onlineAt: number[] = [];
const toldGone: string[] = [];
const undelivered: string[] = [];
let [delivered, received] = [0, 0];

function say(what: unknown): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

async function add(index: number): Promise<void> {
  const parsed = parseNickname(`${prefix}${index}`);
  if (!parsed.ok) throw new Error(parsed.text);
  const profile = Profile.open(join(directory, String(index)));
  const identity = await profile.identity();
  const shell = await ChatShell.open({
    downloads: join(directory, String(index), "downloads"),
    settings: { nickname: parsed.nickname, whenTaken: "end", legacy: protocol !== "mp2", hosts: [] },
    registry: { type: "multicast", port: PORT, links: () => usableLinks() },
    interfaces: [],
    registryPort: PORT,
    encapsulationPort: ENCAPSULATION_PORT,
    identity,
    pins: profile.pins,
    archive: new MemoryArchive({ wall: systemClock.wall }),
    clock: systemClock,
    random: systemRandom,
    createEndpoint: (localPort) =>
      createSctpEndpoint({
        localPort,
        settings: WATCHED_SCTP_SETTINGS,
        random: systemRandom,
        now: systemClock.now(),
      }),
  });
  shells[index] = shell;
  keys[index] = identity.fingerprint;
  shell.onNotice((notice) => {
    if (notice.type === "online") onlineAt[index] = systemClock.wall();
    else if (notice.type === "presence") toldGone.push(...notice.offline);
    else if (notice.type === "delivered") delivered += 1;
    else if (notice.type === "received") received += 1;
    else if (notice.type === "undelivered")
      undelivered.push(`${notice.message.to}: ${notice.message.why}, ${notice.message.uncertain}`);
    if (notice.type === "online") here.add(index);
    else if (notice.type === "registry-lost" || notice.type === "registry-away") here.delete(index);
    else return;
    say({ online: here.size });
  });
  shell.start();
}

function rosterOf(shell: ChatShell, index: number): string {
  const { nickname, roster } = shell.snapshot;
  const others = roster
    .filter((peer) => peer.online && peer.nickname !== nickname)
    .map((peer) => `${peer.nickname} ${peer.fingerprint} ${peer.port}`);
  const all = [...others, `${nickname} ${keys[index]} ${shell.port}`].sort();
  return `${all.length} ${createHash("sha256").update(all.join("\n")).digest("hex").slice(0, 16)}`;
}

function write(): void {
  for (const [index, shell] of shells.entries())
    shell.send(`${prefix}${(index + 1) % shells.length}`, `from ${index}`, { waitMillis: 10_000 });
}

for (let index = 0; index < Number(count); index += 1) await add(index);
createInterface(process.stdin).on("line", (line) => {
  if (line === "write") write();
  else if (line === "counts") say({ delivered, received });
  else if (line === "forget") toldGone.length = 0;
  else if (line === "report")
    say({ rosters: shells.map(rosterOf), toldGone, undelivered, onlineAt } satisfies CrowdReport);
});
