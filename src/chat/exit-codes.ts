/** What multiproto-chat ends with; documented in docs/chat.md. */
export const EXIT = {
  /** Done; for `send`: the peer confirmed. */
  ok: 0,
  failure: 1,
  usage: 2,
  /** Nobody of that name, also not within `--wait`. */
  unknownName: 5,
  /** There, but it did not work out within `--wait`. */
  timeout: 6,
  nameTaken: 7,
  /** The peer refused or did not confirm. */
  notConfirmed: 8,
  registryNotFound: 9,
  /** Another key than the pinned one, of the peer or of the registry: perhaps an attack. */
  keyChanged: 10,
  /** `send`: kept for somebody who is offline, and sent when they are back. */
  queued: 11,
  /** `status`, `quit`: no program holds the presence. */
  notRunning: 12,
  /** `doctor`: something does not work. */
  foundProblems: 13,
  /** The registry's admin removed or banned us, or another program came with our key: trying again is no good. */
  removed: 14,
} as const;
