import { createServer, type Server, type Socket } from "node:net";
import { bindError } from "./udp.ts";

/** Listens on TCP. Errors: {@link SystemError} naming the port, the likely holder and the fix. */
export async function listenTcp(options: {
  address: string;
  port: number;
  purpose: string;
  maxConnections: number;
  onConnection: (socket: Socket) => void;
  onError: (error: Error) => void;
}): Promise<Server> {
  const server = createServer(options.onConnection);
  server.maxConnections = options.maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(bindError("TCP", options, error)));
    server.listen({ port: options.port, host: options.address, exclusive: true }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", options.onError);
  return server;
}

export function closeTcp(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
