import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** Below the ports that the kernel gives to others, and below those that clients draw. */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const ATTEMPTS = 200;

/** A port that is free on all addresses, for TCP and for UDP. It is not held, so somebody else may take it. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if ((await isFreeUdp(port)) && (await isFreeTcp(port))) return port;
  }
  throw new Error(`no free port from ${LOWEST} to ${HIGHEST}`);
}

function isFreeUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.once("error", () => resolve(false));
    socket.bind(port, "0.0.0.0", () => socket.close(() => resolve(true)));
  });
}

function isFreeTcp(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  });
}
