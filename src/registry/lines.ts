import type { LogEntry, LogFields, LogLevel } from "../base/log.ts";
import { durationText } from "../base/text.ts";
import type { Entry, OfflineReason } from "../roster/roster.ts";
import type { InitPressure } from "../sctp/api.ts";
import type { IgnoredReason, Source } from "./discovery.ts";
import type { Mp2DialFault } from "./mp2/dial-backs.ts";
import type { Neighbour } from "./mp2/neighbours.ts";
import type { DialFailure } from "./registration.ts";
import type { TlsFailure } from "./settings.ts";

/**
 * The registry's log lines whose wording depends on a reason. A warning is something that a person must look at; what
 * the network can cause at will carries a `limit`.
 */

type Line = readonly [LogLevel, string];

const NO_DESCRIPTORS: Line = [
  "error",
  "cannot be called back: this process or machine has too many open files (see LimitNOFILE= of the unit); it is tried again when the client asks again",
];

export function line(level: LogLevel, text: string, fields: LogFields = {}, limit?: string): LogEntry {
  return { level, text, fields, ...(limit === undefined ? {} : { limit }) };
}

/** "10.0.0.5:51234". */
export function where(source: Source): string {
  return `${source.address}:${source.port}`;
}

export function ignoredLine(source: Source, bytes: number, reason: IgnoredReason): LogEntry {
  const reasons: Readonly<Record<IgnoredReason, Line>> = {
    "not-a-hello": ["info", "it is not a discovery message"],
    "too-many": ["warn", "too many datagrams"],
    "bad-source": ["info", "nobody can be called back at that address and port"],
    "legacy-off": ["info", "clients of mp1 are switched off (legacy = false)"],
    "not-for-us": ["debug", "it is not meant for registries"],
    malformed: ["info", "it is no message of mp2"],
    "other-registry": ["info", "it is for another registry"],
    "bad-cookie": ["info", "its cookie is too old, used, or not ours (is somebody forging addresses?)"],
  };
  const [level, text] = reasons[reason];
  return line(
    level,
    `Ignored a datagram from ${where(source)}: ${text}`,
    { bytes, reason },
    `datagram-${reason}`,
  );
}

export function failedDialLine(
  { address, port }: Source,
  why: DialFailure,
  nicknameMillis: number,
): LogEntry {
  const reasons: Readonly<Record<DialFailure, Line>> = {
    refused: ["info", `refuses TCP ${port} (gone again?)`],
    unreachable: ["warn", `cannot be reached on TCP ${port} (does a firewall there drop it?)`],
    "no-nickname": ["info", `sent no nickname within ${durationText(nicknameMillis)}`],
    "hung-up": ["info", "hung up before it sent a nickname"],
    "no-descriptors": NO_DESCRIPTORS,
  };
  const [level, text] = reasons[why];
  return line(level, `${address} asked to join, but ${text}`, { address, port }, `dial-${why}`);
}

export function failedTlsLine({ address, port }: Source, why: TlsFailure | Mp2DialFault): LogEntry {
  const reasons: Readonly<Record<TlsFailure | Mp2DialFault, Line>> = {
    refused: ["info", `refuses TCP ${port} (gone again?)`],
    timeout: ["warn", `cannot be reached on TCP ${port} (does a firewall there drop it?)`],
    unreachable: ["warn", `cannot be reached on TCP ${port}: no way there`],
    tls: ["warn", `speaks no TLS with us on TCP ${port}`],
    "hung-up": ["info", "hung up before it registered"],
    silent: ["info", "did not register in time"],
    "bad-frame": ["warn", "sent no frame of mp2"],
    "no-descriptors": NO_DESCRIPTORS,
  };
  const [level, text] = reasons[why];
  return line(level, `${address} asked to join, but ${text}`, { address, port }, `tls-${why}`);
}

export function offlineLine(entry: Entry, reason: OfflineReason, detail: string): LogEntry {
  const reasons: Readonly<Record<OfflineReason, Line>> = {
    left: ["info", "left"],
    lost: ["info", `lost${detail === "" ? "" : ` (${detail})`}`],
    superseded: ["info", "registered again with the same key"],
    kicked: ["info", "kicked by the admin"],
    "registry-restart-expired": ["info", "did not come back after the registry's restart"],
    "never-attached": [
      "warn",
      `its SCTP association never came up (is ${entry.client === "original" ? "IP protocol 132" : "UDP encapsulation"} blocked?)`,
    ],
  };
  const [level, text] = reasons[reason];
  return line(level, `${entry.nickname} offline: ${text}`, { address: entry.key, reason });
}

/** `port`: of SCTP over UDP. */
export function floodLine({ share, perSecond }: InitPressure, port: number): LogEntry {
  if (share === 1) return line("info", "The flood of SCTP INITs is over", {}, "init-flood-over");
  const text = `A flood of SCTP INITs from many addresses; few of them are looked at, who is online stays, newcomers get in slowly (who sends them: tcpdump -n udp port ${port} or ip proto 132)`;
  return line("warn", text, { "inits-per-second": Math.round(perSecond) }, "init-flood");
}

/** Another registry is heard for the first time. */
export function neighbourLine({ address, fingerprint, realm, isTwin }: Neighbour): LogEntry {
  const text = isTwin
    ? `Another registry at ${address} has this one's key, so clients are torn to and fro between the two; stop one of them, and if both shall run, remove identity.pem from the state directory of the copy`
    : `Another registry is on this network, at ${address}: people at one do not see those at the other; stop one of them (there: multiprotoctl stop), or have people choose (multiproto-chat --registry HOST)`;
  return line("warn", text, { address, fingerprint, realm }, "other-registry");
}

export function neighbourGoneLine({ address, fingerprint, realm }: Neighbour, how: string): LogEntry {
  const text = `The other registry at ${address} is gone: ${how}`;
  return line("info", text, { address, fingerprint, realm }, "other-registry-gone");
}
