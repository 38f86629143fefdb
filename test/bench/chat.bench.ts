/** A message between two clients against the least that TCP in Node can do: connect, send, echo, close. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { ChatShell, ShellNotice } from "../../src/io/chat-shell.ts";
import { TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { type Owner, Scope, within } from "../support/until.ts";
import { ratio, sampleLine, summary, timed, title } from "./figures.ts";

/** A receiver takes 200 connections of one address at once, then 50 a second (src/peer/admission.ts). */
const ROUNDS = 190;
const WARM_UP = 20;

async function openChat(owner: Owner, place: Place, nickname: string): Promise<ChatShell> {
  const chat = await TestShell.open(owner, { ...place, nickname });
  await chat.online();
  return chat.shell;
}

async function echoPort(owner: Owner): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not on TCP");
  return address.port;
}

async function echo(port: number, text: string): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write(text);
  await once(socket, "data");
  socket.destroy();
}

const scope = new Scope();
try {
  title("A message and its confirmation (one process, loopback, in turn with the baseline)");
  const place = await makePlace(scope);
  await Multiprotod.start(scope, place);
  const ola = await openChat(scope, place, "ola");
  const eva = await openChat(scope, place, "eva");
  let received = 0;
  eva.onNotice(({ type }) => {
    if (type === "received") received += 1;
  });
  let settled: (notice: ShellNotice) => void = () => {};
  ola.onNotice((candidate) => {
    if (candidate.type === "delivered" || candidate.type === "undelivered") settled(candidate);
  });
  const message = async (text: string): Promise<void> => {
    const outcome = new Promise<ShellNotice>((resolve) => {
      settled = resolve;
    });
    ola.send(`127.0.0.1:${eva.port}`, text);
    const { type } = await within("a confirmation", outcome);
    if (type !== "delivered") throw new Error(type);
  };

  const port = await echoPort(scope);
  const bare: number[] = [];
  const chat: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timed(() => echo(port, `ola message ${round}`)));
    chat.push(await timed(() => message(`message ${round}`)));
  }
  if (received !== ROUNDS) throw new Error(`${received} of ${ROUNDS} received`);
  const baseline = sampleLine("bare TCP connect and echo", bare.slice(WARM_UP), "baseline");
  const { median } = summary(chat.slice(WARM_UP));
  sampleLine("message sent to confirmed", chat.slice(WARM_UP), `${ratio(median, baseline.median)} bare TCP`);
} finally {
  await scope.end();
}
