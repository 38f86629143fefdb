import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Running } from "../../lab/command.ts";
import type { Guest, OriginalClient } from "./guest.ts";
import { assertHealthy, FIRST_ROSTER_BYTES, noneOnline, seesAll, times } from "./judged.ts";
import { Network } from "./network.ts";

const OFFLINE_MILLIS = 5_000;
/** Five seconds to be found, and some for a machine that is busy to tell us so. */
const PATIENCE_MILLIS = 15_000;

describe("original clients, on the SCTP of a Linux kernel", () => {
  let network: Network;
  let here: Guest;
  let there: Guest;
  let ada: OriginalClient;
  let bob: OriginalClient;
  let thinker: OriginalClient;
  let kari: Running;

  before(async () => {
    network = await Network.create();
    await network.startRegistry();
    [here, there] = await Promise.all([network.guest(1), network.guest(2)]);
    // Whose name comes a minute after the registry has called back, while all the rest happens.
    thinker = join(there, "thinker", "--nick", "tess", "--typing", "60");
  });
  after(() => network?.scope.end());

  /** Starts an original client that types its nickname at once, unless the options say otherwise. */
  function join(guest: Guest, name: string, ...options: readonly string[]): OriginalClient {
    const nickname = options.length > 0 ? options : ["--nick", name];
    return guest.start(name, "--registry", network.registryHost.address, ...nickname);
  }

  async function joined(guest: Guest, name: string, ...options: readonly string[]): Promise<OriginalClient> {
    const client = join(guest, name, ...options);
    await client.line("REGISTERED");
    return client;
  }

  /** Lets `what` happen, and asserts that the registry tells soon that `nickname` is offline, for this reason. */
  async function goesOffline(
    context: TestContext,
    nickname: string,
    reason: RegExp,
    what: () => void | Promise<void>,
  ): Promise<void> {
    lookFromHere();
    const begin = performance.now();
    await what();
    const pattern = new RegExp(` ${nickname} offline: ${reason.source}`);
    await network.registry.line(pattern, { from: seen, millis: PATIENCE_MILLIS });
    const took = Math.round(performance.now() - begin);
    context.diagnostic(`${nickname} offline after ${took} ms`);
    assert.ok(took < OFFLINE_MILLIS, `${took} ms`);
  }

  /** Lines of the registry before this one have been looked at. */
  let seen = 0;
  function lookFromHere(): void {
    seen = network.registry.lines.length;
  }

  test("one is found by multicast, registered, and listed as online over raw IP", async (context) => {
    ada = await joined(here, "ada");
    const line = await network.registry.line(/ ada online from 10\.98\.0\.101:\d+ \(mp1, \d+ ms\) path=raw/);
    context.diagnostic(line.trim());
    const { address, path, verified, protocol } = await network.listed("ada", "online");
    assert.deepEqual(
      { address, path, verified, protocol },
      { address: here.address, path: "raw", verified: false, protocol: "mp1" },
    );
    assert.deepEqual(ada.rosters, [{ bytes: 15, clients: [] }], "an empty roster is not pushed");
  });

  test("it is told of the next one, who is told of it", async () => {
    bob = await joined(there, "bob");
    assert.deepEqual(
      bob.rosters[0]?.clients.map(({ nickname }) => nickname),
      ["ada"],
    );
    await ada.sees({ bob: true });
    await bob.sees({ ada: true });
    assert.equal((await network.clients()).length, 2, "who has not named itself is nobody yet");
  });

  test("messages go between originals, and between them and ours", async () => {
    kari = network.chat("kari", "listen", "--json");
    await ada.sees({ kari: true });
    ada.type("msg bob good morning");
    ada.type("msg kari grüß dich ☕");
    await ada.line("SENT", (text) => text.startsWith("bob "));
    await ada.line("SENT", (text) => text.startsWith("kari "));
    const heard = JSON.parse(await kari.output((text) => text.includes("\n"), "kari hears ada"));
    assert.deepEqual([heard.from, heard.text, heard.address], ["ada", "grüß dich ☕", here.address]);
    const sent = await network.chat("kim", "send", "bob", "good evening", "--wait", "20s").finished;
    assert.equal(sent.code, 0, sent.stderr);
    assert.deepEqual(
      bob.heard.map(({ from, text }) => `${from}: ${text}`),
      ["ada: good morning", "kim: good evening"],
    );
  });

  test("what is longer than an original reads at once arrives whole, in pieces that it can read", async () => {
    const text = Array.from({ length: 400 }, (_, index) => `wörd${index}☕`).join(" ");
    const sent = await network.chat("kim", "send", "ada", text, "--wait", "20s").finished;
    assert.equal(sent.code, 0, sent.stderr);
    const pieces = ada.heard.filter(({ from }) => from === "kim");
    assert.ok(pieces.length > 3, `${pieces.length} pieces, of which it reads 1024 bytes each`);
    assert.equal(pieces.map((piece) => piece.text).join(" "), text);
  });

  test("8 and then 30 that name themselves at once: none breaks, all see as many as fit", async (context) => {
    // Suspended meanwhile (Ctrl-Z): its machine takes what fits into a buffer, then nothing more.
    const sleeper = await joined(there, "sleeper");
    await ada.sees({ sleeper: true });
    sleeper.signal("STOP");
    const crowd: OriginalClient[] = [];
    // Whatever happens, they are gone for the tests that follow.
    context.after(() => {
      for (const client of crowd) client.signal("KILL");
    });
    for (const size of [8, 30]) {
      const numbers = Array.from({ length: size - crowd.length }, (_, index) => crowd.length + index + 1);
      // They name themselves only when all have been called back, so that all join at once.
      const newcomers = numbers.map((number) =>
        here.start(`guest${number}`, "--registry", network.registryHost.address),
      );
      await Promise.all(newcomers.map((client) => client.line("CALLED", undefined, PATIENCE_MILLIS)));
      for (const client of newcomers) client.type(client.name);
      crowd.push(...newcomers);
      await here.until("all see each other", () => crowd.every((each) => seesAll(each, crowd)), 30_000);
      const [joining, telling] = [times(newcomers, "REGISTERED"), times(crowd, "ROSTER")];
      const took = Math.max(...telling) - Math.min(...joining);
      context.diagnostic(
        `${size}: all know what they can ${took} ms after the first was let in, all let in after ${Math.max(...joining) - Math.min(...joining)} ms`,
      );
    }
    for (const client of crowd) assertHealthy(client);
    const firsts = crowd.map(({ rosters }) => rosters[0]?.bytes ?? 0);
    assert.ok(
      Math.max(...firsts) > FIRST_ROSTER_BYTES - 100,
      `a first roster is about full: ${Math.max(...firsts)}`,
    );
    // The last to come and those who were there all along go on being told.
    const late = await joined(there, "late");
    await late.line("ROSTER");
    for (const client of crowd) client.type("exit");
    await bob.sees({ ada: true, late: true });
    await ada.sees({ bob: true, late: true });
    await here.until("all have left", () => crowd.every((each) => each.has("EXITED")), PATIENCE_MILLIS);
    for (const client of [bob, ada]) {
      await client.guest.until(
        `${client.name} sees nobody of them`,
        () => noneOnline(client, crowd),
        PATIENCE_MILLIS,
      );
      assertHealthy(client);
    }
    sleeper.signal("CONT");
    await sleeper.sees({ ada: true, bob: true, late: true }, PATIENCE_MILLIS);
    await there.until("the sleeper knows the latest", () => noneOnline(sleeper, crowd), PATIENCE_MILLIS);
    assertHealthy(sleeper);
    sleeper.type("exit");
    late.type("exit");
  });

  test("who exits has left, who is killed is gone, both at once", async (context) => {
    const leaver = await joined(here, "leaver");
    const victim = await joined(here, "victim");
    await bob.sees({ leaver: true, victim: true });
    await goesOffline(context, "leaver", /left/, () => leaver.type("exit"));
    // Its kernel closes what it had open, as for one that leaves.
    await goesOffline(context, "victim", /left|lost/, () => victim.signal("KILL"));
    await bob.sees({ leaver: false, victim: false });
  });

  test("one that crashed with unread data is offline at once", async (context) => {
    const reader = await joined(here, "reader");
    await bob.sees({ reader: true });
    reader.signal("STOP");
    const news = await joined(there, "news");
    await bob.sees({ news: true });
    await goesOffline(context, "reader", /lost/, () => reader.signal("KILL"));
    await bob.sees({ reader: false });
    news.type("exit");
  });

  test("one that comes back takes the place of its dead entry", async () => {
    const again = await joined(here, "victim-again", "--nick", "victim");
    await bob.sees({ victim: true });
    const entries = (await network.clients()).filter(({ nickname }) => nickname.startsWith("victim"));
    assert.deepEqual(
      entries.map(({ state }) => state),
      ["online"],
    );
    again.type("exit");
    await bob.sees({ victim: false });
  });

  test("of two with one nickname the second is listed under a number, from either machine", async () => {
    const second = await joined(there, "ada-there", "--nick", "ada");
    await bob.sees({ ada: true, "ada~2": true });
    const third = await joined(here, "ada-here", "--nick", "ada");
    await bob.sees({ ada: true, "ada~2": true, "ada~3": true });
    await ada.sees({ "ada~2": true, "ada~3": true });
    bob.type("msg ada~2 is it you");
    await second.line("SAYS");
    second.type("exit");
    third.type("exit");
    await bob.sees({ ada: true, "ada~2": false, "ada~3": false });
  });

  test("a name that belongs to a key is not theirs, whether its owner is here or not: they get a number, and no key", async () => {
    const owner = network.chat("signe", "listen", "--json");
    const { fingerprint, address } = await network.listed("signe", "online");
    assert.equal(address, network.ourHost.address);
    for (const state of ["online", "offline"] as const) {
      if (state === "offline") await owner.stop("SIGTERM");
      const bound = await network.listed("signe", state);
      assert.deepEqual([bound.fingerprint, bound.verified, bound.protocol], [fingerprint, true, "mp2"]);
      const thief = await joined(there, `thief-${state}`, "--nick", "signe");
      await bob.sees({ "signe~2": true });
      const numbered = await network.listed("signe~2", "online");
      assert.deepEqual(
        [numbered.fingerprint, numbered.verified, numbered.protocol, numbered.address],
        [null, false, "mp1", there.address],
      );
      assert.equal((await network.listed("signe", state)).fingerprint, fingerprint);
      thief.type("exit");
      await bob.sees({ "signe~2": false });
    }
  });

  test("a machine that is cut off is offline within 5 s; its user comes back under the same nickname", async (context) => {
    await goesOffline(context, "bob", /lost/, () => there.tap.unplug());
    await ada.sees({ bob: false });
    bob.signal("KILL");
    await bob.line("EXITED");
    await there.tap.plugIn();
    bob = await joined(there, "bob-again", "--nick", "bob");
    await ada.sees({ bob: true });
    ada.type("msg bob welcome back");
    await bob.line("SAYS");
    assert.equal((await network.clients()).filter(({ nickname }) => nickname.startsWith("bob")).length, 1);
  });

  test("one that crashed while cut off gets its nickname although its entry still counts as online", async () => {
    await there.tap.unplug();
    bob.signal("KILL");
    await bob.line("EXITED");
    await there.tap.plugIn();
    bob = await joined(there, "bob-third", "--nick", "bob");
    await ada.sees({ bob: true });
    // What ada sees may still be of the one that crashed.
    await network.listed("bob", "online");
    const entries = (await network.clients()).filter(({ nickname }) => nickname.startsWith("bob"));
    assert.deepEqual(
      entries.map(({ nickname, state }) => [nickname, state]),
      [["bob", "online"]],
    );
  });

  test("one that comes back from the very port of its former life is heard again", async () => {
    bob.signal("KILL");
    bob = await joined(there, "bob-fixed", "--nick", "bob", "--port", "50505");
    await ada.sees({ bob: true });
    await network.listed("bob", "online");
    await there.tap.unplug();
    bob.signal("KILL");
    await bob.line("EXITED");
    await there.tap.plugIn();
    bob = await joined(there, "bob-fixed-again", "--nick", "bob", "--port", "50505");
    await bob.sees({ ada: true });
    const last = await joined(here, "witness");
    await bob.sees({ witness: true });
    last.type("exit");
    await bob.sees({ witness: false });
    const entries = (await network.clients()).filter(({ nickname }) => nickname.startsWith("bob"));
    assert.deepEqual(
      entries.map(({ nickname, state }) => [nickname, state]),
      [["bob", "online"]],
    );
  });

  test("a frozen machine is offline within 5 s, and can join again when it has thawed", async (context) => {
    try {
      await goesOffline(context, "bob", /lost/, () => there.freeze(true));
      await ada.sees({ bob: false });
    } finally {
      there.freeze(false);
    }
    bob.signal("KILL");
    bob = await joined(there, "bob-fourth", "--nick", "bob");
    await ada.sees({ bob: true });
    await bob.sees({ ada: true });
  });

  // Five at most: lines of one kind in quick succession are counted instead of written.
  const HOSTILE = [
    {
      what: "escape sequences",
      nickname: ["\u001b[2J\u001b]0;owned\u0007"],
      says: /only visible characters/,
    },
    { what: "another line of the log", nickname: ["x\n12:00:00.000 error forged"], says: /no white space/ },
    { what: "bytes that are not UTF-8", nickname: ["\udcff\udcfe\udc80"], says: /not valid UTF-8/ },
    { what: "half a character", nickname: ["ol\udcc3"], says: /not valid UTF-8, or cut short/ },
    { what: "10,000 bytes", nickname: ["a", "--times", "10000"], says: /more than 512 bytes/ },
  ];

  for (const [index, { what, nickname, says }] of HOSTILE.entries()) {
    test(`a nickname of ${what} costs one line in the log`, async () => {
      lookFromHere();
      const client = join(here, `hostile${index}`, "--nick", ...nickname);
      const port = (await client.line("HELLO")).text;
      const line = await network.registry.line(says, { from: seen });
      // As the original, which dies when it gets no roster.
      await client.line("BROKE");
      await client.line("EXITED");
      const about = network.registry.lines.slice(seen).filter((each) => each.includes(`:${port}`));
      assert.deepEqual(about, [line]);
      assert.ok(line.includes(`${here.address}:${port}`), line);
      assert.match(line, /^[\x20-\x7e]+$/);
    });
  }

  test("an empty nickname says nothing at all: one line when the client gives up, and nobody waits for it", async () => {
    lookFromHere();
    const silent = join(here, "silent", "--nick", "");
    await silent.line("CALLED");
    const other = await joined(here, "other");
    await bob.sees({ other: true });
    silent.signal("KILL");
    await network.registry.line(/10\.98\.0\.101 asked to join, but hung up before it sent a nickname/, {
      from: seen,
    });
    other.type("exit");
    await bob.sees({ other: false });
  });

  test("a registry that was itself stopped for 6 s takes no original for lost", async () => {
    lookFromHere();
    network.registry.kill("SIGSTOP");
    await setTimeout(6_000);
    network.registry.kill("SIGCONT");
    const witness = await joined(here, "witness-of-stall", "--nick", "witness");
    await bob.sees({ witness: true, ada: true });
    witness.type("exit");
    await bob.sees({ witness: false, ada: true });
    // Ours is another matter: it has missed the registry meanwhile, and comes back.
    const lost = network.registry.lines.slice(seen).filter((line) => / (ada|bob) offline/.test(line));
    assert.deepEqual(lost, []);
  });

  test("one that types its name for a minute is let in then, and has delayed nobody", async () => {
    const registered = await thinker.line("REGISTERED", undefined, 70_000);
    const called = await thinker.line("CALLED");
    assert.ok(registered.millis - called.millis >= 60_000);
    await bob.sees({ tess: true });
    await thinker.sees({ bob: true, ada: true });
  });

  test("in all this nothing needed a person", () => {
    const grave = network.registry.lines.filter(
      // It was stopped for 6 s, and says so.
      (line) => /^\S+ +(warn|error) /.test(line) && !line.includes("The registry did not run for"),
    );
    assert.deepEqual(grave, []);
    assertHealthy(ada);
    const gone = network.registry.lines.filter((line) => line.includes(" ada offline"));
    assert.deepEqual(gone, [], "who was there all the time was never taken for gone");
  });

  test("the registry's end ends all associations; after its return originals join by being started again", async (context) => {
    assert.ok((await here.associations()) > 0 && (await there.associations()) > 0);
    const begin = performance.now();
    const { code } = await network.registry.stop();
    assert.equal(code, 0);
    context.diagnostic(`stopped within ${Math.round(performance.now() - begin)} ms`);
    assert.deepEqual([await here.associations(), await there.associations()], [0, 0]);
    await network.startRegistry();
    for (const client of [ada, bob, thinker]) client.signal("KILL");
    ada = await joined(here, "ada-again", "--nick", "ada");
    bob = await joined(there, "bob-again-too", "--nick", "bob");
    await ada.sees({ bob: true, kari: true });
    await bob.sees({ ada: true, kari: true });
    // What is seen may still be of those who were there before: until they are back, nobody is told otherwise.
    for (const nickname of ["ada", "bob", "kari"]) await network.listed(nickname, "online");
    // Who was offline before is so still: the roster outlives the registry.
    const online = (await network.clients()).filter(({ state }) => state === "online");
    assert.deepEqual(online.map(({ nickname }) => nickname).sort(), ["ada", "bob", "kari"]);
  });
});
