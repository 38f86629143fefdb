import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { MAX_HISTORY } from "./line-editor.ts";

/** XDG Base Directory Specification: state that is kept, but is neither data nor configuration. */
export function historyPath(environment: Readonly<Record<string, string | undefined>>, profile = ""): string {
  const state = environment.XDG_STATE_HOME;
  const base = state?.startsWith("/") === true ? state : join(homedir(), ".local", "state");
  return join(base, "multiproto", profile, "chat-history");
}

/**
 * What was typed, kept from one session to the next, readable by its owner alone. It is a convenience: where it cannot
 * be read or written, the chat goes on without it.
 */
export class HistoryFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The last lines, oldest first; cuts the file down to them. */
  load(): readonly string[] {
    try {
      const lines = readFileSync(this.#path, "utf8").split("\n").filter(Boolean);
      const kept = lines.slice(-MAX_HISTORY);
      if (kept.length < lines.length) this.#write(`${kept.join("\n")}\n`);
      return kept;
    } catch {
      return [];
    }
  }

  add(line: string): void {
    if (line.trim() === "") return;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
    } catch {
      // See above.
    }
  }

  #write(text: string): void {
    try {
      writeFileSync(this.#path, text, { mode: 0o600 });
    } catch {
      // See above.
    }
  }
}
