import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { freePort } from "./free-ports.ts";
import { type Owner, within } from "./until.ts";

const PROGRAM = `
  const server = require("node:net").createServer();
  server.listen({ port: Number(process.argv[1]), host: "127.0.0.1", backlog: 1 }, () => console.log("up"));
`;

/**
 * A TCP port on loopback that drops every connection attempt, as a firewall does: its process is stopped and its queue
 * of two is full, so the kernel ignores further SYNs. Needs no privilege.
 */
export async function deafPort(owner: Owner): Promise<number> {
  const port = await freePort();
  const child: ChildProcess = spawn(process.execPath, ["-e", PROGRAM, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  owner.after(() => void child.kill("SIGKILL"));
  if (child.stdout === null) throw new Error("no pipe");
  await within("the deaf listener", once(createInterface(child.stdout), "line"));
  child.kill("SIGSTOP");
  for (let filled = 0; filled < 2; filled += 1) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    owner.after(() => void socket.destroy());
    await within("a place in the queue", once(socket, "connect"));
  }
  return port;
}
