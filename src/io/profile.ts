import { realpathSync, type Stats, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { sha256 } from "../base/hash.ts";
import { escapeText } from "../base/text.ts";
import type { Identity } from "./identity.ts";
import { openIdentity } from "./identity-file.ts";
import { type HeldSlot, holdSlot } from "./identity-slot.ts";
import { PinFile } from "./pin-file.ts";
import { makePrivateDirectory } from "./private-file.ts";

const OTHERS_WRITE = 0o022;

/** The longest that a socket's path may be: sockaddr_un.sun_path with its closing zero (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;

/** Where a user's key and pins are: `identity.pem` and `trusted-keys.N`. */
export class Profile {
  readonly directory: string;
  readonly pins: PinFile;
  readonly #status: Stats;

  private constructor(directory: string, status: Stats) {
    this.directory = directory;
    this.#status = status;
    this.pins = new PinFile(join(directory, "trusted-keys"));
  }

  /**
   * The profile in `directory`, which is made when it is missing. Errors: {@link SystemError} when it cannot be made, or
   * is open to others.
   */
  static open(directory: string): Profile {
    const path = escapeText(directory);
    try {
      makePrivateDirectory(directory);
    } catch (error) {
      const why = `Cannot make the data directory ${path}: ${errorText(error)} (choose another one: --data-dir)`;
      throw new SystemError(why, errorCode(error), { cause: error });
    }
    const status = statSync(directory);
    if (!status.isDirectory()) throw unusable(path, "ENOTDIR", `it is a file (see: ls -ld ${path})`);
    const user = process.geteuid?.() ?? status.uid;
    if (status.uid !== user)
      throw unusable(path, "EOWNER", `it belongs to user ${status.uid}, not to user ${user}, who runs this`);
    if ((status.mode & OTHERS_WRITE) !== 0)
      throw unusable(path, "EMODE", `other users may write there (if nobody has: chmod go-w ${path})`);
    return new Profile(directory, status);
  }

  /**
   * The right to be the program that uses the identity, which is made when there is none; undefined when another program
   * does.
   */
  async takeIdentity(): Promise<{ readonly identity: Identity; readonly slot: HeldSlot } | undefined> {
    const slot = await holdSlot(this.#status);
    if (slot === undefined) return undefined;
    try {
      return { slot, identity: await this.identity() };
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  /** Made when there is none. */
  identity(): Promise<Identity> {
    return openIdentity(join(this.directory, "identity.pem"));
  }

  /**
   * Where the program that holds the presence of this directory listens: in `$XDG_RUNTIME_DIR/multiproto`, which is made
   * when it is missing, or in the data directory where there is none of ours.
   */
  presenceSocket(environment: Environment): string {
    const place = Buffer.from(sha256(Buffer.from(realpathSync(this.directory)))).toString("hex", 0, 8);
    const runtime = environment.XDG_RUNTIME_DIR ?? "";
    const directory = join(runtime, "multiproto");
    const path = join(directory, `chat-${place}.sock`);
    const fits = isAbsolute(runtime) && Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
    return fits && isOurs(directory) ? path : join(this.directory, "chat.sock");
  }
}

/** Whether the directory is the user's alone; makes it. */
function isOurs(directory: string): boolean {
  try {
    makePrivateDirectory(directory);
    const status = statSync(directory);
    return status.uid === process.geteuid?.() && (status.mode & OTHERS_WRITE) === 0;
  } catch {
    // Another user's, as after `sudo`, or none at all.
    return false;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_CONFIG_HOME/multiproto/chat.toml`, by default in `~/.config`. */
export function configurationFile(environment: Environment): string {
  const home = environment.XDG_CONFIG_HOME ?? "";
  return join(isAbsolute(home) ? home : join(homedir(), ".config"), "multiproto", "chat.toml");
}

/** `$XDG_DATA_HOME/multiproto` (XDG Base Directory Specification), its part for a profile, or what the user chose instead. */
export function dataDirectory(environment: Environment, chosen?: string, profile?: string): string {
  if (chosen !== undefined) return resolve(chosen);
  const data = environment.XDG_DATA_HOME ?? "";
  const all = join(isAbsolute(data) ? data : join(homedir(), ".local", "share"), "multiproto");
  return profile === undefined ? all : join(all, "profiles", profile);
}

function unusable(path: string, code: string, why: string): SystemError {
  return new SystemError(`Cannot use the data directory ${path}: ${why}`, code);
}
