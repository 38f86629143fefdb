import type { Clock, Millis } from "../base/clock.ts";
import { errorCode, SystemError } from "../base/errors.ts";
import type { Attention } from "../chat/alerts.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import type { SessionNotice } from "../chat/session.ts";
import type { PresenceSettings } from "../chat/settings.ts";
import { PresenceLink } from "../control/chat-client.ts";
import { type HeldSession, PresenceServer } from "../control/chat-server.ts";
import { ConnectionError } from "../control/request-client.ts";
import type { ServedClient } from "../control/request-server.ts";
import type { ChatShell } from "../io/chat-shell.ts";
import type { Identity } from "../io/identity.ts";
import type { HeldSlot } from "../io/identity-slot.ts";
import type { Profile } from "../io/profile.ts";
import type { Nickname } from "../wire/nickname.ts";
import { newestIn } from "./heard.ts";

/** Between two looks for who holds the presence; each is a connect(2) and a bind(2). */
const LOOK_MILLIS: Millis = 25;
/** A holder that starts opens some sockets, and makes a key the first time; one that ends closes them. */
const SETTLE_MILLIS: Millis = 10_000;

/** The shell of a holder, and what closes it with all that it stands on. */
export interface HeldShell {
  readonly shell: ChatShell;
  /** What was said. */
  readonly archive: Pick<ArchiveReader, "page">;
  close(): Promise<void>;
}

export type OpenShell = (
  identity: Identity,
  settings: PresenceSettings,
  profile: Profile,
) => Promise<HeldShell>;

/**
 * Where a presence is: here, or with the program that the link goes to. `told`: the holder does not tell of what is in the
 * archive up to there; undefined where that cannot be known.
 */
export type Found = { readonly told: number | undefined } & FoundPlace;

type FoundPlace =
  | {
      readonly type: "holding";
      readonly shell: ChatShell;
      readonly closeShell: () => Promise<void>;
      readonly server: PresenceServer;
      readonly slot: HeldSlot;
    }
  | { readonly type: "attached"; readonly link: PresenceLink };

/** This program holds the presence. */
export type Holding = Extract<Found, { readonly type: "holding" }>;

export interface FinderOptions {
  readonly profile: Profile;
  readonly socketPath: string;
  readonly version: string;
  readonly clock: Clock;
  readonly openShell: OpenShell;
  /** What programs that attach here are given. */
  readonly session: HeldSession;
  readonly settings: () => PresenceSettings;
  /** As others see us. */
  readonly nickname: () => Nickname;
  /** How far in the archive those who attach here have been told, or have begun. */
  readonly told: () => number | undefined;
  readonly onNotice: (notice: SessionNotice) => void;
  /** What an attached program has on its screen; undefined: it is gone. */
  readonly onAttention: (client: ServedClient, attention: Attention | undefined) => void;
  /** The holder that we are attached to has ended. */
  readonly onClosed: () => void;
}

/** Finds who holds the user's presence, or holds it: the key's slot decides, so there is one holder at a time. */
export class PlaceFinder {
  readonly #options: FinderOptions;

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  /** Attached or holding, whichever can be. */
  async find(): Promise<Found> {
    const { clock, socketPath } = this.#options;
    const until = clock.now() + SETTLE_MILLIS;
    for (;;) {
      const found = (await this.#attach()) ?? (await this.#hold());
      if (found !== undefined) return found;
      if (clock.now() > until) {
        const why = `another multiproto-chat uses your key and cannot be reached at ${socketPath}`;
        throw new SystemError(
          `Cannot share your presence: ${why} (see: ss -lxp | grep multiproto-chat)`,
          "EBUSY",
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
    }
  }

  /** Undefined when nobody listens. */
  async #attach(): Promise<Found | undefined> {
    const { socketPath: path, version, clock, onNotice, onClosed } = this.#options;
    try {
      const link = await PresenceLink.attach({
        ...{ path, version, clock },
        onNotice,
        onClosed,
      });
      return { type: "attached", link, told: link.report.told };
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      // It is about to end, or to begin.
      if (error.reason === "not-running" || error.reason === "closed") return undefined;
      const what = "Cannot share your presence: the program that holds it does not answer";
      throw new SystemError(
        `${what} (${error.message}; find and end it: ss -lxp | grep multiproto-chat)`,
        "EBUSY",
      );
    }
  }

  /** Undefined when another program holds the key, or answers on the socket. */
  async #hold(): Promise<Found | undefined> {
    const { profile, socketPath: path, version, clock, openShell } = this.#options;
    const { session, settings, nickname, told, onNotice, onAttention } = this.#options;
    const taken = await profile.takeIdentity();
    if (taken === undefined) return undefined;
    const { identity, slot } = taken;
    let held: HeldShell | undefined;
    try {
      held = await openShell(identity, settings(), profile);
      const { shell: opened, close: closeShell } = held;
      const server = await PresenceServer.open({
        ...{ path, version, clock, session, pid: process.pid },
        standing: () => opened.snapshot,
        settings: () => ({ ...settings(), nickname: nickname() }),
        ...{ told, onAttention },
        onQuit: () => opened.leave(),
      });
      opened.onNotice(onNotice);
      opened.onChange(() => server.changed());
      const place = { type: "holding", shell: opened, closeShell, server, slot } as const;
      return { ...place, told: newestIn(held.archive) };
    } catch (error) {
      slot.release();
      await held?.close();
      // In another network namespace, where our slot is not seen.
      if (errorCode(error) === "EADDRINUSE" && held !== undefined) return undefined;
      throw error;
    }
  }
}

/** Ends it without leaving: whoever comes next goes on. */
export async function closeFound(found: Found): Promise<void> {
  if (found.type === "attached") {
    found.link.close();
    return;
  }
  const closing = found.closeShell();
  found.slot.release();
  await Promise.all([closing, found.server.close()]);
}
