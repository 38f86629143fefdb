import type { Millis } from "../base/clock.ts";
import type { Rate } from "../base/tokens.ts";

/** Every bound of the chat core and why it is what it is. Its times stand beside the states that they end. */
export const BOUNDS = {
  /** Messages that wait for one peer: more is no conversation. */
  queuedPerPeer: 1_000,
  queued: 10_000,
  /** What was said in rooms, counted for each member that has not confirmed it: 2,000 posts in a room of fifty. */
  unsettledPosts: 100_000,
  /** Changes that a failing disk has not taken: all that can wait, and what may become of it. */
  unstored: 20_000,
  /** Messages of others that a failing disk has not taken, each up to 16 KiB: more are left with their senders. */
  unstoredIncoming: 1_024,
  /** Links with peers, judged or not: TLS takes 512 connections. */
  links: 256,
  /** Those that are not accepted yet, of all peers: each costs a reader and some timers. */
  unacceptedLinks: 64,
  /** Keys that were new and have not written yet. */
  rememberedPeers: 512,
  /** Read marks that wait for one peer. */
  rememberedIds: 256,
  /** Delivered messages whose reading can still be told. */
  readable: 1_024,
  /** Keys that were refused and shown; more are refused without a word. */
  contradictionsTold: 256,
  /** Cookies that are answered in a row, for each hello: more registries than any network has, or a flood. */
  joinsPerHello: 8,
  /** Registries whose dial-back may come. */
  joins: 32,
  /** Joins with a ticket that may still be answered: those of some seconds. */
  resumptions: 4,
  /** Dial-backs of registries at once: the best that answered, and some that only pretend. */
  registrations: 4,
  /** Addresses of registries that are of no use, named to the user: whoever makes up more fills no screen with them. */
  unusableTold: 8,
  /** Keys of registries whose last announcement is remembered. */
  announcers: 64,
  /** mp1 messages that wait to be judged; more are judged by what is known. */
  arrivals: 64,
} as const;

/** Signatures that are verified a second, of keys that we know: each costs some 0.1 ms. */
export const ANNOUNCEMENT_RATE: Rate = { perSecond: 5, burst: 20 };

/** … of keys that we do not know, until the user has been told that there is another registry. */
export const STRANGE_ANNOUNCEMENT_RATE: Rate = { perSecond: 1, burst: 5 };

/** A message waits so long for its peer; whoever is away longer would not make sense of it. */
export const OUTBOX_MILLIS: Millis = 30 * 86_400_000;

/** A message that was given no time of its own is tried for so long: a dead connection is found, and another one tried. */
export const SEND_MILLIS: Millis = 10_000;
