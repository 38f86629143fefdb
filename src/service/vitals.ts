import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import type { Clock, Millis } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { openDescriptors } from "../io/descriptors.ts";
import type { Strain } from "../registry/settings.ts";
import { ClockWatch } from "./clock-watch.ts";
import { Lull } from "./lull.ts";
import { Pressure, type Readings, type Use } from "./pressure.ts";
import { type GiveBack, openGiveBack } from "./spare-memory.ts";
import { askSystemctl } from "./systemctl.ts";

/** "look": a flood of joins takes some 20 MiB in this time, a hundredth of what the unit allows. */
const LOOK_MILLIS: Millis = 1_000;
/** "ask": an admin may have changed what the unit allows (systemctl set-property). */
const ASK_MILLIS: Millis = 30_000;
/** systemd may be busy with a start of the whole machine; the limit of before holds until it answers. */
const ANSWER_MILLIS: Millis = 10_000;

export interface VitalsOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** The service that this process is, if it is one: systemd knows its limits, which its sandbox hides. */
  readonly unit: string | undefined;
  /** How many clients have come or gone since the start. */
  readonly turnover: () => number;
  /** Told after each look. */
  readonly limit: (strain: Strain | undefined) => void;
}

/** Looks every second whether the registry has the memory, the open files and the time that it needs. */
export class Vitals {
  readonly #options: VitalsOptions;
  readonly #pressure = new Pressure();
  readonly #clocks = new ClockWatch();
  readonly #lull = new Lull();
  /** Until it is known how, nothing is given back. */
  #giveBack: GiveBack = () => undefined;
  #timers: readonly NodeJS.Timeout[] = [];
  /** What was read last stands in where there is no descriptor left to read with. */
  #resident: number | undefined;
  #memoryLimit: number | undefined;
  #descriptorLimit: number | undefined;

  constructor(options: VitalsOptions) {
    this.#options = options;
  }

  begin(): void {
    void this.#ask();
    void openGiveBack().then((giveBack) => {
      this.#giveBack = giveBack;
    });
    this.#look();
    this.#timers = [
      setInterval(() => this.#look(), LOOK_MILLIS),
      setInterval(() => void this.#ask(), ASK_MILLIS),
    ];
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  #look(): void {
    const { clock, log, limit, turnover } = this.#options;
    const now = clock.now();
    for (const entry of this.#clocks.look(now, clock.wall(), LOOK_MILLIS)) log.write(entry);
    const { strain, collect, told } = this.#pressure.look(now, this.#readings());
    for (const entry of told) log.write(entry);
    const isOver = this.#lull.look(now, turnover());
    if (collect || isOver) this.#giveBack();
    limit(strain);
  }

  #readings(): Readings {
    this.#descriptorLimit = descriptorLimit() ?? this.#descriptorLimit;
    this.#resident = residentBytes() ?? this.#resident;
    const memory = useOf(this.#resident, this.#memoryLimit);
    return { memory, descriptors: useOf(openDescriptors(), this.#descriptorLimit) };
  }

  async #ask(): Promise<void> {
    const { unit } = this.#options;
    if (unit === undefined) {
      // What a container or a shell's cgroup allows. Without one it is the machine's, or a number beyond all memory.
      const constrained = process.constrainedMemory();
      this.#memoryLimit = constrained > 0 && constrained < totalmem() ? constrained : undefined;
      return;
    }
    const args = ["show", unit, "--property=MemoryMax,MemoryHigh,EffectiveMemoryMax"];
    const told = await askSystemctl(args, ANSWER_MILLIS);
    if (told !== undefined) this.#memoryLimit = memoryLimitOf(told);
  }
}

function useOf(used: number | undefined, limit: number | undefined): Use | undefined {
  return used === undefined || limit === undefined ? undefined : { used, limit };
}

/** The smallest limit in the lines of `systemctl show`, bytes; undefined where all are "infinity". */
export function memoryLimitOf(text: string): number | undefined {
  const limits = [...text.matchAll(/^(?:Effective)?Memory(?:Max|High)=(\d{1,15})$/gm)].map(([, bytes]) =>
    Number(bytes),
  );
  const known = limits.filter((bytes) => bytes > 0);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** What of this process is in memory; undefined where there is no descriptor to look with. */
function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

/** proc(5), /proc/self/limits: "Max open files   SOFT   HARD   files". */
function descriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
