/**
 * The numbers of all mp2 message types, key 0 of each message. A number means the same on every channel, so a message
 * of one cannot be taken for one of another. Never given twice: what is dropped stays reserved.
 *
 * 1–15 discovery, 16–23 registration, 24–31 rosters, 32–47 presence, 48–63 chat, 64–79 files. Free: 80–95, meant for
 * rooms.
 */
export const MESSAGE_TYPES = {
  hello: 1,
  cookie: 2,
  join: 3,
  blocked: 4,
  beacon: 5,
  bye: 6,
  resumed: 7,

  challenge: 16,
  register: 17,
  registered: 18,
  refused: 19,

  page: 24,
  delta: 25,
  changes: 26,
  pages: 27,
  roster: 28,

  attach: 32,
  attached: 33,
  status: 34,
  leave: 35,
  ended: 36,

  greeting: 48,
  msg: 49,
  ack: 50,
  typing: 51,
  ping: 52,
  pong: 53,
  close: 54,

  fileOffer: 64,
  filePending: 65,
  fileAccept: 66,
  fileRefuse: 67,
  filePause: 68,
  fileCancel: 69,
  fileDone: 70,
  fileData: 72,
  fileEnd: 73,
} as const;
