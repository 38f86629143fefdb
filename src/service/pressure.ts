import type { Millis } from "../base/clock.ts";
import type { LogEntry } from "../base/log.ts";
import type { Strain } from "../registry/settings.ts";

/**
 * Whether the registry has enough of what the system bounds: memory and open files. Where it has not, nobody gets in who
 * is not here yet: who is here needs little more, and the kernel would end it for all. Pure; `vitals.ts` reads and acts.
 */

/** What is in use, and how much there may be; undefined where that cannot be known. Bytes; numbers of files. */
export interface Readings {
  readonly memory: Use | undefined;
  readonly descriptors: Use | undefined;
}

export interface Use {
  readonly used: number;
  readonly limit: number;
}

/** Short from this share of the limit on. What is left is a minute of joins as fast as they can be served. */
const SHORT_OF_MEMORY = 0.85;
/** … until it is below this. Far enough away that one client more or less does not change it back. */
const ENOUGH_MEMORY = 0.75;
/** A collection of garbage stops everything for up to half a second, so it is asked for no more often. */
const COLLECT_MILLIS: Millis = 30_000;
/** All that may be open beside those who are here: dial-backs of both protocols, visitors, control and metrics. */
const SPARE_DESCRIPTORS = 2_048;
/** … where there may be few at all. */
const SPARE_SHARE = 0.25;
/** So many more must be free before newcomers get in again: one connection more or less does not change it back. */
const DISTANCE_DESCRIPTORS = 32;
/** Those who are refused ask again after so long. */
const RETRY_MILLIS: Millis = 30_000;

/** Of memory or of open files. All transitions: {@link Pressure.look}. */
type Supply = "enough" | "short";

export interface Pressed {
  readonly strain: Strain | undefined;
  /** Garbage may be what fills the memory: collect it, then look again. */
  readonly collect: boolean;
  /** What has changed. */
  readonly told: readonly LogEntry[];
}

export class Pressure {
  #memory: Supply = "enough";
  #descriptors: Supply = "enough";
  #collectedAt: Millis | undefined;

  look(now: Millis, { memory, descriptors }: Readings): Pressed {
    const told: LogEntry[] = [];
    const collect = this.#wantsCollection(now, memory);
    const supplies = [this.#memory, this.#descriptors];
    this.#memory = collect && this.#memory === "enough" ? "enough" : memorySupply(this.#memory, memory);
    this.#descriptors = descriptorSupply(this.#descriptors, descriptors);
    if (memory !== undefined && this.#memory !== supplies[0]) told.push(memoryLine(this.#memory, memory));
    if (descriptors !== undefined && this.#descriptors !== supplies[1])
      told.push(descriptorsLine(this.#descriptors, descriptors));
    return { strain: this.#strain(), collect, told };
  }

  #wantsCollection(now: Millis, memory: Use | undefined): boolean {
    if (memory === undefined || memory.used < SHORT_OF_MEMORY * memory.limit) return false;
    if (this.#collectedAt !== undefined && now - this.#collectedAt < COLLECT_MILLIS) return false;
    this.#collectedAt = now;
    return true;
  }

  #strain(): Strain | undefined {
    if (this.#memory === "short")
      return { text: "It is short of memory, and takes nobody new in", retryIn: RETRY_MILLIS };
    if (this.#descriptors === "short")
      return { text: "It has too many open files, and takes nobody new in", retryIn: RETRY_MILLIS };
    return undefined;
  }
}

function memorySupply(before: Supply, use: Use | undefined): Supply {
  if (use === undefined) return "enough";
  const share = use.used / use.limit;
  if (share >= SHORT_OF_MEMORY) return "short";
  return share <= ENOUGH_MEMORY ? "enough" : before;
}

function descriptorSupply(before: Supply, use: Use | undefined): Supply {
  if (use === undefined) return "enough";
  const left = use.limit - use.used;
  const spare = spareDescriptors(use.limit);
  if (left < spare) return "short";
  return left >= spare + DISTANCE_DESCRIPTORS ? "enough" : before;
}

function spareDescriptors(limit: number): number {
  return Math.min(SPARE_DESCRIPTORS, Math.floor(limit * SPARE_SHARE));
}

function memoryLine(supply: Supply, { used, limit }: Use): LogEntry {
  const fields = { "memory-mib": mebibytes(used), "limit-mib": mebibytes(limit) };
  if (supply === "enough") return { level: "info", text: "Memory is enough again: newcomers get in", fields };
  const text =
    "Short of memory: nobody new gets in, who is here stays, until a quarter of what the unit allows is free again " +
    "(to allow more: systemctl edit multiproto, there [Service] and a larger MemoryMax, then systemctl restart multiproto)";
  return { level: "error", text, fields };
}

function descriptorsLine(supply: Supply, { used, limit }: Use): LogEntry {
  // With none left to look with, how many there are is not known, but it is all.
  const fields = { "open-files": Math.min(used, limit), limit };
  if (supply === "enough")
    return { level: "info", text: "Open files are few enough again: newcomers get in", fields };
  const text =
    "Too many open files: nobody new gets in, who is here stays, until some are closed " +
    "(to allow more: systemctl edit multiproto, there [Service] and a larger LimitNOFILE, then systemctl restart multiproto)";
  return { level: "error", text, fields };
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
