import { userInfo } from "node:os";
import type { LogEntry } from "../base/log.ts";
import { escapeText } from "../base/text.ts";
import { type AlertChoice, type Call, DEFAULT_ALERTS } from "../chat/alerts.ts";
import { DEFAULT_ALLOWANCES } from "../chat/allowance.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { AcceptFiles } from "../chat/files/transfer.ts";
import type { ChatSettings, PresenceSettings, WhenTaken } from "../chat/settings.ts";
import { makeArchivePlace } from "../io/archive-path.ts";
import type { RegistryPlace } from "../io/chat-hello.ts";
import { ChatShell } from "../io/chat-shell.ts";
import { systemClock } from "../io/clock.ts";
import { DesktopNotifier } from "../io/desktop-notifier.ts";
import { downloadsPath } from "../io/downloads-path.ts";
import type { Identity } from "../io/identity.ts";
import { usableLinks } from "../io/interfaces.ts";
import { MessageHook } from "../io/message-hook.ts";
import { dataDirectory, Profile } from "../io/profile.ts";
import { systemRandom } from "../io/random.ts";
import { createSctpEndpoint, WATCHED_SCTP_SETTINGS } from "../sctp/index.ts";
import { autoAwayMillis, type NamedHost, retentionMillis, sizeBytes } from "../service/chat-configuration.ts";
import { Presence } from "../service/presence.ts";
import type { HeldShell } from "../service/presence-place.ts";
import { openArchive, openArchiveReader } from "../store/sqlite-archive.ts";
import { runBackground } from "../tui/background.ts";
import { jsonLine } from "../tui/json.ts";
import { runPlain } from "../tui/line-plain.ts";
import { messageReport } from "../tui/reports.ts";
import type { ScriptContext } from "../tui/scripts.ts";
import type { SearchContext } from "../tui/wording.ts";
import { sizeText } from "../tui/wording-files.ts";
import { foldNickname, type Nickname, parseNickname } from "../wire/nickname.ts";

/** Without a setting: who has pressed no key for so long does not see what comes. */
const AUTO_AWAY = "10m";

/** The options of multiproto-chat that all its commands share. */
export interface ChatOptions {
  readonly nick?: Nickname;
  readonly registry?: readonly NamedHost[];
  readonly interface?: string;
  readonly port: number;
  readonly encapsulationPort: number;
  readonly dataDir?: string;
  readonly profile?: string;
  readonly legacy: boolean;
  /** From the configuration: run for each message. */
  readonly onMessage?: readonly string[];
  /** From the configuration: what was said is kept so long, as "90d". */
  readonly retention?: string;
  /** From the configuration: where files go, whose are taken without a question, and up to which size, as "500M". */
  readonly downloads?: string;
  readonly acceptFiles?: AcceptFiles;
  readonly acceptFilesUpTo?: string;
  /** From the configuration: what one peer may have us store in a day. */
  readonly acceptFilesPerDay?: string;
  readonly messagesPerDay?: string;
  /** From the configuration: "10m", "never". */
  readonly autoAway?: string;
  readonly bell?: boolean;
  readonly notify?: AlertChoice;
  readonly background?: boolean;
  /** The line interface, in a terminal too. */
  readonly plain?: boolean;
  /** Of this program. */
  readonly version: string;
}

/** A film, and no disk image: what comes unasked must not fill a disk. */
const DEFAULT_ACCEPT_SIZE = "1G";

/** What of the options the user typed, and so means. */
export type Typed = (option: keyof ChatOptions) => boolean;

/** People: in a terminal with editing, else the same commands line by line. */
export async function converse(options: ChatOptions, isTyped: Typed): Promise<number> {
  // A dumb one (a shell in an editor) shows control sequences instead of following them.
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== "dumb";
  if (options.background === true) return runWith(options, isTyped, inBackground);
  const taken = isTerminal ? "ask" : whenTaken(options);
  return withPresence(options, { taken, isTyped }, async (session, context) => {
    const common = { session, clock: systemClock, context };
    if (!isTerminal) return runPlain({ ...common, input: process.stdin, output: process.stdout });
    // Faces are loaded here: scripts do without what draws them.
    const { historyPath } = await import("../tui/line-history.ts");
    const hasColor = (process.env.NO_COLOR ?? "") === "";
    const terminal = { input: process.stdin, output: process.stdout, hasColor };
    const face = { ...common, ...terminal, historyPath: historyPath(process.env, options.profile) };
    if (options.plain === true) {
      const { LineFace } = await import("../tui/line-face.ts");
      return new LineFace(face).run();
    }
    const { runScreen } = await import("../tui/screen-face.ts");
    const archive = archiveReader(options);
    try {
      return await runScreen({ ...face, archive });
    } finally {
      archive?.close();
    }
  });
}

/** A service of the user, where a service manager runs it. */
async function inBackground(context: ScriptContext): Promise<number> {
  const { ServiceManager } = await import("../service/notify.ts");
  const log = { write: ({ text }: LogEntry): void => void context.errors.write(`${text}\n`) };
  return runBackground(context, new ServiceManager({ notifySocket: process.env.NOTIFY_SOCKET, log }));
}

/** What commands need of the program around them. */
export interface Around {
  readonly options: () => ChatOptions;
  readonly isTyped: Typed;
  /** Takes the exit code. */
  readonly ended: (code: number) => void;
}

/** Runs scripts, each one thing to do with the presence. */
export function scriptRunner({ options, isTyped, ended }: Around) {
  return async (script: Script): Promise<void> => ended(await runWith(options(), isTyped, script));
}

type Script = (context: ScriptContext) => Promise<number>;

function runWith(options: ChatOptions, isTyped: Typed, script: Script): Promise<number> {
  const streams = { output: process.stdout, errors: process.stderr };
  return withPresence(options, { taken: whenTaken(options), isTyped }, (session, search) =>
    script({ session, clock: systemClock, search, ...streams }),
  );
}

/** The profile that the options name, and where its presence listens. */
export function openProfile({ dataDir, profile: name }: Pick<ChatOptions, "dataDir" | "profile">) {
  const profile = Profile.open(dataDirectory(process.env, dataDir, name));
  return { profile, socketPath: profile.presenceSocket(process.env) };
}

/** Without a name of one's own choice any free one will do. */
function whenTaken(options: ChatOptions): WhenTaken {
  return options.nick === undefined ? "suggestion" : "end";
}

async function withPresence(
  options: ChatOptions,
  { taken, isTyped }: { taken: WhenTaken; isTyped: Typed },
  use: (session: Presence, context: SearchContext) => Promise<number>,
): Promise<number> {
  const wanted = settingsOf(options, taken);
  const { onMessage: command } = options;
  const hook = command && new MessageHook({ command, onTrouble: (text) => presence.trouble(text) });
  const desktop = new DesktopNotifier({
    ...{ clock: systemClock, environment: process.env },
    onTrouble: (text) => presence.trouble(text),
  });
  const presence: Presence = await Presence.open({
    ...openProfile(options),
    settings: wanted,
    version: options.version,
    clock: systemClock,
    random: systemRandom,
    openShell: (...held) => openShell(options, ...held),
    onAlert: (call) => desktop.notify(...notificationOf(call)),
    openArchive: () => archiveReader(options),
    onMessage: ({ message, stored }) =>
      hook?.run(`${jsonLine(messageReport(message, stored?.at ?? systemClock.wall()))}\n`),
  });
  try {
    const difference = presence.isHolder ? undefined : differenceOf(presence, wanted, isTyped);
    if (difference !== undefined) {
      process.stderr.write(`multiproto-chat: ${difference.text}\n`);
      return difference.code;
    }
    leaveOnSignals(presence);
    return await use(presence, { place: placeText(presence.settings) });
  } finally {
    await presence.close();
  }
}

/** Title and text, as they came. */
function notificationOf(call: Call): [title: string, body: string] {
  if (call.type === "message") {
    const { from, room, text } = call.message;
    return [room === undefined ? from : `${from} in #${room}`, text];
  }
  const { peer, name, size } = call.transfer;
  return [peer, `offers you a file: ${name} (${sizeText(size)})`];
}

/** What was said, beside whoever writes it; undefined where the disk does not even take an empty archive. */
function archiveReader({ dataDir, profile }: ChatOptions): ArchiveReader | undefined {
  try {
    return openArchiveReader(makeArchivePlace(process.env, dataDir, profile));
  } catch {
    // Whoever holds the presence has told why.
    return undefined;
  }
}

function settingsOf(options: ChatOptions, taken: WhenTaken): PresenceSettings {
  const { nick, registry = [], port, encapsulationPort, legacy, autoAway = AUTO_AWAY } = options;
  const { bell = DEFAULT_ALERTS.bell, notify = DEFAULT_ALERTS.notify } = options;
  return {
    nickname: nick ?? loginName(),
    whenTaken: taken,
    legacy,
    registries: registry.map((named) => ({ ...named, port: named.port ?? port })),
    interfaces: options.interface === undefined ? [] : [options.interface],
    port,
    encapsulationPort,
    autoAwayMillis: autoAwayMillis(autoAway),
    alerts: { bell, notify },
  };
}

/** What the user typed and the presence, which another program began, is not. */
function differenceOf(
  presence: Presence,
  wanted: PresenceSettings,
  isTyped: Typed,
): { readonly text: string; readonly code: number } | undefined {
  const { nickname } = presence.snapshot;
  if (isTyped("nick") && foldNickname(nickname) !== foldNickname(wanted.nickname)) {
    const here = `you are already here as ${escapeText(nickname)}`;
    return { text: `${here} (/nick changes that; another person: --data-dir DIR)`, code: EXIT.nameTaken };
  }
  const of = { registry: "registries", interface: "interfaces", port: "port", legacy: "legacy" } as const;
  for (const [option, setting] of Object.entries(of) as [keyof typeof of, keyof PresenceSettings][]) {
    const isSame = JSON.stringify(wanted[setting]) === JSON.stringify(presence.settings[setting]);
    if (isSame || !isTyped(option)) continue;
    const text = `--${option === "legacy" ? "no-legacy" : option} differs from how you are online already`;
    return { text: `${text} (end that: multiproto-chat quit; or use --data-dir DIR)`, code: EXIT.failure };
  }
  return undefined;
}

async function openShell(
  options: ChatOptions,
  identity: Identity,
  settings: PresenceSettings,
  profile: Profile,
): Promise<HeldShell> {
  const { dataDir, profile: name, retention = "", downloads } = options;
  const { nickname, whenTaken: taken, legacy, registries, interfaces, port, encapsulationPort } = settings;
  const { autoAwayMillis: idle } = settings;
  const path = makeArchivePlace(process.env, dataDir, name);
  const { archive, troubles } = openArchive({ path, clock: systemClock });
  const kept = retentionMillis(retention);
  try {
    for (const text of troubles) process.stderr.write(`multiproto-chat: ${escapeText(text)}\n`);
    const shell = await ChatShell.open({
      settings: {
        ...{ nickname, whenTaken: taken, legacy, hosts: registries.map(({ typed }) => typed) },
        ...(kept !== undefined && { retentionMillis: kept }),
        ...takenOf(options),
        ...(idle !== undefined && { autoAwayMillis: idle }),
      },
      registry: placeOf(settings),
      interfaces,
      registryPort: port,
      encapsulationPort,
      identity,
      pins: profile.pins,
      archive,
      downloads: downloadsPath(process.env, downloads),
      clock: systemClock,
      random: systemRandom,
      createEndpoint,
    });
    return { shell, archive, close: () => shell.close().finally(() => archive.close()) };
  } catch (error) {
    archive.close();
    throw error;
  }
}

/** What is taken of others. */
function takenOf(options: ChatOptions): Pick<ChatSettings, "files" | "allowances"> {
  const { acceptFiles: accept = "ask", acceptFilesUpTo = DEFAULT_ACCEPT_SIZE } = options;
  const { messageBytesPerDay, fileBytesPerDay } = DEFAULT_ALLOWANCES;
  return {
    files: { accept, acceptBytes: sizeBytes(acceptFilesUpTo) ?? 0 },
    allowances: {
      messageBytesPerDay: sizeBytes(options.messagesPerDay ?? "") ?? messageBytesPerDay,
      fileBytesPerDay: sizeBytes(options.acceptFilesPerDay ?? "") ?? fileBytesPerDay,
    },
  };
}

function createEndpoint(localPort: number) {
  const now = systemClock.now();
  return createSctpEndpoint({ localPort, settings: WATCHED_SCTP_SETTINGS, random: systemRandom, now });
}

function placeOf({ registries, interfaces, port }: PresenceSettings): RegistryPlace {
  if (registries.length > 0) return { type: "hosts", registries };
  return { type: "multicast", port, links: () => usableLinks(interfaces) };
}

function placeText(settings: PresenceSettings): string {
  const registry = placeOf(settings);
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
function leaveOnSignals(presence: Presence): void {
  const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, code] of Object.entries(signals)) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(code));
      process.exitCode = code;
      presence.leave();
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
