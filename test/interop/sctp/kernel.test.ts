import { join } from "node:path";
import { test } from "node:test";
import { must } from "../../lab/command.ts";
import { Lan } from "../../lab/netns.ts";
import { converse, OUR_PORT, PEER_PORT, Speaker } from "./conversation.ts";

const here = import.meta.dirname;
const OURS = "10.97.0.1";
const GUEST = "10.97.0.2";

test("the Linux kernel's SCTP over raw IP", { timeout: 90_000 }, async (context) => {
  const lan = await Lan.create();
  context.after(() => lan.dispose());
  const host = await lan.host("ours");
  await must(host.on(["ip", "tuntap", "add", "dev", "guest", "mode", "tap"]));
  await must(host.on(["ip", "addr", "add", `${OURS}/24`, "dev", "guest"]));
  await must(host.on(["ip", "link", "set", "guest", "up"]));
  const uml = join(here, "../../lab/uml-host.sh");
  const script = ["python3", join(here, "kernel_peer.py"), GUEST, `${PEER_PORT}`];
  const peer = new Speaker("kernel", host.on([uml, "guest", `${GUEST}/24`, ...script]));
  context.after(() => peer.end());
  const ours = new Speaker(
    "ours",
    host.on([process.execPath, join(here, "speaker.ts"), "raw", `${OUR_PORT}`]),
  );
  context.after(() => ours.end());
  await ours.hears(/^ready$/);
  await peer.hears(/^ready$/, 60_000);

  // As an original client begins: its byte travels with COOKIE ECHO.
  peer.say(`first ${OURS} ${OUR_PORT}`);
  await ours.hears(/^up$/);
  await ours.hears(/^message 0 0 1 right$/);
  peer.say("close");
  await ours.hears(/^closed$/);
  await peer.hears(/^closed$/);

  await converse({
    ours,
    peer,
    ourAddress: OURS,
    peerAddress: GUEST,
    unplug: async () => {
      await must(host.on(["ip", "link", "set", "guest", "down"]));
    },
  });
});
