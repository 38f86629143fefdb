/** Several processes of mp2 clients, told from here; and what a process of ours has cost so far (proc(5)). */
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RegistryPlace } from "../support/mp1-client.ts";
import { type Owner, within } from "../support/until.ts";
import type { SwarmAnswer, SwarmCommand } from "./mp2-swarm.ts";

const SWARM = fileURLToPath(new URL("mp2-swarm.ts", import.meta.url));
const PATIENCE_MILLIS = 180_000;

/** Where one client listens. */
export interface Ear {
  readonly address: string;
  readonly port: number;
}

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
  readonly ears: Ear[] = [];

  private constructor(swarms: readonly ChildProcess[]) {
    this.#swarms = swarms;
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
    const swarms = new Mp2Swarms(children);
    for (const answer of await swarms.tell({ do: "open", count: Math.ceil(count / processes) })) {
      for (const address of answer.addresses) swarms.ears.push({ address, port: answer.port });
    }
    return swarms;
  }

  get size(): number {
    return this.ears.length;
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
