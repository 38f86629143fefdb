/** Several processes of mp2 clients, told from here; and what a process of ours has cost so far (proc(5)). */
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RegistryPlace } from "../support/mp1-client.ts";
import type { Place } from "../support/multiprotod.ts";
import { prepareCrowd, type Stranger } from "../support/prepared-crowd.ts";
import { type Owner, within } from "../support/until.ts";
import type { SwarmAnswer, SwarmCommand } from "./mp2-swarm.ts";

const SWARM = fileURLToPath(new URL("mp2-swarm.ts", import.meta.url));
const PATIENCE_MILLIS = 180_000;

/** Where one client listens. */
export type Ear = Pick<Stranger, "address" | "port">;

/** A program that answers each message with one; `Answer` is its word for it. */
export async function answerOf<Answer>(child: ChildProcess, command: object | undefined): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const died = (code: number | null, signal: string | null): void =>
    reject(new Error(`a process of the benchmark died: ${code ?? signal}`));
  child.once("message", resolve);
  child.once("exit", died);
  try {
    if (command !== undefined) child.send(command);
    return (await within("a process of the benchmark", promise, PATIENCE_MILLIS)) as Answer;
  } finally {
    child.off("message", resolve);
    child.off("exit", died);
  }
}

export class Mp2Swarms {
  readonly #swarms: readonly ChildProcess[];
  /** The clients of each process. */
  readonly #strangers: readonly (readonly Stranger[])[];

  private constructor(swarms: readonly ChildProcess[], strangers: readonly (readonly Stranger[])[]) {
    this.#swarms = swarms;
    this.#strangers = strangers;
  }

  /** So many clients in so many processes, made but not started. */
  static async open(
    owner: Owner,
    registry: RegistryPlace,
    count: number,
    processes: number,
  ): Promise<Mp2Swarms> {
    const { port, encapsulationPort } = registry;
    const children = Array.from({ length: processes }, (_, index) =>
      fork(SWARM, [index, port, encapsulationPort].map(String)),
    );
    for (const child of children) owner.after(() => void child.kill("SIGKILL"));
    await Promise.all(children.map((child) => answerOf(child, undefined)));
    const open: SwarmCommand = { do: "open", count: Math.ceil(count / processes) };
    const answers = await Promise.all(children.map((child) => answerOf<SwarmAnswer>(child, open)));
    return new Mp2Swarms(
      children,
      answers.map(({ strangers }) => strangers),
    );
  }

  get ears(): readonly Ear[] {
    return this.#strangers.flat();
  }

  get size(): number {
    return this.ears.length;
  }

  /**
   * All of them have been online, as the state of the registry says, which must not run. When it starts it waits some
   * seconds for them.
   */
  async prepare(place: Place): Promise<void> {
    const passports = await prepareCrowd(place, this.#strangers.flat());
    let from = 0;
    for (const [index, swarm] of this.#swarms.entries()) {
      const size = this.#strangers[index]?.length ?? 0;
      await answerOf(swarm, { do: "prepare", passports: passports.slice(from, from + size) });
      from += size;
    }
  }

  /** To each process. */
  signal(signal: NodeJS.Signals): void {
    for (const swarm of this.#swarms) swarm.kill(signal);
  }

  /** The answer of each process. */
  tell(command: SwarmCommand): Promise<readonly SwarmAnswer[]> {
    return Promise.all(this.#swarms.map((swarm) => answerOf<SwarmAnswer>(swarm, command)));
  }

  /** About so many more come online, some at once; to stay, or to leave at once. */
  join(count: number, atOnce: number, stay = true): Promise<readonly SwarmAnswer[]> {
    const part = (of: number): number => Math.ceil(of / this.#swarms.length);
    return this.tell({ do: "join", count: part(count), atOnce: part(atOnce), stay });
  }
}

/** When the last of them was done. */
export function lastOf(answers: readonly SwarmAnswer[]): number {
  return Math.max(...answers.map(({ at }) => at));
}

/** User and system, all threads, milliseconds. The clock ticks every 10. */
export function processorMillis(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function residentKibibytes(pid: number): number {
  return Number(/^Rss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}
