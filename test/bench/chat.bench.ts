/**
 * Messages between two real clients, over their one TLS connection, until they are confirmed as delivered; in turn with
 * an echo of as many bytes on a bare TLS connection with the same parameters. All in one process.
 */
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { SessionNotice } from "../../src/chat/session.ts";
import { generateIdentity } from "../../src/io/certificate.ts";
import { tlsParameters } from "../../src/io/tls-settings.ts";
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

async function openChat(owner: Owner, place: Place, nickname: string): Promise<TestShell> {
  const chat = await TestShell.open(owner, { ...place, nickname });
  await chat.online();
  return chat;
}

async function chatWay(owner: Owner, place: Place): Promise<Way> {
  const ola = await openChat(owner, place, "ola");
  const eva = await openChat(owner, place, "eva");
  await ola.sees("eva", ({ online }) => online);
  await eva.sees("ola", ({ online }) => online);
  const waiting = new Map<MessageId, (notice: SessionNotice) => void>();
  ola.shell.onNotice((notice) => {
    if (notice.type === "delivered") waiting.get(notice.messageId)?.(notice);
    else if (notice.type === "undelivered") waiting.get(notice.message.messageId)?.(notice);
  });
  return async () => {
    const outcome = Promise.withResolvers<SessionNotice>();
    const id = ola.shell.send("eva", TEXT);
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
  const [chat, echo] = [await chatWay(scope, place), await echoWay(scope, throwBack)];
  const confirm = await echoWay(scope, confirmEach);
  const first = await timed(chat);
  const [bare, messages]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timed(echo));
    messages.push(await timed(chat));
  }
  const baseline = sampleLine("bare TLS echo", bare.slice(WARM_UP), "baseline");
  const { median } = summary(messages.slice(WARM_UP));
  const remark = `${ratio(median, baseline.median)} bare TLS; aim: median under 1 ms`;
  sampleLine("message sent to confirmed", messages.slice(WARM_UP), remark);
  line("the first message, which connects", millis(first));

  const [bareBursts, eachBursts, chatBursts]: [number[], number[], number[]] = [[], [], []];
  for (let turn = 0; turn <= TURNS; turn += 1) {
    bareBursts.push(await burst(echo));
    eachBursts.push(await burst(confirm));
    chatBursts.push(await burst(chat));
  }
  const rate = (bursts: readonly number[]): number => (BURST / summary(bursts.slice(1)).median) * 1_000;
  const [bareRate, eachRate, chatRate] = [rate(bareBursts), rate(eachBursts), rate(chatBursts)];
  line("bare TLS echoes a second", bareRate.toFixed(0), `${UNDER_WAY} under way, baseline`);
  line("bare TLS, each frame confirmed by its own", eachRate.toFixed(0), `${UNDER_WAY} under way, baseline`);
  const percent = (of: number): string => `${Math.round((chatRate / of) * 100)} %`;
  const share = `${percent(bareRate)} and ${percent(eachRate)} of them; aim: at least half`;
  line("confirmed messages a second", chatRate.toFixed(0), `${UNDER_WAY} under way; ${share}`);
} finally {
  await scope.end();
}
