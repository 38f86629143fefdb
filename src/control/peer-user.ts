import type { Socket } from "node:net";
import { IS_LITTLE, viewOf } from "../base/c-memory.ts";

/** Who is at the other end of a Unix socket: a user id; undefined where it cannot be told. */
export type PeerUser = (socket: Socket) => number | undefined;

/** socket(7) and unix(7), on Linux. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid, four bytes each. */
const UCRED_BYTES = 12;
const UID_AT = 4;

/**
 * By SO_PEERCRED, which the kernel keeps from the moment of connect(2), so nobody can claim to be another. Node offers no
 * way to it but calling getsockopt(2) of its own C library, by `node:ffi` of Node 26; without that nothing is told.
 */
export async function peerUsers(): Promise<PeerUser> {
  try {
    const { dlopen } = await import("node:ffi");
    const { functions } = dlopen(null, {
      getsockopt: { arguments: ["i32", "i32", "i32", "buffer", "buffer"], return: "i32" },
    });
    return (socket) => {
      const descriptor = descriptorOf(socket);
      if (descriptor === undefined) return undefined;
      const [credentials, length] = [Buffer.alloc(UCRED_BYTES), Buffer.alloc(4)];
      const [view, size] = [viewOf(credentials), viewOf(length)];
      size.setUint32(0, UCRED_BYTES, IS_LITTLE);
      const failed = functions.getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0;
      const isWhole = size.getUint32(0, IS_LITTLE) === UCRED_BYTES;
      return failed || !isWhole ? undefined : view.getUint32(UID_AT, IS_LITTLE);
    };
  } catch {
    return () => undefined;
  }
}

/** Not documented, and the only way that Node offers to it. */
function descriptorOf(socket: Socket): number | undefined {
  const { fd } = (socket as unknown as { readonly _handle?: { readonly fd?: unknown } })._handle ?? {};
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}
