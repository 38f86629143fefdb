import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import type { Allowances } from "../../src/chat/allowance.ts";
import type { ArchiveStore } from "../../src/chat/archive.ts";
import type { FilesSettings } from "../../src/chat/files/files.ts";
import type { Peer } from "../../src/chat/notices.ts";
import type { SessionNotice } from "../../src/chat/session.ts";
import type { WhenTaken } from "../../src/chat/settings.ts";
import { ChatShell } from "../../src/io/chat-shell.ts";
import { systemClock } from "../../src/io/clock.ts";
import { Profile } from "../../src/io/profile.ts";
import { systemRandom } from "../../src/io/random.ts";
import { WATCHED_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { parseNickname } from "../../src/wire/nickname.ts";
import { type Owner, Watched } from "./until.ts";

export interface ShellPlace {
  readonly nickname: string;
  /** The registry on loopback. */
  readonly port: number;
  readonly encapsulationPort?: number;
  readonly legacy?: boolean;
  readonly whenTaken?: WhenTaken;
  /** Kept from one shell to the next of that nickname: the same key and pins. */
  readonly directory?: string;
  readonly archive?: ArchiveStore;
  readonly files?: FilesSettings;
  readonly allowances?: Allowances;
}

/** A real client shell on loopback, and what it has told so far. */
export class TestShell {
  readonly shell: ChatShell;
  readonly profile: Profile;
  /** Where files go that come. */
  readonly downloads: string;
  readonly notices: SessionNotice[] = [];
  readonly watched: Watched;

  private constructor(shell: ChatShell, profile: Profile, watched: Watched, downloads: string) {
    this.downloads = downloads;
    this.shell = shell;
    this.profile = profile;
    this.watched = watched;
    shell.onNotice((notice) => {
      this.notices.push(notice);
      this.watched.changed();
    });
  }

  /** Bound, not started. */
  static async open(owner: Owner, place: ShellPlace): Promise<TestShell> {
    const parsed = parseNickname(place.nickname);
    if (!parsed.ok) throw new Error(parsed.text);
    const home = join(place.directory ?? scratchDirectory(owner), place.nickname);
    const profile = Profile.open(home);
    const taken = await profile.takeIdentity();
    if (taken === undefined) throw new Error(`another shell holds ${profile.directory}`);
    const { identity, slot } = taken;
    const watched = new Watched();
    const downloads = join(home, "downloads");
    const shell = await ChatShell.open({
      downloads,
      settings: {
        nickname: parsed.nickname,
        whenTaken: place.whenTaken ?? "end",
        legacy: place.legacy ?? true,
        hosts: ["127.0.0.1"],
        ...(place.files !== undefined && { files: place.files }),
        ...(place.allowances !== undefined && { allowances: place.allowances }),
      },
      registry: { type: "hosts", registries: [{ typed: "127.0.0.1", host: "127.0.0.1", port: place.port }] },
      interfaces: [],
      registryPort: place.port,
      encapsulationPort: place.encapsulationPort ?? 9_899,
      identity,
      pins: profile.pins,
      archive: place.archive ?? new MemoryArchive({ wall: systemClock.wall, isLasting: true }),
      clock: watchedClock(watched),
      random: systemRandom,
      createEndpoint: (localPort) =>
        createSctpEndpoint({
          localPort,
          settings: WATCHED_SCTP_SETTINGS,
          random: systemRandom,
          now: systemClock.now(),
        }),
    });
    const made = new TestShell(shell, profile, watched, downloads);
    owner.after(async () => {
      await shell.close();
      slot.release();
    });
    return made;
  }

  /** The first notice of this type that fits. */
  async hears<Type extends SessionNotice["type"]>(
    type: Type,
    fits: (notice: Extract<SessionNotice, { type: Type }>) => boolean = () => true,
    millis?: number,
  ): Promise<Extract<SessionNotice, { type: Type }>> {
    const isIt = (notice: SessionNotice): notice is Extract<SessionNotice, { type: Type }> =>
      notice.type === type && fits(notice as Extract<SessionNotice, { type: Type }>);
    return this.watched.until(`the notice ${type}`, () => this.notices.find(isIt), millis);
  }

  /** Waits until the roster has `nickname` in a way that fits. */
  sees(nickname: string, fits: (peer: Peer) => boolean): Promise<Peer> {
    return this.watched.until(`${nickname} in the roster`, () =>
      this.shell.snapshot.roster.find((peer) => peer.nickname === nickname && fits(peer)),
    );
  }

  /** Starts it and waits until it is online. */
  async online(): Promise<void> {
    this.shell.start();
    await this.hears("online");
  }
}

/** Whatever happens in a shell, it asks for the time: then conditions are looked at again. */
function watchedClock(watched: Watched): Clock {
  let isAsked = false;
  const now = (): number => {
    if (!isAsked) {
      isAsked = true;
      setImmediate(() => {
        isAsked = false;
        watched.changed();
      });
    }
    return systemClock.now();
  };
  return { now, wall: systemClock.wall };
}

export function scratchDirectory(owner: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-shell-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
