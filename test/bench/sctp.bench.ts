/** The SCTP endpoint alone, without sockets, on a virtual clock: what one server pays for a thousand associations. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemRandom } from "../../src/io/random.ts";
import {
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEndpoint,
  type SctpSettings,
  WATCHED_SCTP_SETTINGS,
} from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { line, title } from "./figures.ts";

const COUNT = 1_000;
const SERVER_PORT = 10_001;
const STEP_MILLIS = 50;
const IDLE_SECONDS = 30;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

function heap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** A star of endpoints; packets go from one side to the other in batches, so that each side's time is its own. */
class Star {
  now = 1_000;
  serverMicros = 0;
  server: SctpEndpoint | undefined;
  readonly #clients = new Map<number, SctpEndpoint>();

  constructor() {
    this.server = this.#endpoint(SERVER_PORT, DEFAULT_SCTP_SETTINGS);
    for (let number = 0; number < COUNT; number += 1) {
      const port = 20_000 + number;
      this.#clients.set(port, this.#endpoint(port, WATCHED_SCTP_SETTINGS));
    }
  }

  associate(): number {
    const path: Path = { via: "udp", address: "10.0.0.1", outerPort: 9_899, local: "" };
    for (const client of this.#clients.values()) client.connect(this.now, path, SERVER_PORT);
    let up = 0;
    for (let round = 0; round < 400 && up < COUNT; round += 1) up += this.step();
    return up;
  }

  /** Time passes for both sides, and packets fly until none is left; returns the associations that came up. */
  step(): number {
    this.now += STEP_MILLIS;
    for (const client of this.#clients.values()) client.advance(this.now);
    let up = 0;
    let toServer = this.#fromClients();
    let advance = true;
    while (advance || toServer.length > 0) {
      const [answers, events] = this.#serve(toServer, advance);
      up += events;
      advance = false;
      for (const { port, bytes } of answers) {
        const path: Path = { via: "udp", address: "10.0.0.1", outerPort: 9_899, local: "" };
        this.#clients.get(port)?.receive(this.now, path, bytes);
      }
      toServer = this.#fromClients();
    }
    return up;
  }

  #serve(packets: readonly Packet[], advance: boolean): [Packet[], number] {
    const server = this.server;
    if (server === undefined) return [[], 0];
    const answers: Packet[] = [];
    let up = 0;
    const begun = process.cpuUsage();
    const drain = (): void => {
      for (let out = server.pollTransmit(); out !== undefined; out = server.pollTransmit()) {
        answers.push({ port: out.path.outerPort, bytes: out.bytes });
      }
      for (let event = server.pollEvent(); event !== undefined; event = server.pollEvent()) {
        if (event.type === "up") up += 1;
      }
    };
    if (advance) server.advance(this.now);
    drain();
    for (const { port, bytes } of packets) {
      // Spread over many addresses, as on a LAN: set-ups are rate-limited by address.
      const address = `10.1.${port % 250}.2`;
      server.receive(this.now, { via: "udp", address, outerPort: port, local: "" }, bytes);
      drain();
    }
    const { user, system } = process.cpuUsage(begun);
    this.serverMicros += user + system;
    return [answers, up];
  }

  #fromClients(): Packet[] {
    const packets: Packet[] = [];
    for (const [port, client] of this.#clients) {
      for (let out = client.pollTransmit(); out !== undefined; out = client.pollTransmit()) {
        packets.push({ port, bytes: out.bytes });
      }
      while (client.pollEvent() !== undefined);
    }
    return packets;
  }

  #endpoint(localPort: number, settings: SctpSettings): SctpEndpoint {
    return createSctpEndpoint({ localPort, settings, random: systemRandom, now: this.now });
  }
}

interface Packet {
  /** The client's. */
  readonly port: number;
  readonly bytes: Uint8Array;
}

title(`SCTP endpoint core, ${COUNT} associations at one server (no sockets, virtual clock)`);
for (const warm of [false, true]) {
  const star = new Star();
  const up = star.associate();
  if (up !== COUNT) throw new Error(`${up} of ${COUNT} associations came up`);
  const setUp = star.serverMicros;
  star.serverMicros = 0;
  for (let passed = 0; passed < IDLE_SECONDS * 1_000; passed += STEP_MILLIS) star.step();
  const idle = star.serverMicros / 1e6 / IDLE_SECONDS;
  const full = heap();
  star.server = undefined;
  const perAssociation = (full - heap()) / COUNT;
  // The first round pays for compilation.
  if (!warm) continue;
  line("set-up, server's CPU", `${(setUp / COUNT / 1_000).toFixed(3)} ms`, "prototype: 0.27 ms with sockets");
  const remark = `of a core at a ${DEFAULT_SCTP_SETTINGS.heartbeatMillis / 1_000} s heartbeat`;
  line(`idle, server's CPU`, `${(idle * 100).toFixed(2)} %`, remark);
  line("heap an association", `${(perAssociation / 1_024).toFixed(2)} KiB`, "prototype: 2.2 KiB");
}
