import type { Millis, UnixMillis } from "../../src/base/clock.ts";
import { SeededRandom } from "../sctp/random.ts";
import { Network } from "./network.ts";
import { Schedule } from "./schedule.ts";
import { Streams } from "./streams.ts";

export const MP2_GROUP = { address: "239.255.77.80", port: 10_001 } as const;
export const SCTP_PORT = 10_001;
export const ENCAPSULATION_PORT = 9_899;

const UNIX_ORIGIN: UnixMillis = 1_764_000_000_000;

/** What all nodes of a run share: one clock, one network, one source of chance. */
export class World {
  readonly random: SeededRandom;
  readonly schedule = new Schedule();
  readonly network: Network;
  readonly streams: Streams;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.network = new Network(this.schedule, this.random);
    this.streams = new Streams(this.schedule, this.network, this.random);
  }

  get now(): Millis {
    return this.schedule.now;
  }

  readonly unixAt = (at: Millis): UnixMillis => UNIX_ORIGIN + Math.round(at);
}
