import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../lab/command.ts";
import { Lan } from "../lab/netns.ts";
import { CHECKOUT, SystemdLab } from "../lab/systemd-lab.ts";
import { Terminal } from "../terminal/terminal.ts";
import { ctl } from "./installed.ts";
import { UserSession } from "./user-session.ts";

const README = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

/**
 * Two machines on one network, two people who have read "Install" in README and then nothing but the screen: the commands
 * are taken from there, and each key that is pressed is one that the screen has named before.
 */
describe("newcomers, from README's install commands to an answer", () => {
  const labs: SystemdLab[] = [];
  const terminals: Terminal[] = [];
  let lan: Lan;
  let output: string;
  let adam: UserSession;
  let ola: UserSession;

  before(async () => {
    lan = await Lan.create();
    for (const name of ["one", "two"]) {
      const { namespace: network } = await lan.host(name);
      const lab = await SystemdLab.boot({ network });
      labs.push(lab);
    }
    adam = await UserSession.begin(machine(0), "adam");
    ola = await UserSession.begin(machine(1), "ola");
  });
  after(async () => {
    for (const terminal of terminals) await terminal.dispose();
    for (const lab of labs) await lab.shutdown();
    await lan?.dispose();
  });

  const machine = (index: number) => labs[index] as SystemdLab;

  /** A block of README's "Install" that is one command of the checkout. */
  async function install(index: number, command: string): Promise<string> {
    assert.match(README, new RegExp(`^\`\`\`\n${command}\n\`\`\`$`, "m"));
    return machine(index).must(["sh", "-c", `cd ${CHECKOUT} && ${command}`], { timeoutMillis: 120_000 });
  }

  /** What somebody sees who has opened a terminal there and types `command`. */
  async function open(index: number, user: string, command: string, [columns, rows] = [80, 24]) {
    const environment = { TERM: "screen-256color", LANG: "C.UTF-8" };
    const argv = machine(index).inside(["sh", "-c", `cd && exec ${command}`], { user, environment });
    const terminal = await Terminal.run({ argv, environment }, { columns, rows });
    terminals.push(terminal);
    return terminal;
  }

  test("the registry's machine: the installer ends on what to type next, and nobody else is on the list", async () => {
    output = await install(0, "scripts/install.sh");
    assert.match(output, /Next, as yourself and not as root: multiproto-chat$/m);
    const { clients } = JSON.parse((await ctl(machine(0), "clients", "--json")).stdout);
    assert.deepEqual(clients, []);
  });

  test("the other machine: no second registry, which would have a list of its own", async () => {
    assert.match(output, /On the other machines of this network: scripts\/install\.sh --chat-only /);
    const told = await install(1, "scripts/install.sh --chat-only");
    assert.match(told, /Next, as yourself and not as root: multiproto-chat /);
    const states = async () =>
      (await machine(1).exec(["systemctl", "is-enabled", "multiproto.service", "multiproto.socket"])).stdout;
    assert.equal(await states(), "disabled\ndisabled\n");
    assert.equal((await machine(1).exec(["pgrep", "-u", "multiproto"])).stdout, "");
    // Nor does an upgrade bring one.
    await machine(1).must([`${CHECKOUT}/scripts/install.sh`], { timeoutMillis: 120_000 });
    assert.equal(await states(), "disabled\ndisabled\n");
  });

  /** As the help says, which the first row names. */
  async function leave(...those: readonly Terminal[]): Promise<void> {
    for (const terminal of those) {
      await terminal.shows("F1 help");
      await terminal.keys("F1");
      await terminal.shows("Ctrl-D leave, when the input is empty");
      await terminal.keys("Escape");
      // Both at once would be one key with Alt.
      await terminal.shows(/^(?![\s\S]*Esc closes)/);
      await terminal.keys("C-d");
      await terminal.shows("ended with 0");
    }
  }

  test("they type multiproto-chat, see each other, write and answer", async () => {
    const left = await open(0, "adam", "multiproto-chat");
    await left.shows("You are online as adam, and nobody else is there yet.");
    await left.type("anybody?");
    await left.keys("Enter");
    await left.shows("your text stays, and Enter sends it when somebody is");
    const right = await open(1, "ola", "multiproto-chat");
    await left.shows("Type a message and press Enter: it goes to ola");
    await right.shows("Type a message and press Enter: it goes to adam");
    await left.keys("Enter");
    await left.shows("anybody? ✓");
    await right.shows(/adam +anybody\?/);
    await right.shows(/^to adam>/m);
    await right.type("yes, good morning!");
    await right.keys("Enter");
    await right.shows("yes, good morning! ✓");
    await left.shows(/ola +yes, good morning!/);
    await leave(right, left);
  });

  test("on a large screen, and before the other is there: it waits, and arrives", async () => {
    const left = await open(0, "adam", "multiproto-chat", [200, 60]);
    await left.shows("Nobody is online now. What you write waits until they are back.");
    await left.shows("Choose somebody with Up and Down, Enter opens.");
    await left.keys("Down");
    await left.shows("Type a message and press Enter: it goes to ola");
    await left.type("early today");
    await left.keys("Enter");
    await left.shows("kept for ola, who is offline: it goes out when ola is back");
    const right = await open(1, "ola", "multiproto-chat", [200, 60]);
    await right.shows(/adam +early today/);
    await left.shows("early today ✓");
    await leave(right, left);
  });

  /** The commands of README's "Use", without comments: those of people, and those of the admin. */
  function uses(): readonly (readonly string[])[] {
    const part = README.slice(README.indexOf("\n## Use\n"), README.indexOf("\n### Exit codes\n"));
    return [...part.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(([, block = ""]) =>
      block
        .trim()
        .split("\n")
        .map((line) => line.replace(/ +# .*/, "")),
    );
  }

  test('each command of README\'s "Use" for people works as it stands there', async () => {
    await ola.must("systemctl --user start multiproto-chat");
    await adam.must("printf 'all:\\n\\ttrue\\n' >Makefile && echo built >build.tar.gz");
    const [people = []] = uses();
    assert.ok(people.length > 5 && people[0] === "multiproto-chat", people.join("\n"));
    // The first has been typed above.
    for (const line of people.slice(1)) {
      // The page, whichever program shows it here.
      const page = /^man (\S+)$/.exec(line)?.[1];
      const running = adam.spawn(page === undefined ? line : `ls /usr/share/man/man1/${page}.1`);
      if (line.includes(" send-file ")) {
        const id = await until(
          "the offer",
          async () =>
            /"id":"([0-9a-f]+)"[^\n]*"state":"offered"/.exec(
              await ola.must("multiproto-chat files --json"),
            )?.[1],
        );
        await ola.must(`multiproto-chat files accept ${id} && grep -q built Downloads/build.tar.gz`);
      }
      if (line.includes(" listen "))
        await ola.must("multiproto-chat send adam 'for the listener' --wait 20s");
      const { code, stdout, stderr } = await running.end();
      assert.equal(code, 0, `${line}: ${stderr}${stdout}`);
      if (line.includes(" listen ")) assert.match(stdout, /for the listener/);
      if (line.includes(" search ")) assert.match(stdout, /build is green/);
      if (line.endsWith(" list")) assert.match(stdout, /^ola /m);
    }
  });

  test("and so does each for the admin", async () => {
    const [, admin = []] = uses();
    assert.ok(admin.length > 3, admin.join("\n"));
    for (const line of admin) {
      const { code, stdout, stderr } = await machine(0).exec(["sh", "-c", line.replace(/^sudo /, "")]);
      assert.equal(code, 0, `${line}: ${stderr}${stdout}`);
    }
  });
});
