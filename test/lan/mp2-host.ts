/**
 * A client host as a process of its own, in whatever network namespace it was started.
 * `join NICK ADDRESS GROUP` joins the registry that answers in the group, prints who it sees, and stays until it is told
 * why its session is over, which it prints.
 * `hear GROUP INTERFACE` prints the announcements that come to the group and are rightly signed.
 */
import { createSocket } from "node:dgram";
import { verifyEd25519 } from "../../src/base/ed25519.ts";
import { decodeAnnouncement } from "../../src/wire/mp2-announcement.ts";
import { Mp2Client } from "../support/mp2-client.ts";

const PLACE = { port: 10_001, encapsulationPort: 9_899 };
const [mode = "", first = "", second = "", third = ""] = process.argv.slice(2);

function say(what: unknown): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

async function join(nickname: string, address: string, group: string): Promise<void> {
  const owner = { after: () => {} };
  const client = await Mp2Client.join(owner, { registry: PLACE, nickname, address, host: group });
  const self = await client.sees(nickname);
  say({ joined: self.address, fingerprint: client.cookie?.fingerprint });
  const ended = await client.watched.until("an end", () => client.ended, 60_000);
  say({ ended: ended.reason });
  process.exit(0);
}

function hear(group: string, where: string): void {
  const socket = createSocket({ type: group.includes(":") ? "udp6" : "udp4", reuseAddr: true });
  socket.on("message", (bytes: Buffer) => {
    const decoded = decodeAnnouncement(bytes, verifyEd25519);
    if (decoded.ok) say(decoded.value.announcement);
  });
  const local = group.includes(":") ? `${group}%${where.replace("::%", "")}` : group;
  socket.bind(PLACE.port, local, () => {
    socket.addMembership(group, where);
    say("listening");
  });
}

if (mode === "join") await join(first, second, third);
else hear(first, second);
