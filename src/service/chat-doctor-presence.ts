import { existsSync } from "node:fs";
import { errorText } from "../base/errors.ts";
import type { ChatSnapshot } from "../chat/notices.ts";
import { askHolder, PresenceLink } from "../control/chat-client.ts";
import { ConnectionError } from "../control/request-client.ts";
import type { Finding } from "../doctor/finding.ts";
import { systemClock } from "../io/clock.ts";
import { fileFacts } from "../io/doctor-files.ts";
import { Profile } from "../io/profile.ts";

/** What a chat of the user's that runs knows of registry and people. */

export interface PresenceFound {
  readonly registry: string | undefined;
  readonly peers: readonly { readonly nickname: string; readonly address: string; readonly port: number }[];
  readonly findings: readonly Finding[];
}

/** What a running chat of the user's knows; nothing is made where there is none. */
export async function presenceOf({
  dataDirectory,
  environment,
  version,
}: {
  readonly dataDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of this program. */
  readonly version: string;
}): Promise<PresenceFound> {
  const nobody = (finding: Finding): PresenceFound => ({
    registry: undefined,
    peers: [],
    findings: [finding],
  });
  const check = "presence";
  const idle: Finding = {
    check,
    level: "note",
    finding: "no chat of yours runs, so people are not tried",
    evidence: `none holds the presence of ${dataDirectory}`,
    fix: "start multiproto-chat beside this to have the people online tried as well",
  };
  if (!existsSync(dataDirectory)) return nobody(idle);
  const owner = ownerOf(dataDirectory);
  if (process.geteuid?.() === 0 && owner !== undefined && owner !== 0)
    return nobody({
      ...idle,
      finding: `people are not tried: the presence is that of user ${owner}, and is asked by no other`,
      fix: "run this once more as that user",
    });
  let path: string;
  try {
    path = Profile.open(dataDirectory).presenceSocket(environment);
  } catch (error) {
    const finding = "the data directory cannot be used";
    return nobody({
      check: "files",
      level: "problem",
      finding,
      evidence: errorText(error),
      fix: "see the text",
    });
  }
  try {
    const link = await PresenceLink.attach({
      ...{ path, version, clock: systemClock },
      onNotice: () => {},
      onClosed: () => {},
    });
    const found = standing(link.snapshot);
    link.close();
    return found;
  } catch (error) {
    if (error instanceof ConnectionError && error.reason === "not-running") return nobody(idle);
    return otherProgram(path, error, nobody);
  }
}

/** One of another version says where it is, and not who is there. */
async function otherProgram(
  path: string,
  cause: unknown,
  nobody: (finding: Finding) => PresenceFound,
): Promise<PresenceFound> {
  const finding = "the chat that runs could not be asked who is online";
  const fix = "end it (multiproto-chat quit) and start it again";
  const warning: Finding = { check: "presence", level: "warning", finding, evidence: errorText(cause), fix };
  try {
    const { registry } = await askHolder(path, "holder");
    return { ...nobody(warning), registry };
  } catch {
    return nobody(warning);
  }
}

function standing({ nickname, registry, registryLostAt, roster }: ChatSnapshot): PresenceFound {
  const check = "presence";
  const others = roster.filter((peer) => peer.online && peer.nickname !== nickname);
  const peers = others.map(({ nickname: name, address, port }) => ({ nickname: name, address, port }));
  const isPresent = registry !== undefined && registryLostAt === undefined;
  const finding: Finding = isPresent
    ? {
        check,
        level: "ok",
        finding: `a chat of yours is online as ${nickname}`,
        evidence: `at ${registry.realm ?? "a registry"} (${registry.address}), ${others.length} others online`,
        fix: null,
      }
    : {
        check,
        level: "warning",
        finding: `a chat of yours runs as ${nickname}, and is not online`,
        evidence: registry === undefined ? "it has found no registry" : `${registry.address} went away`,
        fix: "see discovery, dial-back and sctp",
      };
  return { registry: registry?.address, peers, findings: [finding] };
}

/** Undefined where there is no such directory. */
export function ownerOf(directory: string): number | undefined {
  const facts = fileFacts(directory);
  return facts.known && facts.value !== "missing" ? facts.value.uid : undefined;
}
