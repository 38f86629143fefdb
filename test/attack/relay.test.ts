import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { must } from "../lab/command.ts";
import type { LanHost } from "../lab/netns.ts";
import { Scope } from "../support/until.ts";
import { Chat } from "./chat.ts";
import { type Actor, Scene } from "./scene.ts";

/** The real client searches, and somebody on its link takes the registry's call for it, and passes it on. */

const scope = new Scope();
let scene: Scene;
let home: LanHost;
let relay: Actor;

before(async () => {
  scene = await Scene.open(scope);
  home = await scene.host("home");
  relay = await scene.actor("relay");
  await relay.do("eavesdrop");
});

after(() => scope.end());

test("a registry's call that somebody passes on is refused, so nobody is listed where somebody else is", async () => {
  // Cookies come, and the registry's own call does not: so the other one is not late.
  const rules = `table ip own { chain in { type filter hook input priority 0; ip saddr ${scene.registry.address} meta l4proto tcp drop; }; }`;
  await must(home.on(["nft", rules]));
  const chat = new Chat(scope, home, { nick: "ola", port: scene.port });
  const { bytesToVictim, bytesToRegistry } = await relay.do(
    "relay",
    await relay.do("overhear", home.address),
  );
  assert.ok(bytesToVictim > 0 && bytesToRegistry > 0, "TLS came through");
  await chat.shows(
    new RegExp(`not accepted: the registry at ${scene.registry.address} .* ${relay.host.address}`),
  );
  assert.deepEqual(await scene.clients(), []);
  await must(home.on(["nft", "delete table ip own"]));
  await chat.shows(/online as ola/);
  assert.equal((await scene.client("ola"))?.address, home.address);
  await chat.stop();
});

test("a registry with several IPv6 addresses on the link answers from the one that it calls back from", async () => {
  const { registry } = scene;
  // As from DHCPv6, beside the one of the prefix. The kernel speaks from it to whoever is near it in number.
  const other = "fd98::5000";
  await must(registry.on(["ip", "addr", "add", `${other}/128`, "dev", "eth0", "nodad"]));
  const chat = await Chat.online(scope, home, { nick: "kari", port: scene.port, registry: other });
  await chat.stop();
});
