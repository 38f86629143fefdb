import { createServer, type Server } from "node:net";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { sha256 } from "../base/hash.ts";

/** A held slot: which one, and what gives it back. The end of the process does so as well, however it ends. */
export interface HeldSlot {
  readonly number: number;
  release(): void;
}

/** Programs of one user at one time; each has a key of its own, since one key has one session. */
const SLOTS = 64;

/**
 * Holds the first free slot of `directory`, from 1 on. What holds it is an abstract Unix socket (unix(7)), which the
 * kernel removes with the process: no lock file outlives a killed program. The name is of the directory's inode, so
 * that all ways to write its path are one. Not seen are programs with the same directory on another machine or in
 * another network namespace: they have the same key, and the registry keeps the newest.
 *
 * Errors: {@link SystemError} "EBUSY" when all are held.
 */
export async function holdSlot(directory: { readonly dev: number; readonly ino: number }): Promise<HeldSlot> {
  for (let number = 1; number <= SLOTS; number += 1) {
    const server = await listenAbstract(slotName(directory, number));
    if (server !== undefined) return { number, release: () => server.close() };
  }
  const why = `${SLOTS} programs of yours run already (see: ss -lx)`;
  throw new SystemError(`Cannot start another multiproto-chat: ${why}`, "EBUSY");
}

function slotName({ dev, ino }: { readonly dev: number; readonly ino: number }, number: number): string {
  const place = Buffer.from(sha256(Buffer.from(`${process.geteuid?.() ?? 0} ${dev} ${ino}`)));
  return `\0multiproto-chat ${place.toString("hex", 0, 8)} ${number}`;
}

/** Undefined when somebody else has that name. Whoever connects is turned away. */
function listenAbstract(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      if (errorCode(error) === "EADDRINUSE") resolve(undefined);
      else
        reject(
          new SystemError(`Cannot hold an identity: ${errorText(error)}`, errorCode(error), { cause: error }),
        );
    });
    server.listen({ path }, () => {
      // Neither keeps the process alive nor ends it.
      server.unref();
      server.on("error", () => {});
      resolve(server);
    });
  });
}
