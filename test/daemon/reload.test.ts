/**
 * A reload waits twice: until the service manager has heard of it, and for the read-only socket. A stop may come in
 * either wait. The daemon is real and in this process, so that the moment can be chosen.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { READ_SOCKET } from "../../src/control/pidfile.ts";
import { systemClock } from "../../src/io/clock.ts";
import { systemRandom } from "../../src/io/random.ts";
import { Daemon } from "../../src/service/daemon.ts";
import { ServiceLog } from "../../src/service/log.ts";
import { ServiceManager } from "../../src/service/notify.ts";
import { configure, makePlace } from "../support/multiprotod.ts";
import { Watched, within } from "../support/until.ts";

/** Keeps what it is told. `RELOADING=1` takes until `reloadingTold` has resolved. */
class KeepingManager extends ServiceManager {
  readonly told: string[] = [];
  readonly watched = new Watched();
  reloadingTold: Promise<void> = Promise.resolve();

  #note(what: string): void {
    this.told.push(what);
    this.watched.changed();
  }

  override ready(): Promise<void> {
    this.#note("ready");
    return Promise.resolve();
  }

  override reloading(): Promise<void> {
    this.#note("reloading");
    return this.reloadingTold;
  }

  override stopping(): Promise<void> {
    this.#note("stopping");
    return Promise.resolve();
  }
}

/** A daemon that is ready, and a configuration that asks for more than what it runs with. */
async function ready(context: TestContext) {
  const place = await makePlace(context);
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line.trim());
  const format = "text" as const;
  const log = new ServiceLog({ clock: systemClock, format, journal: false, level: "info", write });
  const manager = new KeepingManager({ notifySocket: undefined, log });
  const { configurationFile, stateDirectory, runtimeDirectory } = place;
  const daemon = new Daemon({
    places: { configurationFile, configurationRequired: true, stateDirectory, runtimeDirectory },
    ...{ bootId: undefined, version: "0.0.0", clock: systemClock, random: systemRandom, log, manager },
    ...{ inheritedSocket: undefined, watchdogMillis: undefined, onFormat: () => undefined },
  });
  const ended = daemon.run();
  context.after(async () => {
    await daemon.stop({ restarting: false });
    await within("its end", ended);
  });
  await manager.watched.until("that it is ready", () => manager.told.includes("ready"), 30_000);
  configure(place, '[control]\nanyone-may-read = true\n[log]\nlevel = "debug"');
  return { ...{ daemon, manager, log, lines, ended }, readSocket: join(runtimeDirectory, READ_SOCKET) };
}

test("a reload that nothing overtakes changes what it should: so the others look at the right places", async (context) => {
  const { daemon, manager, log, lines, readSocket } = await ready(context);
  assert.deepEqual((await daemon.reload()).applied, ["control.anyone-may-read", "log.level"]);
  assert.deepEqual(manager.told, ["ready", "reloading", "ready"]);
  assert.equal(log.level, "debug");
  assert.ok(existsSync(readSocket));
  assert.ok(lines.some((line) => line.includes("Configuration reloaded: ")));
});

test("a reload that a stop overtakes changes nothing, and what is said is that it stops", async (context) => {
  const { daemon, manager, log, lines, ended, readSocket } = await ready(context);
  const told = Promise.withResolvers<void>();
  manager.reloadingTold = told.promise;
  const reloaded = assert.rejects(daemon.reload(), /Cannot reload while stopping/);
  await manager.watched.until("the reload", () => manager.told.includes("reloading"));
  await daemon.stop({ restarting: false });
  await manager.watched.until("the way down", () => manager.told.includes("stopping"));
  told.resolve();
  await within("the answer", reloaded);
  assert.equal(await within("its end", ended), 0);
  assert.deepEqual(manager.told, ["ready", "reloading", "stopping"]);
  assert.equal(log.level, "info");
  assert.ok(!existsSync(readSocket), "nobody is let in to read any more");
  assert.deepEqual(
    lines.filter((line) => line.includes("Configuration reloaded")),
    [],
  );
});

test("a stop during the last step of a reload: nobody is told that it is ready again", async (context) => {
  const { daemon, manager, ended, readSocket } = await ready(context);
  const reloaded = daemon.reload();
  // The reload goes on first and then opens a socket, which takes longer than what is left of this turn.
  const stopped = manager.reloadingTold.then(() => daemon.stop({ restarting: false }));
  await within("the answer", Promise.all([reloaded, stopped]));
  assert.equal(await within("its end", ended), 0);
  assert.deepEqual(manager.told, ["ready", "reloading", "stopping"]);
  assert.ok(!existsSync(readSocket));
});
