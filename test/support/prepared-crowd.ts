/**
 * The state of a registry that many clients have just been registered at, and what each of them carries to go on there:
 * so a benchmark has thousands online without telling each of the others' joins, which takes the square of their time. Written by the
 * product's own stores; the clients come back by their tickets, as after any restart.
 */
import { join } from "node:path";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { Log } from "../../src/base/log.ts";
import { systemClock } from "../../src/io/clock.ts";
import { openIdentity } from "../../src/io/identity-file.ts";
import { systemRandom } from "../../src/io/random.ts";
import { registryIdentity } from "../../src/io/registry-identity.ts";
import { Tickets } from "../../src/registry/mp2/tickets.ts";
import type { Listed } from "../../src/roster/listed.ts";
import { openState } from "../../src/service/state.ts";
import { RESUMPTION_SECRET_BYTES } from "../../src/wire/mp2-resumption.ts";
import {
  type Address,
  type Epoch,
  SESSION_BYTES,
  type Seq,
  type SessionId,
} from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import type { Place } from "./multiprotod.ts";

/** A client that has keys and a socket, and has never been online. */
export interface Stranger {
  readonly nickname: string;
  readonly fingerprint: Fingerprint;
  readonly address: string;
  readonly port: number;
}

/** By what one goes on, as IPC carries it: bytes in hexadecimal. */
export interface Passport {
  readonly session: SessionId;
  readonly ticket: string;
  readonly secret: string;
  readonly epoch: Epoch;
  readonly seq: Seq;
}

const SILENT: Log = { write: () => {} };

/** Writes it all where the registry of `place` finds it, which must not run. The passports are in the order of `strangers`. */
export async function prepareCrowd(place: Place, strangers: readonly Stranger[]): Promise<Passport[]> {
  const [clock, random, { stateDirectory }] = [systemClock, systemRandom, place];
  const [now, wall] = [clock.now(), clock.wall()];
  const state = await openState({ stateDirectory, bootId: undefined, clock, random, log: SILENT });
  const identity = await openIdentity(join(stateDirectory, "identity.pem"));
  const tickets = new Tickets(random, registryIdentity(identity).sign);
  const { ledger, keeper } = state;
  const { epoch, seq } = ledger;
  const entries: Listed[] = [];
  const passports: Passport[] = [];
  for (const { nickname, fingerprint, address, port } of strangers) {
    const nick = nickname as Nickname;
    const verdict = ledger.bind(nick, fingerprint, wall, now);
    if (verdict.verdict === "refused" || verdict.verdict === "taken")
      throw new Error(`${nickname} is ${verdict.verdict}`);
    const session = Buffer.from(random.bytes(SESSION_BYTES)).toString("hex") as SessionId;
    const secret = random.bytes(RESUMPTION_SECRET_BYTES);
    const { bytes } = tickets.make(wall, { session, fingerprint, secret });
    const where = { address: address as Address, port, kind: "mp2", lastSeen: wall } as const;
    entries.push({ nick, fingerprint, ...where, state: "online", session });
    passports.push({ session, ticket: hex(bytes), secret: hex(secret), epoch, seq });
  }
  ledger.flushAll(now);
  keeper?.begin(now, { epoch, seq, entries: () => entries });
  state.close();
  return passports;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
