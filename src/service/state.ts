import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Random } from "../base/clock.ts";
import { errorText, SystemError } from "../base/errors.ts";
import { fingerprintText } from "../base/fingerprint.ts";
import type { Log } from "../base/log.ts";
import type { Identity } from "../io/identity.ts";
import { openIdentity, readIdentity } from "../io/identity-file.ts";
import type { RegistryState } from "../io/registry-shell.ts";
import { RosterKeeper } from "../roster/keeper.ts";
import { Ledger } from "../roster/ledger.ts";
import { StoreError, type StoreFault } from "../roster/store.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { SqliteRosterStore } from "../store/sqlite-roster.ts";

/** In the state directory: who the registry is. */
const IDENTITY_NAME = "identity.pem";

/** The registry should not start with this state, and trying again does not help. Exit code 79. */
export class StateFault extends SystemError {
  constructor(error: SystemError) {
    super(error.message, error.code, { cause: error });
  }
}

/** Of a database that another program has, or that is not ours to read. Other faults are lived with (ADR 9). */
const NOT_TO_START_WITH: readonly StoreFault[] = ["locked", "newer-schema", "no-access"];

export interface OpenState extends RegistryState {
  /** Writes what is pending and releases the database to the next registry. */
  close(): void;
}

export interface StateOptions {
  readonly stateDirectory: string;
  /** Of this run of the kernel, where the kernel need not be asked; 32 hexadecimal digits. */
  readonly bootId: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The identity and the database in the state directory, made where they are missing. Says in the log what an admin has
 * to know of them. Errors: {@link StateFault}; or a StoreError, when the disk may be better at the next try.
 */
export async function openState(options: StateOptions): Promise<OpenState> {
  const identity = await ownIdentity(options);
  const { stateDirectory, clock, random, log } = options;
  try {
    const { store, log: told } = openSqliteStore({ stateDirectory, clock });
    for (const entry of told) log.write(entry);
    const roster = new SqliteRosterStore({
      stateDirectory,
      bootId: options.bootId ?? bootId(),
      log: (entry) => log.write(entry),
    });
    const left = roster.load();
    const ledger = new Ledger(store, random, clock.now(), left);
    return {
      identity,
      ledger,
      keeper: new RosterKeeper({ store: roster, ledger, left }),
      close: () => {
        ledger.flushAll(clock.now());
        roster.end(clock.wall());
        roster.close();
        store.close();
      },
    };
  } catch (error) {
    throw error instanceof StoreError && NOT_TO_START_WITH.includes(error.fault)
      ? new StateFault(error)
      : error;
  }
}

/**
 * Without its key a registry is another one, whom every client would refuse. So it starts neither with a key of its own
 * making in place of a damaged one, nor with one that it could not keep.
 */
async function ownIdentity({ stateDirectory, log }: StateOptions): Promise<Identity> {
  const path = join(stateDirectory, IDENTITY_NAME);
  try {
    const existing = readIdentity(path);
    if (existing !== undefined) return existing;
    const made = await openIdentity(path);
    const text = `A new identity was made, ${path}: clients see ${fingerprintText(made.fingerprint)}`;
    log.write({ level: "info", text });
    return made;
  } catch (error) {
    if (error instanceof SystemError) throw new StateFault(error);
    throw new Error(`Cannot make an identity: ${errorText(error)}`, { cause: error });
  }
}

/** Of this run of the kernel (random(4)): what was not written to a disk lives as long as that does. */
function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim().replaceAll("-", "");
  } catch {
    return undefined;
  }
}
