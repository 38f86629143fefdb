import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { must } from "../../lab/command.ts";
import { Lan } from "../../lab/netns.ts";
import { converse, OUR_PORT, PEER_PORT, Speaker } from "./conversation.ts";

const here = import.meta.dirname;
const UDP_PORT = 9_899;
let directory = "";
let program = "";

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "usrsctp-"));
  program = join(directory, "usrsctp-peer");
  await must(["gcc", "-O1", "-o", program, join(here, "usrsctp-peer.c"), "-lusrsctp", "-lpthread"]);
});

after(() => rmSync(directory, { recursive: true, force: true }));

for (const via of ["udp", "raw"] as const) {
  test(`usrsctp over ${via}`, { timeout: 60_000 }, async (context) => {
    const lan = await Lan.create();
    context.after(() => lan.dispose());
    const one = await lan.host("ours");
    const two = await lan.host("peer");
    const udpPort = via === "udp" ? `${UDP_PORT}` : "0";
    const ours = new Speaker(
      "ours",
      one.on([process.execPath, join(here, "speaker.ts"), via, `${OUR_PORT}`, `${UDP_PORT}`]),
    );
    context.after(() => ours.end());
    const peer = new Speaker("usrsctp", two.on([program, two.address, `${PEER_PORT}`, udpPort, udpPort]));
    context.after(() => peer.end());
    await ours.hears(/^ready$/);
    await peer.hears(/^ready$/);
    await converse({
      ours,
      peer,
      ourAddress: one.address,
      peerAddress: two.address,
      unplug: () => two.unplug(),
    });
  });
}
