import { userInfo } from "node:os";
import { escapeText } from "../base/text.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import type { WhenTaken } from "../chat/settings.ts";
import { makeArchivePlace } from "../io/archive-path.ts";
import type { RegistryPlace } from "../io/chat-hello.ts";
import { ChatShell } from "../io/chat-shell.ts";
import { systemClock } from "../io/clock.ts";
import { usableLinks } from "../io/interfaces.ts";
import { dataDirectory, Profile } from "../io/profile.ts";
import { systemRandom } from "../io/random.ts";
import { createSctpEndpoint, WATCHED_SCTP_SETTINGS } from "../sctp/index.ts";
import { MemoryArchive } from "../store/archive-memory.ts";
import { type OpenedArchive, openArchive } from "../store/sqlite-archive.ts";
import { runPlain } from "../tui/line-plain.ts";
import type { ScriptContext } from "../tui/scripts.ts";
import type { SearchContext } from "../tui/wording.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import type { NamedHost } from "./chat-arguments.ts";

/** The options of multiproto-chat that all its commands share. */
export interface ChatOptions {
  readonly nick?: Nickname;
  readonly registry?: readonly NamedHost[];
  readonly interface?: string;
  readonly port: number;
  readonly encapsulationPort: number;
  readonly dataDir?: string;
  readonly legacy: boolean;
  /** The line interface, in a terminal too. */
  readonly plain?: boolean;
}

/** People: in a terminal with editing, else the same commands line by line. */
export async function converse(options: ChatOptions): Promise<number> {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  return withShell(options, isTerminal ? "ask" : whenTaken(options), async (shell, context, archive) => {
    const common = { session: shell, clock: systemClock, context };
    if (!isTerminal) return runPlain({ ...common, input: process.stdin, output: process.stdout });
    // Faces are loaded here: scripts do without what draws them.
    const { historyPath } = await import("../tui/line-history.ts");
    const hasColor = (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
    const terminal = { input: process.stdin, output: process.stdout, hasColor };
    const face = { ...common, ...terminal, historyPath: historyPath(process.env) };
    if (options.plain === true || process.env.TERM === "dumb") {
      const { LineFace } = await import("../tui/line-face.ts");
      return new LineFace(face).run();
    }
    const { runScreen } = await import("../tui/screen-face.ts");
    return runScreen({ ...face, archive });
  });
}

/** Scripts: one thing to do. */
export function runWith(
  options: ChatOptions,
  run: (context: ScriptContext) => Promise<number>,
): Promise<number> {
  const streams = { output: process.stdout, errors: process.stderr };
  return withShell(options, whenTaken(options), (shell, search) =>
    run({ session: shell, clock: systemClock, search, ...streams }),
  );
}

/** Without a name of one's own choice any free one will do. */
function whenTaken(options: ChatOptions): WhenTaken {
  return options.nick === undefined ? "suggestion" : "end";
}

async function withShell(
  options: ChatOptions,
  taken: WhenTaken,
  use: (shell: ChatShell, context: SearchContext, archive: ArchiveReader) => Promise<number>,
): Promise<number> {
  const profile = Profile.open(dataDirectory(process.env, options.dataDir));
  const { identity, slot } = await profile.takeIdentity();
  const { archive, troubles } = archiveOf(options, slot.number);
  try {
    const registry = place(options);
    const shell = await ChatShell.open({
      settings: {
        nickname: options.nick ?? loginName(),
        whenTaken: taken,
        legacy: options.legacy,
        hosts: registry.type === "hosts" ? registry.registries.map(({ typed }) => typed) : [],
      },
      registry,
      interfaces: interfaces(options),
      registryPort: options.port,
      encapsulationPort: options.encapsulationPort,
      identity,
      pins: profile.pins,
      archive,
      clock: systemClock,
      random: systemRandom,
      createEndpoint,
    });
    leaveOnSignals(shell);
    try {
      for (const text of troubles) process.stderr.write(`multiproto-chat: ${escapeText(text)}\n`);
      return await use(shell, { place: placeText(registry) }, archive);
    } finally {
      await shell.close();
    }
  } finally {
    archive.close();
    slot.release();
  }
}

/** The first program of a user keeps what is said; what others beside it send is their own. */
function archiveOf(options: ChatOptions, slot: number): OpenedArchive {
  const { wall } = systemClock;
  if (slot > 1) return { archive: new MemoryArchive({ wall }), troubles: [] };
  return openArchive({ path: makeArchivePlace(process.env, options.dataDir), clock: systemClock });
}

function createEndpoint(localPort: number) {
  const now = systemClock.now();
  return createSctpEndpoint({ localPort, settings: WATCHED_SCTP_SETTINGS, random: systemRandom, now });
}

function interfaces(options: ChatOptions): readonly string[] {
  return options.interface === undefined ? [] : [options.interface];
}

function place(options: ChatOptions): RegistryPlace {
  const { registry = [], port } = options;
  if (registry.length === 0)
    return { type: "multicast", port, links: () => usableLinks(interfaces(options)) };
  return { type: "hosts", registries: registry.map((named) => ({ ...named, port: named.port ?? port })) };
}

function placeText(registry: RegistryPlace): string {
  if (registry.type === "hosts") {
    const hosts = registry.registries.map(({ host, port }) => {
      const shown = escapeText(host, 256);
      return shown.includes(":") ? `[${shown}]:${port}` : `${shown}:${port}`;
    });
    return `at ${hosts.join(", ")}`;
  }
  const names = registry.links().map(({ name }) => name);
  return `by multicast on ${names.join(", ") || "no interface"} (port ${registry.port})`;
}

/** A second signal ends at once. */
function leaveOnSignals(shell: ChatShell): void {
  const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, code] of Object.entries(signals)) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(code));
      process.exitCode = code;
      shell.leave();
    });
  }
}

/** The login name, made a valid nickname. */
function loginName(): Nickname {
  for (const candidate of [userInfo().username, userInfo().username.replace(/[^\w.-]/g, ""), "somebody"]) {
    const parsed = parseNickname(candidate.slice(0, 32));
    if (parsed.ok) return parsed.nickname;
  }
  throw new Error("unreachable: the last candidate is valid");
}
