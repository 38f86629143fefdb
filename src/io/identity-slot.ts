import { createServer, type Server } from "node:net";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { sha256 } from "../base/hash.ts";

/** Being the one program that holds the presence of a data directory, and what gives that back. So does the end of the process, however it ends. */
export interface HeldSlot {
  release(): void;
}

/**
 * Holds the slot of `directory`; undefined when another program does. What holds it is an abstract Unix socket (unix(7)),
 * which the kernel removes with the process: no lock file outlives a killed program. The name is of the directory's
 * inode, so that all ways to write its path are one. Not seen are programs with the same directory on another machine or
 * in another network namespace: they have the same key, and the registry keeps the newest.
 */
export async function holdSlot(directory: {
  readonly dev: number;
  readonly ino: number;
}): Promise<HeldSlot | undefined> {
  const server = await listenAbstract(slotName(directory));
  return server === undefined ? undefined : { release: () => server.close() };
}

function slotName({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  const place = Buffer.from(sha256(Buffer.from(`${process.geteuid?.() ?? 0} ${dev} ${ino}`)));
  // The number is from when each program beside another one had a slot of its own: such a one is seen by this.
  return `\0multiproto-chat ${place.toString("hex", 0, 8)} 1`;
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
