import type { Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type ServerOpts } from "node:net";
import type { Random } from "../base/clock.ts";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { bindUdp, closeUdp } from "./udp.ts";

/** docs/protocol.md, "Ports": P is drawn from here. */
const LOWEST_PORT = 50_000;
const HIGHEST_PORT = 65_000;
const ATTEMPTS = 50;

/** The ports of one client, bound: TCP P for registration, TCP P + 1 for chat, UDP P for discovery. */
export interface ChatPorts {
  readonly port: number;
  readonly registration: Server;
  readonly chat: Server;
  readonly discovery: UdpSocket;
}

/**
 * Draws P until all of it can be bound, so that many clients on one host stay out of each other's way.
 * Errors: {@link SystemError} when nothing can be bound.
 */
export async function bindChatPorts(random: Random): Promise<ChatPorts> {
  let last: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      return await bindAt(LOWEST_PORT + random.below(HIGHEST_PORT - LOWEST_PORT + 1));
    } catch (error) {
      last = error;
      if (errorCode(error) !== "EADDRINUSE") break;
    }
  }
  throw new SystemError(
    `Cannot bind a pair of TCP ports from ${LOWEST_PORT}–${HIGHEST_PORT}: ${errorText(last)} (see: ss -ltn)`,
    errorCode(last) || "EBIND",
    { cause: last },
  );
}

async function bindAt(port: number): Promise<ChatPorts> {
  // A registry closes its side last, a sender may close its side first and still wait for our OK.
  const registration = await listen(port, {});
  const opened: { close(): void }[] = [registration];
  try {
    const chat = await listen(port + 1, { allowHalfOpen: true });
    opened.push(chat);
    const onDatagram = (): void => {};
    const discovery = await bindUdp({ address: "0.0.0.0", port, purpose: "discovery", onDatagram });
    return { port, registration, chat, discovery };
  } catch (error) {
    for (const server of opened) server.close();
    throw error;
  }
}

function listen(port: number, options: ServerOpts): Promise<Server> {
  const server = createServer(options);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "0.0.0.0", exclusive: true }, () => {
      server.removeListener("error", reject);
      // Out of descriptors, for example: that connection is lost, the next one may be accepted.
      server.on("error", () => {});
      resolve(server);
    });
  });
}

/** Stops listening; open connections are their owners'. */
export async function closeChatPorts(ports: ChatPorts): Promise<void> {
  ports.registration.close();
  ports.chat.close();
  await closeUdp(ports.discovery);
}
