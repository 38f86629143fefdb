import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Lan } from "../lab/netns.ts";
import { SystemdLab } from "../lab/systemd-lab.ts";

/** The labs themselves: a test that trusts them should know that they tell the truth. */

test("a lab runs commands with their status, output, user and input, and leaves nothing behind", async () => {
  const lab = await SystemdLab.boot();
  try {
    assert.equal((await lab.must(["cat", "/proc/1/comm"])).trim(), "systemd");
    const { code, stdout, stderr } = await lab.exec(["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert.deepEqual([code, stdout, stderr], [7, "out\n", "err\n"]);
    await lab.addUser("ola", ["daemon"]);
    assert.match(await lab.must(["id"], { user: "ola" }), /uid=\d+\(ola\).*daemon/);
    await lab.write("/etc/lab/written", "text");
    assert.equal(await lab.must(["cat", "/etc/lab/written"]), "text");
    assert.ok(!existsSync("/etc/lab/written"));
    await lab.must(["systemd-run", "--unit=probe", "--wait", "sh", "-c", "echo '<4>careful'"]);
    const entries = await lab.journal("_SYSTEMD_UNIT=probe.service");
    assert.deepEqual(
      entries.map(({ message, priority }) => [message, priority]),
      [["careful", 4]],
    );
  } finally {
    await lab.shutdown();
  }
  assert.doesNotMatch(readFileSync("/proc/mounts", "utf8"), new RegExp(lab.name));
  assert.ok(!existsSync(`/run/multiproto-labs/${lab.name}`));
});

test("hosts of a test network reach each other until a fault is made", async () => {
  const lan = await Lan.create();
  try {
    const [a, b] = [await lan.host("a"), await lan.host("b")];
    const udp = (host: typeof a, code: string) =>
      host.spawn([process.execPath, "-e", `const s = require("dgram").createSocket("udp4"); ${code}`]);
    const listening = udp(
      b,
      `s.on("message", (m) => console.log(String(m))); s.bind(5000, () => {
      s.addMembership("239.1.2.3"); console.log("ready"); });`,
    );
    await listening.output((text) => text.includes("ready"), "the listener is ready");
    const say = async (to: string, text: string) => {
      const { code, stderr } = await udp(a, `s.send("${text}", 5000, "${to}", () => s.close());`).end();
      assert.equal(code, 0, stderr);
    };
    await say(b.address, "unicast;");
    await say("239.1.2.3", "multicast;");
    await listening.output((text) => text.includes("unicast;") && text.includes("multicast;"), "both arrive");
    await b.lose(100, "udp dport 5000");
    await say(b.address, "lost;");
    await b.receiveAll();
    await b.multicast(false);
    await say("239.1.2.3", "not flooded;");
    await say(b.address, "last;");
    const text = await listening.output((all) => all.includes("last;"), "the last arrives");
    assert.doesNotMatch(text, /lost|flooded/);
    await listening.stop();
  } finally {
    await lan.dispose();
  }
  const mine = new RegExp(`^multiproto-lab-${process.pid}-`);
  assert.deepEqual(
    readdirSync("/run/netns").filter((name) => mine.test(name)),
    [],
  );
});
