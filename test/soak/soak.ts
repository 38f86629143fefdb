/**
 * A registry for many hours of a virtual clock, with clients that come, go, get lost and change what they say, and a
 * restart now and then: the real core with the real stores and the real log writer. What it holds is measured every hour.
 * Associations are the scene's, not SCTP's, whose own endurance the fuzz tier shows.
 */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Millis } from "../../src/base/clock.ts";
import { ServiceLog } from "../../src/service/log.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { SqliteRosterStore } from "../../src/store/sqlite-roster.ts";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import type { TestClient } from "../registry/mp2-client.ts";
import { Scene } from "../registry/mp2-scene.ts";
import { type Given, UNIX } from "../registry/new-registry.ts";
import { SeededRandom } from "../sctp/random.ts";
import { Schedule } from "../sim/schedule.ts";

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

/** On average, each half as long to one and a half times: somebody's stay and absence, and what they say of themselves. */
const STAY: Millis = 4 * HOUR;
const ABSENCE: Millis = 20 * MINUTE;
const STATUS: Millis = 3 * HOUR;
/** Keys that come once, take a name for good, and are never seen again. */
const GUEST: Millis = 5 * MINUTE;
/** What is no message of anybody's, from addresses of nobody. */
const NOISE: Millis = 5 * SECOND;
const RESTART: Millis = 6 * HOUR;
/** As supervision.ts does. */
const FLUSH: Millis = 10 * SECOND;
/** All who were there come back within this after a restart, as real clients do. */
const RETURN: Millis = 4 * SECOND;

export interface Hour {
  readonly hour: number;
  readonly online: number;
  readonly joins: number;
  readonly heapMebibytes: number;
  readonly residentMebibytes: number;
  readonly descriptors: number;
  /** All files in the state directory. */
  readonly databaseKibibytes: number;
  readonly bindings: number;
  readonly lines: number;
  readonly lineKibibytes: number;
}

export interface SoakOptions {
  readonly seed: number;
  readonly clients: number;
  readonly hours: number;
  /** Of the stores. */
  readonly directory: string;
  readonly onHour?: (hour: Hour) => void;
}

export class Soak {
  readonly #options: SoakOptions;
  readonly #random: SeededRandom;
  readonly #schedule = new Schedule();
  readonly #scene: Scene;
  readonly #log: ServiceLog;
  readonly #present = new Set<TestClient>();
  #stores: { readonly given: Given; readonly close: () => void };
  #joins = 0;
  #guests = 0;
  #lines = 0;
  #lineBytes = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#stores = this.#openStores();
    this.#scene = new Scene({ ...this.#stores.given, random: this.#random });
    this.#log = new ServiceLog({
      clock: { now: () => this.#scene.now, wall: () => UNIX + this.#scene.now },
      ...{ format: "text", journal: true, level: "info" },
      write: (line) => {
        this.#lines += 1;
        this.#lineBytes += line.length;
      },
    });
  }

  /** Runs it all; returns what was measured at the end of each hour. */
  run(): readonly Hour[] {
    const { clients, hours, onHour } = this.#options;
    for (let index = 0; index < clients; index += 1) {
      const client = this.#scene.client(`user${index}`, `10.1.${index >> 8}.${index & 0xff}`);
      client.isDeaf = true;
      this.#after(this.#random.below(10 * MINUTE), () => this.#join(client));
      this.#every(STATUS, () => this.#saysSomething(client));
    }
    this.#every(GUEST, () => this.#guest());
    this.#every(NOISE, () => this.#noise());
    this.#every(RESTART, () => this.#restart());
    this.#every(FLUSH, () => this.#log.flushCounts());
    const measured: Hour[] = [];
    for (let hour = 1; hour <= hours; hour += 1) {
      this.#schedule.runUntil(hour * HOUR);
      this.#passTo(hour * HOUR);
      const figures = this.#measure(hour);
      measured.push(figures);
      onHour?.(figures);
    }
    this.#stores.close();
    return measured;
  }

  // When

  #after(delay: Millis, happen: () => void): void {
    this.#schedule.after(delay, () => {
      this.#passTo(this.#schedule.now);
      happen();
      this.#drain();
    });
  }

  #every(mean: Millis, happen: () => void): void {
    this.#after(this.#around(mean), () => {
      happen();
      this.#every(mean, happen);
    });
  }

  #around(mean: Millis): Millis {
    return mean / 2 + this.#random.below(mean);
  }

  #passTo(time: Millis): void {
    // The scene's clock begins at one second.
    const left = time + SECOND - this.#scene.now;
    if (left > 0) this.#scene.pass(left);
    this.#drain();
  }

  #drain(): void {
    for (const output of this.#scene.take()) if (output.type === "log") this.#log.write(output.entry);
  }

  // What

  #join(client: TestClient): void {
    this.#comeOnline(client, client.ticket !== undefined && this.#random.oneIn(2));
    this.#present.add(client);
    this.#after(this.#around(STAY), () => this.#leave(client));
  }

  /** With its ticket or without; who is dialled back in spite of it registers there. */
  #comeOnline(client: TestClient, withTicket: boolean): void {
    this.#joins += 1;
    forgetOld(client);
    if (!withTicket) {
      client.comeOnline();
      return;
    }
    if (!client.tryToResume()) {
      client.openTls();
      client.register();
      if (client.registered === undefined) this.#scene.pass(20);
      this.#scene.do((registry) => registry.tlsClosed(this.#scene.now, client.dial));
    }
    client.associate();
    client.attach();
  }

  #leave(client: TestClient): void {
    if (this.#present.delete(client)) {
      const id = client.association ?? 0;
      if (this.#random.oneIn(3)) this.#scene.lost(id);
      else {
        client.tell({ type: "leave" });
        this.#scene.event({ type: "closed", id });
      }
    }
    this.#after(this.#around(ABSENCE), () => this.#join(client));
  }

  #saysSomething(client: TestClient): void {
    if (!this.#present.has(client)) return;
    const status = `in a meeting until ${this.#random.below(24)}` as StatusText;
    client.tell({ type: "status", away: this.#random.oneIn(2), status });
  }

  #guest(): void {
    this.#guests += 1;
    const guest = this.#scene.client(`guest${this.#guests}`, "10.9.9.9", 40_000 + (this.#guests % 20_000));
    guest.isDeaf = true;
    guest.comeOnline();
    this.#joins += 1;
    this.#after(this.#around(MINUTE), () => {
      if (this.#scene.registry.counts.online > 0) this.#scene.lost(guest.association ?? 0);
      this.#scene.clients.splice(this.#scene.clients.indexOf(guest), 1);
    });
  }

  #noise(): void {
    const source = { address: `10.8.${this.#random.below(256)}.${this.#random.below(256)}`, port: 2_000 };
    const bytes = this.#random.bytes(1 + this.#random.below(200));
    this.#scene.do((registry) => registry.datagram(this.#scene.now, source, bytes));
  }

  #restart(): void {
    const scene = this.#scene;
    scene.stop({ reason: "restart", backIn: 2_000 });
    scene.pass(SECOND);
    this.#drain();
    this.#stores.close();
    this.#stores = this.#openStores();
    scene.restart(this.#stores.given);
    const all = [...this.#present];
    for (const client of all) {
      this.#after(this.#random.below(RETURN), () => {
        if (this.#present.has(client)) this.#comeOnline(client, client.ticket !== undefined);
      });
    }
  }

  #openStores(): { readonly given: Given; readonly close: () => void } {
    const { directory: stateDirectory } = this.#options;
    const wall = (): number => UNIX + (this.#scene?.now ?? 0);
    const { store, log } = openSqliteStore({ stateDirectory, clock: { wall } });
    assert.deepEqual(log, []);
    const rosterStore = new SqliteRosterStore({ stateDirectory, bootId: "0".repeat(32), log: () => {} });
    const close = (): void => {
      rosterStore.end(wall());
      rosterStore.close();
      store.close();
    };
    return { given: { store, rosterStore }, close };
  }

  // How much

  #measure(hour: number): Hour {
    collectGarbage();
    const { heapUsed, rss } = process.memoryUsage();
    const { directory } = this.#options;
    const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    const figures = {
      hour,
      online: this.#scene.registry.counts.online,
      joins: this.#joins,
      heapMebibytes: heapUsed / 1_048_576,
      residentMebibytes: rss / 1_048_576,
      descriptors: readdirSync("/proc/self/fd").length,
      databaseKibibytes: bytes / 1_024,
      bindings: this.#stores.given.store?.load().bindings.length ?? 0,
      lines: this.#lines,
      lineKibibytes: this.#lineBytes / 1_024,
    };
    [this.#joins, this.#lines, this.#lineBytes] = [0, 0, 0];
    return figures;
  }
}

/** What a test's client remembers of former sessions; a real one does not. */
function forgetOld(client: TestClient): void {
  for (const list of [
    client.cookies,
    client.dials,
    client.challenges,
    client.resumed,
    client.farewells,
    client.ends,
  ])
    list.splice(0, list.length - 1);
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** One line of a table. */
export function rowOf(figures: Hour): string {
  const { hour, online, joins, descriptors, bindings, lines } = figures;
  const { heapMebibytes, residentMebibytes, databaseKibibytes, lineKibibytes } = figures;
  const numbers = [hour, online, joins, heapMebibytes, residentMebibytes, descriptors, databaseKibibytes];
  return [...numbers, bindings, lines, lineKibibytes].map((number) => number.toFixed(0).padStart(9)).join("");
}

export const HEADING = [
  "hour",
  "online",
  "joins",
  "heap MiB",
  "RSS MiB",
  "files",
  "db KiB",
  "names",
  "lines",
  "log KiB",
]
  .map((word) => word.padStart(9))
  .join("");
