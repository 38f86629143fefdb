import type { Registry } from "./registry.ts";
import { Terminal } from "./terminal.ts";

/** People at terminals, each with files of their own. */
export class People {
  readonly #registry: Registry;
  readonly #terminals: Terminal[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** In the line interface. */
  chat(nick: string, columns = 80, rows = 24): Promise<Terminal> {
    return this.#open(this.#registry.client(nick, "--plain", "--nick", nick), columns, rows);
  }

  /** On the full screen. */
  screen(
    nick: string,
    columns = 80,
    rows = 24,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Terminal> {
    const client = this.#registry.client(nick, "--nick", nick);
    return this.#open({ ...client, environment: { ...client.environment, ...environment } }, columns, rows);
  }

  run(command: Parameters<typeof Terminal.run>[0], columns = 80, rows = 24): Promise<Terminal> {
    return this.#open(command, columns, rows);
  }

  async #open(command: Parameters<typeof Terminal.run>[0], columns: number, rows: number): Promise<Terminal> {
    const terminal = await Terminal.run(command, { columns, rows });
    this.#terminals.push(terminal);
    return terminal;
  }

  async leave(...those: readonly Terminal[]): Promise<void> {
    for (const terminal of those) {
      await terminal.keys("C-e", "C-u", "C-d");
      await terminal.shows("ended with 0");
      await terminal.dispose();
    }
  }

  async dispose(): Promise<void> {
    for (const terminal of this.#terminals) await terminal.dispose();
  }
}
