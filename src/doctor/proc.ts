/**
 * The kernel's tables of sockets, modules and processes (proc(5)), as text goes in and typed rows come out. A row that is
 * none is left out; tables of more rows than {@link MAX_ROWS} are cut there.
 */

/** More sockets, modules or routes than a host has that runs a registry beside other things. */
export const MAX_ROWS = 65_536;

export interface SocketRow {
  /** Local address, "0.0.0.0" or "::" for all. */
  readonly address: string;
  readonly port: number;
  /** User id of whoever made it. */
  readonly uid: number;
  readonly inode: string;
  /** Takes connections (TCP); a UDP socket always counts as listening. */
  readonly listens: boolean;
  /** Datagrams that found its buffer full (UDP). */
  readonly drops: number;
}

const TCP_LISTEN = "0A";

/** /proc/net/udp, udp6, tcp, tcp6: "sl local_address rem_address st … uid timeout inode … drops". */
export function parseSocketTable(text: string, transport: "UDP" | "TCP"): readonly SocketRow[] {
  return rowsOf(text).flatMap((columns) => {
    const [, local = "", , state = "", , , , uid = "", , inode = "", , , drops = "0"] = columns;
    const [, hex = "", port = ""] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local) ?? [];
    if (hex === "" || !/^\d{1,10}$/.test(uid) || !/^\d{1,20}$/.test(inode)) return [];
    const row: SocketRow = {
      address: kernelAddress(hex),
      port: Number.parseInt(port, 16),
      uid: Number(uid),
      inode,
      listens: transport === "UDP" || state === TCP_LISTEN,
      drops: transport === "UDP" && /^\d{1,15}$/.test(drops) ? Number(drops) : 0,
    };
    return [row];
  });
}

/** Names of the modules in /proc/modules, with how many hold each: "sctp 434176 4 - Live 0x0…". */
export function parseModules(text: string): ReadonlyMap<string, number> {
  const modules = new Map<string, number>();
  for (const line of text.split("\n", MAX_ROWS)) {
    const [, name = "", users = ""] = /^([\w-]{1,64}) \d{1,12} (\d{1,9}|-) /.exec(line) ?? [];
    if (name !== "") modules.set(name, users === "-" ? 0 : Number(users));
  }
  return modules;
}

/** capabilities(7): bits of a capability set. */
export const CAP_NET_RAW = 13n;

/** Whether the effective set in a /proc/PID/status has the capability; undefined where it does not say. */
export function hasCapability(status: string, capability: bigint): boolean | undefined {
  const hex = /^CapEff:\t([0-9a-f]{16})$/m.exec(status)?.[1];
  return hex === undefined ? undefined : ((BigInt(`0x${hex}`) >> capability) & 1n) === 1n;
}

/** The real user and group id in a /proc/PID/status. */
export function processOwner(status: string): { readonly uid: number; readonly gid: number } | undefined {
  const uid = /^Uid:\t\d+\t(\d{1,10})\t/m.exec(status)?.[1];
  const gid = /^Gid:\t\d+\t(\d{1,10})\t/m.exec(status)?.[1];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** Seconds since boot, those asleep among them: /proc/uptime, "12345.67 …". */
export function parseUptime(text: string): number | undefined {
  const seconds = /^(\d{1,10}\.\d{2}) /.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/** The columns of all lines but the heading. */
export function rowsOf(text: string): readonly (readonly string[])[] {
  return text
    .split("\n", MAX_ROWS)
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first !== "");
}

/** As the kernel prints addresses on amd64 and arm64: 32-bit words, each with its lowest byte first. */
export function kernelAddress(hex: string): string {
  const bytes = [...hex.matchAll(/(..)(..)(..)(..)/g)].flatMap(([, a, b, c, d]) => [d, c, b, a]);
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte ?? "", 16)).join(".");
  return ipv6Text(bytes.join(""));
}

/** 32 hexadecimal digits as RFC 5952 writes them (without the dotted form of mapped addresses). */
function ipv6Text(hex: string): string {
  const groups = [...hex.toLowerCase().matchAll(/..../g)].map(([group]) => group.replace(/^0{1,3}/, ""));
  const text = groups.join(":");
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)].map(([run]) => run);
  const longest = runs.toSorted((one, other) => other.length - one.length)[0];
  if (longest === undefined) return text;
  const at = text.indexOf(longest);
  return `${text.slice(0, at).replace(/:$/, "")}::${text.slice(at + longest.length).replace(/^:/, "")}`;
}

/** 224.0.0.0/4 and ff00::/8: what such a socket holds is a group's port, not the host's. */
export function isGroup(address: string): boolean {
  return /^(22[4-9]|23\d)\./.test(address) || /^ff/i.test(address);
}
