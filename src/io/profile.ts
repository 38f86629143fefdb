import { readdirSync, type Stats, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { Identity } from "./identity.ts";
import { openIdentity, readIdentity } from "./identity-file.ts";
import { type HeldSlot, holdSlot } from "./identity-slot.ts";
import { PinFile } from "./pin-file.ts";
import { makePrivateDirectory } from "./private-file.ts";

const OTHERS_WRITE = 0o022;
const IDENTITY_NAME = /^identity(?:-([1-9][0-9]?))?\.pem$/;

/** An identity file of a profile. */
export interface OwnIdentity {
  /** 1 is the one that others know the user by; the rest are of programs that run beside it. */
  readonly slot: number;
  readonly identity: Identity;
}

/**
 * Where a user's keys and pins are: `identity.pem`, `identity-2.pem`, … (one for each program that runs at one time) and
 * `trusted-keys.N`.
 */
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

  /** An identity that no other running program uses, and the slot that keeps it so. It is made when there is none. */
  async takeIdentity(): Promise<{ readonly identity: Identity; readonly slot: HeldSlot }> {
    const slot = await holdSlot(this.#status);
    try {
      return { slot, identity: await openIdentity(this.#identityPath(slot.number)) };
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  /** The user's first identity, made when there is none, and those of programs beside it, in order. */
  async identities(): Promise<readonly OwnIdentity[]> {
    const first = await openIdentity(this.#identityPath(1));
    const others = readdirSync(this.directory)
      .flatMap((name) => IDENTITY_NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((left, right) => left - right)
      .flatMap((slot) => {
        const identity = readIdentity(this.#identityPath(slot));
        return identity === undefined ? [] : [{ slot, identity }];
      });
    return [{ slot: 1, identity: first }, ...others];
  }

  #identityPath(slot: number): string {
    return join(this.directory, slot === 1 ? "identity.pem" : `identity-${slot}.pem`);
  }
}

/** `$XDG_DATA_HOME/multiproto` (XDG Base Directory Specification), or what the user chose instead. */
export function dataDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  chosen?: string,
): string {
  if (chosen !== undefined) return resolve(chosen);
  const data = environment.XDG_DATA_HOME ?? "";
  return join(isAbsolute(data) ? data : join(homedir(), ".local", "share"), "multiproto");
}

function unusable(path: string, code: string, why: string): SystemError {
  return new SystemError(`Cannot use the data directory ${path}: ${why}`, code);
}
