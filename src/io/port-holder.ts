import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * Who holds a port, as far as this process may see: root sees everybody, others only their own processes. For the text of
 * an error, so it never throws, and looks at a bounded number of processes.
 */

const MAX_PROCESSES = 20_000;

/** "multiprotod (pid 123)" for whoever is bound to the port on IPv4 or IPv6; undefined when that cannot be told. */
export function portHolder(transport: "UDP" | "TCP", port: number): string | undefined {
  try {
    const wanted = new Set([...boundInodes(transport, port)].map((inode) => `socket:[${inode}]`));
    return wanted.size === 0 ? undefined : processWith(wanted);
  } catch {
    return undefined;
  }
}

/** proc(5), /proc/net/tcp: "sl local_address rem_address st … uid timeout inode"; the port is in hexadecimal. */
function* boundInodes(transport: "UDP" | "TCP", port: number): Generator<string> {
  const name = transport.toLowerCase();
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const TCP_LISTEN = "0A";
  for (const table of [name, `${name}6`]) {
    for (const row of readText(`/proc/net/${table}`).split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = row.trim().split(/\s+/);
      if (local?.endsWith(suffix) !== true || inode === undefined) continue;
      if (transport === "UDP" || state === TCP_LISTEN) yield inode;
    }
  }
}

function processWith(sockets: ReadonlySet<string>): string | undefined {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, MAX_PROCESSES)) {
    if (descriptors(pid).some((target) => sockets.has(target))) {
      return `${programName(pid)} (pid ${pid})`;
    }
  }
  return undefined;
}

/** Processes by the inode of a socket that they hold, for those of `inodes` that this user may see. Never throws. */
export function holdersOf(inodes: ReadonlySet<string>): ReadonlyMap<string, { pid: number; name: string }> {
  const holders = new Map<string, { pid: number; name: string }>();
  try {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    for (const pid of pids.slice(0, MAX_PROCESSES)) {
      for (const target of descriptors(pid)) {
        const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
        if (inode !== undefined && inodes.has(inode) && !holders.has(inode))
          holders.set(inode, { pid: Number(pid), name: programName(pid) });
      }
    }
  } catch {
    // Without /proc nobody is seen.
  }
  return holders;
}

function descriptors(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readLink(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

/** The script that a Node runs says more than "node". */
function programName(pid: string): string {
  const [command = "", ...args] = readText(`/proc/${pid}/cmdline`).split("\0");
  const script = args.find((argument) => !argument.startsWith("-"));
  const name = /(^|\/)node$/.test(command) && script !== undefined ? script : command;
  return name.split("/").at(-1)?.slice(0, 64) || "a process";
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
