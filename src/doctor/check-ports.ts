import type { Finding } from "./finding.ts";
import { isGroup, type SocketRow } from "./proc.ts";

/** Who holds a port that the registry needs. */
export interface PortEvidence {
  readonly transport: "UDP" | "TCP";
  readonly port: number;
  /** As in "discovery". */
  readonly purpose: string;
  /** All sockets of the transport. */
  readonly sockets: readonly SocketRow[];
  /** Processes by the inode of their socket, as far as this user may see them. */
  readonly holders: ReadonlyMap<string, ProcessName>;
}

export interface ProcessName {
  readonly pid: number;
  readonly name: string;
}

/** A registry that runs: its process, and whether it says that it has the port. */
export interface PortOwner {
  readonly pid: number;
  /** Undefined: it is not ready yet, or could not be asked. */
  readonly saysBound: boolean | undefined;
}

/** Sockets that are told. */
const MAX_SHOWN = 8;

/** `owner`: undefined where no registry runs, "unknown" where that could not be seen. */
export function judgePort(evidence: PortEvidence, owner: PortOwner | "unknown" | undefined): Finding {
  const { transport, port, purpose } = evidence;
  const place = `${transport} ${port} (${purpose})`;
  const taken = evidence.sockets.filter((row) => row.port === port && row.listens && !isGroup(row.address));
  const look = `${transport === "UDP" ? "ss -lunp" : "ss -ltnp"} 'sport = :${port}'`;
  if (owner === "unknown")
    return unseen(
      place,
      taken.length === 0 ? "no socket is bound to it" : seenText(taken, evidence.holders),
      look,
    );
  if (taken.length === 0) return nobody(place, owner, look);
  const seen = seenText(taken, evidence.holders);
  const others = othersOf(taken, evidence.holders, owner);
  const hidden = taken.filter(({ inode }) => !evidence.holders.has(inode));
  if (others.length > 0) return held(place, others, seen, owner);
  if (owner === undefined)
    return {
      check: "ports",
      level: "problem",
      finding: `${place} is held by another program, so the registry cannot start`,
      evidence: seen,
      fix: `as root, see who it is: ${look}; stop it or choose another port in multiproto.toml`,
    };
  if (hidden.length === taken.length && owner.saysBound !== true) return unseen(place, seen, look);
  return drops(place, taken, seen);
}

function unseen(place: string, evidence: string, look: string): Finding {
  return {
    check: "ports",
    level: "unknown",
    finding: `whether the registry has ${place} could not be seen`,
    evidence,
    fix: `run this as root, or: ${look}`,
  };
}

function nobody(place: string, owner: PortOwner | undefined, look: string): Finding {
  if (owner === undefined)
    return {
      check: "ports",
      level: "ok",
      finding: `${place} is free`,
      evidence: "no socket is bound to it",
      fix: null,
    };
  const says =
    owner.saysBound === true ? "the registry says that it has it" : "the registry has not bound it";
  return {
    check: "ports",
    level: "problem",
    finding: `nobody listens on ${place}`,
    evidence: `no socket is bound to it in this network namespace; ${says}`,
    fix: `multiprotoctl restart, then look again: ${look}; where the registry runs in a container, run this there`,
  };
}

function held(
  place: string,
  others: readonly ProcessName[],
  seen: string,
  owner: PortOwner | undefined,
): Finding {
  const who = others.map(({ name, pid }) => `${name} (pid ${pid})`).join(", ");
  const consequence =
    owner === undefined ? "the registry cannot start" : "the registry does not get all of it";
  return {
    check: "ports",
    level: "problem",
    finding: `${place} is held by ${who}, so ${consequence}`,
    evidence: seen,
    fix: `stop it (kill ${others[0]?.pid ?? "PID"}), or choose another port in multiproto.toml`,
  };
}

/** What the kernel dropped because the registry did not read in time. */
function drops(place: string, taken: readonly SocketRow[], seen: string): Finding {
  const dropped = taken.reduce((sum, row) => sum + row.drops, 0);
  if (dropped === 0)
    return { check: "ports", level: "ok", finding: `${place} is the registry's`, evidence: seen, fix: null };
  return {
    check: "ports",
    level: "note",
    finding: `${place} is the registry's; ${dropped} datagrams found its buffer full since it was opened`,
    evidence: seen,
    fix: "if the number grows: raise the kernel's limit (sysctl -w net.core.rmem_max=4194304), then restart the registry",
  };
}

/** A client on this machine that listens to the group beside the registry has a group's address, and is none of these. */
function othersOf(
  taken: readonly SocketRow[],
  holders: ReadonlyMap<string, ProcessName>,
  owner: PortOwner | undefined,
): readonly ProcessName[] {
  const found = new Map<number, ProcessName>();
  for (const { inode } of taken) {
    const holder = holders.get(inode);
    if (holder !== undefined && holder.pid !== owner?.pid) found.set(holder.pid, holder);
  }
  return [...found.values()];
}

function seenText(taken: readonly SocketRow[], holders: ReadonlyMap<string, ProcessName>): string {
  const each = taken.map(({ address, port, inode, uid }) => {
    const holder = holders.get(inode);
    const who = holder === undefined ? `a process of user ${uid}` : `${holder.name} (pid ${holder.pid})`;
    return `${address.includes(":") ? `[${address}]` : address}:${port} by ${who}`;
  });
  return [...new Set(each)].slice(0, MAX_SHOWN).join(", ");
}
