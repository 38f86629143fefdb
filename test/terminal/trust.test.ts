import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Running } from "../lab/command.ts";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";

/** What a person sees of keys, of others' presence, and of the admin. */

let registry: Registry;
let people: People;

before(async () => {
  registry = await Registry.start();
  people = new People(registry);
});

after(async () => {
  await people.dispose();
  await registry.dispose();
});

test("away, read marks, keys and another name, as a person sees them", async () => {
  const ida = await people.chat("ida", 100, 30);
  await ida.shows("online as ida");
  await ida.shows(/first time at the registry \S+ at [\d.]+; remembered: its key( \d{5})+/);
  const bea = await people.chat("bea", 100, 30);
  await bea.shows("what you type goes to ida");
  await bea.type("hello ida");
  await bea.keys("Enter");
  await ida.shows("you are in touch with bea for the first time; remembered: bea's key");
  await bea.shows(/^\d\d:\d\d to ida: hello ida ✓$/m);
  // Somebody at the keyboard has read it.
  await ida.type("hi");
  await bea.shows("ida has read it ✓✓");
  await bea.shows(/^to ida \(writing\)> *$/m);
  await ida.keys("C-u");
  await bea.shows(/^to ida> *$/m);
  await ida.type("/away at lunch");
  await ida.keys("Enter");
  await ida.shows("you are away: at lunch; /back ends that");
  await bea.type("list");
  await bea.keys("Enter");
  await bea.shows(/^ida .* away +known key +at lunch$/m);
  await bea.type("/fingerprint ida");
  await bea.keys("Enter");
  const [, digits] = /^ida: ([\d ]{47})$/m.exec(await bea.shows(/^ida: [\d ]{47}$/m)) ?? [];
  await bea.type(`/trust accept ida ${digits}`);
  await bea.keys("Enter");
  await bea.shows(`accepted: ida ${digits}`);
  await bea.type("list");
  await bea.keys("Enter");
  await bea.shows(/^ida .* away +verified +at lunch$/m);
  await ida.type("/nick Ida.B");
  await ida.keys("Enter");
  await ida.shows("you are Ida.B now (before: ida)");
  await bea.shows("Ida.B is online");
  await people.leave(bea, ida);
});

test("another key is a warning that nobody can miss, also without colours; accepting it ends it", async () => {
  const max = await people.chat("mona", 100, 30);
  await max.shows("online as mona");
  const other = "c3".repeat(32);
  await registry.run("--nick", "nora", "trust", "accept", "mona", "--kind", "peer", other).finished;
  const nora = await people.chat("nora", 100, 30);
  await nora.shows("!!! WARNING: the registry lists mona with ANOTHER KEY than the one you know.");
  await nora.shows("!!! Nothing is sent there and nothing is taken from there.");
  await nora.shows(/^mona\(!\) .* online +OTHER KEY$/m);
  await nora.type("msg mona secret");
  await nora.keys("Enter");
  await nora.shows("held: mona has another key than the one you know");
  assert.doesNotMatch(await max.everything(), /secret/);
  await nora.type("/trust accept mona");
  await nora.keys("Enter");
  await nora.shows("accepted: mona");
  await nora.type("msg mona hello");
  await nora.keys("Enter");
  await nora.shows(/to mona: hello ✓$/m);
  // What was held goes out first.
  await max.shows(/nora: secret[\s\S]*nora: hello/);
  await people.leave(nora, max);
});

test("a key that is accepted on the command line counts in the open chat at once, which says so", async () => {
  const oda = await people.chat("oda", 100, 30);
  await oda.shows("online as oda");
  const trust = (...argv: readonly string[]) => {
    const { argv: command, environment } = registry.client("pia", "trust", ...argv);
    return new Running(command, { environment }).finished;
  };
  await trust("accept", "oda", "--kind", "peer", "c3".repeat(32));
  const pia = await people.chat("pia", 100, 30);
  await pia.shows("!!! WARNING: the registry lists oda with ANOTHER KEY than the one you know.");
  await pia.type("msg oda held until then");
  await pia.keys("Enter");
  await pia.shows("held: oda has another key than the one you know");
  const { code, stdout } = await trust("accept", "oda");
  assert.equal(code, 0);
  assert.match(stdout, /^accepted: oda (\d{5} ?){8}$/m);
  await pia.shows(/^accepted: oda (\d{5} ?){8}$/m);
  await pia.shows(/to oda: held until then ✓$/m);
  await oda.shows("pia: held until then");
  assert.equal((await trust("forget", "oda")).code, 0);
  await pia.shows("forgotten: oda; the next key is taken as the first");
  await people.leave(pia, oda);
});

test("whoever the admin removes is told, and the program ends with 14", async () => {
  const ned = await people.chat("ned");
  await ned.shows("online as ned");
  assert.equal((await registry.ctl("kick", "ned").finished).code, 0);
  await ned.shows("the registry's admin has removed you");
  await ned.shows("ended with 14");
  await ned.dispose();
});

test("a script beside an open chat is the same person", async () => {
  const first = await people.chat("pat");
  await first.shows("online as pat");
  // The same files: a script beside the open chat.
  const { argv, environment } = registry.client("pat", "list", "--json");
  const { stdout } = await new Running(argv, { environment }).finished;
  const { nickname, clients } = JSON.parse(stdout);
  assert.equal(nickname, "pat");
  const names = clients.map((client: { nickname: string }) => client.nickname);
  assert.equal(names.filter((name: string) => name.startsWith("pat")).length, 0);
  await people.leave(first);
});
