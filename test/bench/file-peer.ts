/** The other side of files.bench.ts, a process of its own: takes what comes, by our client and on bare TLS. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { generateIdentity } from "../../src/io/certificate.ts";
import { tlsParameters } from "../../src/io/tls-settings.ts";
import { scratchDirectory, TestShell } from "../support/chat-shell.ts";
import type { Place } from "../support/multiprotod.ts";
import { Scope } from "../support/until.ts";

const scope = new Scope();
const place = JSON.parse(process.argv[2] ?? "") as Place;
const eva = await TestShell.open(scope, { ...place, nickname: "eva" });
eva.shell.onNotice((notice) => {
  if (notice.type === "file" && notice.change === "offered")
    eva.shell.changeFile(notice.transfer.id, "accept");
});
await eva.online();

const directory = scratchDirectory(scope);
let count = 0;
const server = createServer({
  ...tlsParameters(await generateIdentity()),
  requestCert: true,
  allowHalfOpen: true,
});
server.on("secureConnection", (peer: TLSSocket) => {
  count += 1;
  const file = createWriteStream(join(directory, `${count}`), { flush: true, highWaterMark: 1_048_576 });
  peer.pipe(file);
  peer.on("error", () => peer.destroy());
  // The answer comes when the file is synced.
  file.on("close", () => peer.end());
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
if (address === null || typeof address === "string") throw new Error("not on TCP");
process.stdout.write(`${address.port}\n`);
process.on("disconnect", () => void scope.end().then(() => process.exit(0)));
