/**
 * Messages between two real clients, over their one TLS connection, until they are confirmed as delivered, stored by both
 * in archives on disk as in the product, and in memory; in turn with an echo of as many bytes on a bare TLS connection with
 * the same parameters. All in one process.
 */
import { once } from "node:events";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { SessionNotice } from "../../src/chat/session.ts";
import { generateIdentity } from "../../src/io/certificate.ts";
import { systemClock } from "../../src/io/clock.ts";
import { tlsParameters } from "../../src/io/tls-settings.ts";
import { openArchive } from "../../src/store/sqlite-archive.ts";
import type { MessageId } from "../../src/wire/mp2-values.ts";
import { TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { type Owner, Scope, within } from "../support/until.ts";
import { line, millis, ratio, sampleLine, summary, timed, title } from "./figures.ts";

const ROUNDS = 600;
const WARM_UP = 200;
/** Throughput: so many messages a turn, so many unconfirmed at any time. */
const BURST = 2_000;
const UNDER_WAY = 32;
const TURNS = 12;
const TEXT = "Shall we meet at the station at half past seven? ";
/** The text's frame: type, id, time (docs/protocol-mp2.md, `msg`). */
const FRAME_BYTES = TEXT.length + 4 + 40;

/** Does one thing and resolves when it is confirmed; many may be under way. */
type Way = () => Promise<void>;

async function openChat(owner: Owner, place: Place, nickname: string, isOnDisk: boolean): Promise<TestShell> {
  const path = join(place.directory, `${nickname}.sqlite`);
  const disk = isOnDisk ? { archive: openArchive({ path, clock: systemClock }).archive } : {};
  const chat = await TestShell.open(owner, { ...place, nickname, ...disk });
  await chat.online();
  return chat;
}

async function chatWay(owner: Owner, place: Place, isOnDisk: boolean): Promise<Way> {
  const names = isOnDisk ? (["ola", "eva"] as const) : (["bob", "kim"] as const);
  const [from, to] = names;
  const ola = await openChat(owner, place, from, isOnDisk);
  const eva = await openChat(owner, place, to, isOnDisk);
  await ola.sees(to, ({ online }) => online);
  await eva.sees(from, ({ online }) => online);
  const waiting = new Map<MessageId, (notice: SessionNotice) => void>();
  ola.shell.onNotice((notice) => {
    if (notice.type === "delivered") waiting.get(notice.messageId)?.(notice);
    else if (notice.type === "undelivered") waiting.get(notice.message.messageId)?.(notice);
  });
  return async () => {
    const outcome = Promise.withResolvers<SessionNotice>();
    const id = ola.shell.send(to, TEXT);
    waiting.set(id, outcome.resolve);
    const notice = await outcome.promise;
    waiting.delete(id);
    if (notice.type !== "delivered")
      throw new Error(`a message was not delivered: ${JSON.stringify(notice)}`);
  };
}

/** `answer`: what the other side does with what has come. */
async function echoWay(owner: Owner, answer: (peer: TLSSocket) => (bytes: Buffer) => void): Promise<Way> {
  const [one, other] = await Promise.all([generateIdentity(), generateIdentity()]);
  const server = createServer({ ...tlsParameters(one), requestCert: true });
  server.on("secureConnection", (peer: TLSSocket) => {
    peer.setNoDelay(true);
    peer.on("data", answer(peer));
    peer.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not on TCP");
  const socket = connect({ ...tlsParameters(other), host: "127.0.0.1", port: address.port });
  await once(socket, "secureConnect");
  socket.setNoDelay(true);
  owner.after(() => {
    socket.destroy();
    server.close();
  });
  const waiting: (() => void)[] = [];
  let surplus = 0;
  socket.on("data", ({ length }: Buffer) => {
    for (surplus += length; surplus >= FRAME_BYTES; surplus -= FRAME_BYTES) waiting.shift()?.();
  });
  const frame = Buffer.alloc(FRAME_BYTES, "x");
  return () => {
    const echoed = Promise.withResolvers<void>();
    waiting.push(echoed.resolve);
    socket.write(frame);
    return echoed.promise;
  };
}

/** Whatever came in one record goes back in one. */
function throwBack(peer: TLSSocket): (bytes: Buffer) => void {
  return (bytes) => peer.write(bytes);
}

/** Each frame is looked for and confirmed by one of its own, as a program with ids would: the next write is another. */
function confirmEach(peer: TLSSocket): (bytes: Buffer) => void {
  let surplus = 0;
  return ({ length }) => {
    for (surplus += length; surplus >= FRAME_BYTES; surplus -= FRAME_BYTES)
      peer.write(Buffer.alloc(FRAME_BYTES, "y"));
  };
}

/** Milliseconds for a burst. */
async function burst(way: Way): Promise<number> {
  let left = BURST;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await way();
    }
  };
  return timed(() => within("a burst", Promise.all(Array.from({ length: UNDER_WAY }, worker)), 60_000));
}

const scope = new Scope();
try {
  title(
    "Messages until they are confirmed, and a TLS echo of as many bytes (one process, loopback, in turn)",
  );
  const place = await makePlace(scope);
  await Multiprotod.start(scope, place);
  const [chat, echo] = [await chatWay(scope, place, true), await echoWay(scope, throwBack)];
  const inMemory = await chatWay(scope, place, false);
  const confirm = await echoWay(scope, confirmEach);
  const first = await timed(chat);
  await inMemory();
  const [bare, messages, unstored]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timed(echo));
    messages.push(await timed(chat));
    unstored.push(await timed(inMemory));
  }
  const baseline = sampleLine("bare TLS echo", bare.slice(WARM_UP), "baseline");
  const { median } = summary(messages.slice(WARM_UP));
  const remark = `${ratio(median, baseline.median)} bare TLS; aim: median under 1 ms`;
  sampleLine("message sent to confirmed", messages.slice(WARM_UP), remark);
  const memoryRemark = ratio(summary(unstored.slice(WARM_UP)).median, baseline.median);
  sampleLine("the same, archives in memory", unstored.slice(WARM_UP), `${memoryRemark} bare TLS`);
  line("the first message, which connects", millis(first));

  const ways = { echo, confirm, chat, inMemory };
  const bursts: Record<keyof typeof ways, number[]> = { echo: [], confirm: [], chat: [], inMemory: [] };
  for (let turn = 0; turn <= TURNS; turn += 1) {
    for (const name of Object.keys(ways) as (keyof typeof ways)[]) bursts[name].push(await burst(ways[name]));
  }
  const rate = (name: keyof typeof ways): number => (BURST / summary(bursts[name].slice(1)).median) * 1_000;
  const share = (name: keyof typeof ways): string => {
    const percents = [rate("echo"), rate("confirm")].map((of) => `${Math.round((rate(name) / of) * 100)} %`);
    return `${UNDER_WAY} under way; ${percents.join(" and ")} of them`;
  };
  const print = (text: string, name: keyof typeof ways, remark: string): void =>
    line(text, rate(name).toFixed(0), remark);
  print("bare TLS echoes a second", "echo", `${UNDER_WAY} under way, baseline`);
  print("bare TLS, each frame confirmed by its own", "confirm", `${UNDER_WAY} under way, baseline`);
  print("confirmed messages a second", "chat", `${share("chat")}; aim: at least half`);
  print("the same, archives in memory", "inMemory", share("inMemory"));
} finally {
  await scope.end();
}
