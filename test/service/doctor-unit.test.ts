import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeUnit } from "../../src/service/doctor-unit.ts";

const LINK = { name: "eth0", loopback: false, ipv6: [] };
const at = (address: string) => ({ ...LINK, ipv4: [{ address, netmask: "255.255.255.0" }] });
const LAN_ONLY = async () => "IPAddressAllow=10.0.0.0/8\nIPAddressDeny=0.0.0.0/0\n";

test("a network that the unit leaves out is a problem, with what to do", async () => {
  const [finding, ...others] = await judgeUnit([at("192.0.2.1"), at("10.0.0.1")], LAN_ONLY);
  assert.deepEqual([finding?.check, finding?.level, others], ["unit", "problem", []]);
  assert.match(finding?.finding ?? "", /^Nobody of the network of 192\.0\.2\.1 \(eth0\) gets through/);
  assert.match(finding?.fix ?? "", /^systemctl edit multiproto\.service, .*IPAddressAllow=192\.0\.2\.1\/24/);
});

test("where all pass there is none; where systemd cannot be asked nothing is claimed", async () => {
  const level = async (ask: () => Promise<string | undefined>) =>
    (await judgeUnit([at("10.0.0.1")], ask))[0]?.level;
  assert.equal(await level(LAN_ONLY), "ok");
  assert.equal(await level(async () => undefined), "unknown");
});
