import { randomUUID } from "node:crypto";
import { must, run, until } from "../lab/command.ts";

/** A terminal of tmux that a test types into and looks at. */
export class Terminal {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** Runs a command; after its end the screen shows "ended with CODE". */
  static async run(
    command: { argv: readonly string[]; environment: Readonly<Record<string, string>> },
    size: { columns: number; rows: number },
  ): Promise<Terminal> {
    const terminal = new Terminal(`multiproto-${randomUUID()}`);
    const variables = Object.entries(command.environment).map(([name, value]) => `${name}=${quote(value)}`);
    const line = `${variables.join(" ")} ${command.argv.map(quote).join(" ")}; echo "ended with $?"; exec sleep 60`;
    const dimensions = ["-x", `${size.columns}`, "-y", `${size.rows}`];
    await must([...terminal.#tmux, "-f", "/dev/null", "new-session", "-d", ...dimensions, line], {
      environment: { LC_ALL: "C.UTF-8" },
    });
    return terminal;
  }

  get #tmux(): readonly string[] {
    return ["tmux", "-u", "-L", this.#socket];
  }

  /** Keys as tmux names them ("Enter", "C-c", "Up"). */
  async keys(...keys: readonly string[]): Promise<void> {
    await must([...this.#tmux, "send-keys", ...keys]);
  }

  async type(text: string): Promise<void> {
    await must([...this.#tmux, "send-keys", "-l", text]);
  }

  /** As a terminal pastes: marked, if the program asked for that. */
  async paste(text: string): Promise<void> {
    await must([...this.#tmux, "load-buffer", "-"], { input: text });
    await must([...this.#tmux, "paste-buffer", "-p"]);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await must([...this.#tmux, "resize-window", "-x", `${columns}`, "-y", `${rows}`]);
  }

  /** What a person sees: the rows without trailing blanks, without empty rows at the end. */
  async screen(): Promise<string> {
    return (await must([...this.#tmux, "capture-pane", "-p"])).trimEnd();
  }

  /** From now on all that the program writes goes to that file as well. */
  async record(path: string): Promise<void> {
    await must([...this.#tmux, "pipe-pane", "-o", `exec cat >> ${quote(path)}`]);
  }

  /** With colours and weights, as escape sequences. */
  async painted(): Promise<string> {
    return must([...this.#tmux, "capture-pane", "-p", "-e"]);
  }

  /** With what scrolled out above. */
  async everything(): Promise<string> {
    return (await must([...this.#tmux, "capture-pane", "-p", "-J", "-S", "-"])).trimEnd();
  }

  /** "column,row" of the cursor. */
  async cursor(): Promise<string> {
    return (await must([...this.#tmux, "display-message", "-p", "#{cursor_x},#{cursor_y}"])).trim();
  }

  /** Waits until the screen shows it: a pattern as it stands there, a text however it is broken into rows. */
  async shows(what: RegExp | string, timeoutMillis = 30_000): Promise<string> {
    return this.#seen(what, () => this.screen(), timeoutMillis);
  }

  /** The same, of what has scrolled out above as well. */
  async hasShown(what: RegExp | string, timeoutMillis = 30_000): Promise<string> {
    return this.#seen(what, () => this.everything(), timeoutMillis);
  }

  async #seen(what: RegExp | string, see: () => Promise<string>, timeoutMillis: number): Promise<string> {
    let last = "";
    const look = async (): Promise<string | undefined> => {
      last = await see();
      const isThere = typeof what === "string" ? squeezed(last).includes(squeezed(what)) : what.test(last);
      return isThere ? last : undefined;
    };
    try {
      return await until(`the screen shows ${what}`, look, timeoutMillis);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}; it shows:\n${last}`);
    }
  }

  async dispose(): Promise<void> {
    await run([...this.#tmux, "kill-server"]);
  }
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, " ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
