/**
 * 1 GiB from a file to a file, between two processes on loopback: by our client, with SHA-256 on both sides, fsync and
 * confirmation, in turn with the same bytes on a bare TLS connection of the same parameters (read stream, pipe, write
 * stream, fsync; no hash). Then how long messages take while three files are under way.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { generateIdentity } from "../../src/io/certificate.ts";
import { tlsParameters } from "../../src/io/tls-settings.ts";
import { scratchDirectory, TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { Scope } from "../support/until.ts";
import { line, millis, ratio, sampleLine, timed, title } from "./figures.ts";
import { processorMillis } from "./mp2-swarms.ts";

const BYTES = 1_024 * 1_024 * 1_024;
const TURNS = 3;
const MESSAGES = 300;
const LIMIT_MILLIS = 60_000;

/** What compresses nowhere and is cheap to make. */
async function makeFile(path: string, bytes: number): Promise<void> {
  const handle = await open(path, "w");
  const block = Buffer.allocUnsafe(1_048_576);
  for (let at = 0; at < block.length; at += 4) block.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  for (let at = 0; at < bytes; at += block.length) {
    block.writeDoubleLE(at, 0);
    await handle.write(block, 0, Math.min(block.length, bytes - at));
  }
  await handle.sync();
  await handle.close();
}

async function bare(port: number, path: string): Promise<void> {
  const socket = connect({
    ...tlsParameters(await generateIdentity()),
    ...{ host: "127.0.0.1", port, allowHalfOpen: true },
  });
  await once(socket, "secureConnect");
  createReadStream(path, { highWaterMark: 262_144 }).pipe(socket);
  socket.resume();
  await once(socket, "end");
  socket.destroy();
}

async function byUs(ola: TestShell, path: string): Promise<void> {
  const id = ola.shell.sendFile("eva", path);
  await ola.hears("file", ({ transfer, change }) => transfer.id === id && change === "done", LIMIT_MILLIS);
}

function rate(milliseconds: number): string {
  return `${Math.round(BYTES / 1_048_576 / (milliseconds / 1_000))} MiB/s`;
}

const scope = new Scope();
try {
  title("1 GiB from file to file, two processes, loopback, in turn");
  const place = await makePlace(scope);
  await Multiprotod.start(scope, place);
  const directory = scratchDirectory(scope);
  const other = spawn(
    process.execPath,
    [fileURLToPath(new URL("file-peer.ts", import.meta.url)), JSON.stringify(place)],
    { stdio: ["ignore", "pipe", "inherit", "ipc"], env: { ...process.env, TMPDIR: directory } },
  );
  scope.after(async () => {
    if (other.connected) other.disconnect();
    await once(other, "exit");
  });
  const [port = ""] = (await once(createInterface({ input: other.stdout as Readable }), "line")) as string[];
  const ola = await TestShell.open(scope, { ...place, nickname: "ola" });
  await ola.online();
  await ola.sees("eva", ({ online }) => online);
  const path = join(directory, "large");
  await makeFile(path, BYTES);
  const samples = { bare: [] as number[], ours: [] as number[] };
  const spent = { bare: 0, ours: 0 };
  const processors = (): number => processorMillis(process.pid) + processorMillis(other.pid ?? 0);
  const measure = async (way: keyof typeof samples, run: () => Promise<void>): Promise<void> => {
    const before = processors();
    samples[way].push(await timed(run));
    spent[way] += (processors() - before) / TURNS;
  };
  for (let turn = 0; turn < TURNS; turn += 1) {
    await measure("bare", () => bare(Number(port), path));
    await measure("ours", () => byUs(ola, path));
  }
  const best = { bare: Math.min(...samples.bare), ours: Math.min(...samples.ours) };
  const all = (of: readonly number[]): string => of.map(rate).join(", ");
  line("bare TLS, file to file", rate(best.bare), all(samples.bare));
  line("a file by our client", rate(best.ours), all(samples.ours));
  const both = `${millis(spent.bare)} and ${millis(spent.ours)}`;
  line("processor time of both processes", ratio(spent.ours, spent.bare), `bare ${both}`);
  line("share of bare TLS", `${Math.round((best.bare / best.ours) * 100)} %`, "aim: at least 60 %");

  title("Messages until they are confirmed");
  const message = async (): Promise<number> =>
    timed(async () => {
      const id = ola.shell.send("eva", "is it there?");
      await ola.hears("delivered", ({ messageId }) => messageId === id, LIMIT_MILLIS);
    });
  const quiet: number[] = [];
  for (let count = 0; count < MESSAGES; count += 1) quiet.push(await message());
  sampleLine("no file under way", quiet);
  const files = [1, 2, 3].map(() => ola.shell.sendFile("eva", path));
  // Two run at once, and which of them is accepted first is chance: the first one may be the one that waits.
  await ola.hears("file", ({ transfer, change }) => files.includes(transfer.id) && change === "started");
  const busy: number[] = [];
  const isUnderWay = (): boolean => ola.shell.files.some(({ state }) => state === "running");
  while (busy.length < MESSAGES && isUnderWay()) busy.push(await message());
  sampleLine("three files under way, two of them running", busy);
  for (const id of files) ola.shell.changeFile(id, "cancel");
  rmSync(path);
} finally {
  await scope.end();
}
