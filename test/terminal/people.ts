import type { Registry } from "./registry.ts";
import { Terminal } from "./terminal.ts";

/** People at terminals, each with files of their own. */
export class People {
  readonly #registry: Registry;
  readonly #terminals: Terminal[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async chat(nick: string, columns = 80, rows = 24): Promise<Terminal> {
    const command = this.#registry.client(nick, "--plain", "--nick", nick);
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
