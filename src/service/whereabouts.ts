import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { ChatSession } from "../chat/session.ts";
import type { PresenceSettings } from "../chat/settings.ts";
import { closeFound, type FinderOptions, type Found, type Holding, PlaceFinder } from "./presence-place.ts";
import { type PresenceCommands, RemoteCommands } from "./remote-commands.ts";

/** Before others take over: the confirmation of what came just now goes out, and whoever leaves for the same reason leaves. */
const HANDOVER_MILLIS: Millis = 100;

/**
 * Where the presence is, seen from here:
 *
 *     attached ── holder gone ──> seeking ── slot was free ──> holding
 *        ^                           │
 *        └────── another was faster ─┘
 *
 * "ended" is reached from everywhere: by leaving, by the end of the presence, or when it cannot be had.
 */
type Place = Found | { readonly type: "seeking" } | { readonly type: "ended" };

export interface WhereaboutsOptions extends Omit<FinderOptions, "settings" | "onClosed"> {
  /** For when this program is the first. */
  readonly settings: PresenceSettings;
  /** The holder could not do what it was asked. */
  readonly onTrouble: (text: string) => void;
  /** The holder that we were attached to has ended; what it showed can be seen for the last time. */
  readonly onLost: () => void;
  /** There is a holder, this program or another one; the first as well. */
  readonly onFound: (found: Found) => void;
  /** There is one again, after {@link onFound}; not told to who leaves. */
  readonly onMoved: (found: Found) => void;
  /** By {@link Whereabouts.leave}, with the presence left to others; to be closed now. */
  readonly onLeft: () => void;
  /** There is none, and none can be had; to be closed now. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Which program holds the presence, and what goes with that: who takes commands, and what it shows. Apart from
 * {@link Presence}, which is the same for its user wherever this says that it is. All transitions stand here.
 */
export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  readonly #finder: PlaceFinder;
  #place: Place = { type: "seeking" };
  #commands: PresenceCommands | undefined;
  #settings: PresenceSettings;
  #fingerprint = "" as Fingerprint;
  #isLeaving = false;
  #closing: Promise<void> | undefined;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#finder = new PlaceFinder({
      ...options,
      settings: () => this.#settings,
      onClosed: () => this.#lookAtLink(),
    });
  }

  /** Finds the first holder. Errors: as {@link PlaceFinder.find}. */
  async open(): Promise<void> {
    this.#arrive(await this.#finder.find());
    this.#lookAtLink();
  }

  /** Undefined where another program holds the presence, or none. */
  get held(): Holding | undefined {
    return this.#place.type === "holding" ? this.#place : undefined;
  }

  /** What the holder shows; undefined while there is none. */
  get view(): Pick<ChatSession, "snapshot" | "pins" | "files"> | undefined {
    if (this.#place.type === "holding") return this.#place.shell;
    return this.#place.type === "attached" ? this.#place.link : undefined;
  }

  /** Of the holder; undefined while there is none. */
  get commands(): PresenceCommands | undefined {
    return this.#commands;
  }

  /** Of the presence, whoever began it. */
  get settings(): PresenceSettings {
    return this.#settings;
  }

  /** Of the user's key. */
  get fingerprint(): Fingerprint {
    return this.#fingerprint;
  }

  get isEnded(): boolean {
    return this.#place.type === "ended";
  }

  /** Ends this program's part, now or a moment later. Where nobody else is attached the presence ends, by its shell. */
  leave(): void {
    if (this.#isLeaving || this.isEnded) return;
    this.#isLeaving = true;
    const others = this.held?.server.attached ?? 0;
    if (others > 0) setTimeout(() => this.#leaveNow(), HANDOVER_MILLIS);
    else this.#leaveNow();
  }

  #leaveNow(): void {
    if (this.isEnded) return;
    const { held } = this;
    if (held === undefined || held.server.attached > 0) {
      this.#options.onLeft();
      return;
    }
    // Whoever comes now finds nobody, and waits for the key.
    void held.server.close();
    held.shell.leave();
  }

  /** Closes everything at once. Whoever is attached takes the presence over. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const place = this.#place;
    this.#place = { type: "ended" };
    this.#commands = undefined;
    if (place.type === "attached" || place.type === "holding") await closeFound(place);
  }

  #arrive(found: Found): void {
    this.#place = found;
    if (found.type === "holding") {
      this.#commands = found.shell;
      this.#fingerprint = found.shell.fingerprint;
    } else {
      this.#commands = new RemoteCommands(found.link, this.#options.onTrouble);
      this.#settings = found.link.report.settings;
      this.#fingerprint = found.link.report.fingerprint;
    }
    this.#options.onFound(found);
  }

  /** It may have ended before we came to use it. */
  #lookAtLink(): void {
    const why = this.#place.type === "attached" ? this.#place.link.endedBy : undefined;
    if (why?.reason === "protocol") this.#options.onFailed(why);
    else if (why !== undefined) void this.#takeOver();
  }

  /** The holder has ended: one of those who were attached goes on in its place. */
  async #takeOver(): Promise<void> {
    const { nickname, onLost, onMoved, onFailed } = this.#options;
    onLost();
    this.#settings = { ...this.#settings, nickname: nickname(), whenTaken: "suggestion" };
    this.#place = { type: "seeking" };
    this.#commands = undefined;
    try {
      const found = await this.#finder.find();
      if (!this.#isSeeking()) {
        await closeFound(found);
        return;
      }
      this.#arrive(found);
      // What was missed may have been all that a script waited for.
      if (!this.#isLeaving) onMoved(found);
      this.#lookAtLink();
    } catch (error) {
      if (this.#isSeeking()) onFailed(error);
    }
  }

  /** Left meanwhile? */
  #isSeeking(): boolean {
    return this.#place.type === "seeking";
  }
}
