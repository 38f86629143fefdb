/**
 * One end of discovery as a process of its own, in whatever network namespace it was started.
 * `serve INTERFACES` runs the registry's discovery socket: prints what it hears as JSON, answers "hello …" by unicast
 * with "heard …", and announces "beacon" whenever interfaces change and when it reads a line.
 * `ask GROUP[%ZONE] TEXT` sends TEXT to the group as a client would, and prints the first answer and whom it is from.
 * `listen GROUP ZONE` prints the first datagram that comes to the group.
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { createInterface } from "node:readline";
import { decodeUtf8, encodeUtf8 } from "../../src/base/text.ts";
import { DiscoverySocket } from "../../src/io/discovery-socket.ts";

const PORT = 10_001;
const REPEAT_MILLIS = 200;
const [mode = "", first = "", second = ""] = process.argv.slice(2);

function say(what: unknown): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

async function serve(interfaces: readonly string[]): Promise<void> {
  const socket: DiscoverySocket = await DiscoverySocket.open({
    interfaces,
    port: PORT,
    lookMillis: 100,
    intercept: () => false,
    onDatagram: (source, bytes) => {
      const text = decodeUtf8(bytes) ?? "";
      say({ heard: text, from: source.address });
      if (text.startsWith("hello")) socket.send(source, encodeUtf8(`heard ${text}`));
    },
    onChange: () => {
      say({ interfaces: socket.links.map(({ name }) => name) });
      socket.announce(encodeUtf8("beacon"));
    },
    onError: (error) => say({ error: error.message }),
  });
  say({ serving: socket.links.map(({ name }) => name), ipv6: socket.servesIpv6 });
  createInterface(process.stdin).on("line", () => socket.announce(encodeUtf8("beacon")));
}

function family(group: string): "udp4" | "udp6" {
  return group.includes(":") ? "udp6" : "udp4";
}

function ask(group: string, text: string): void {
  const socket = createSocket(family(group));
  socket.on("message", (bytes: Buffer, from: RemoteInfo) => {
    say({ answer: bytes.toString("utf8"), from: from.address, port: from.port });
    process.exit(0);
  });
  // Repeated as a client does: a link-local address is not usable at once (RFC 4862 §5.4).
  setInterval(() => socket.send(text, PORT, group, () => {}), REPEAT_MILLIS);
}

function listen(group: string, where: string): void {
  const socket = createSocket({ type: family(group), reuseAddr: true });
  socket.on("message", (bytes: Buffer, from: RemoteInfo) => {
    say({ heard: bytes.toString("utf8"), from: from.address, port: from.port });
    process.exit(0);
  });
  socket.bind(PORT, group.includes(":") ? `${group}%${where.replace("::%", "")}` : group, () => {
    socket.addMembership(group, where);
    say("listening");
  });
}

if (mode === "serve") await serve(first === "" ? [] : first.split(","));
else if (mode === "ask") ask(first, second);
else listen(first, second);
