import fc, { type Arbitrary } from "fast-check";
import type { Announcement } from "../../src/wire/mp2-announcement.ts";
import { CHAT } from "../../src/wire/mp2-chat.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { FILE_STREAM, type FileHash, type OfferedName, parseOfferedName } from "../../src/wire/mp2-files.ts";
import { PRESENCE_TO_CLIENT, PRESENCE_TO_REGISTRY } from "../../src/wire/mp2-presence.ts";
import { REGISTRATION_TO_CLIENT, REGISTRATION_TO_REGISTRY } from "../../src/wire/mp2-registration.ts";
import type { Change, RosterEntry } from "../../src/wire/mp2-roster.ts";
import type { Family } from "../../src/wire/mp2-schema.ts";
import {
  type Address,
  type Capability,
  type Epoch,
  type Fingerprint,
  type MessageId,
  type MessageText,
  type Nonce,
  type Notice,
  parseAddress,
  parseMessageText,
  parseNotice,
  parseRealm,
  parseRoomName,
  parseStatusText,
  type Realm,
  type RoomName,
  type RunId,
  type SessionId,
  type StatusText,
  sortedRooms,
} from "../../src/wire/mp2-values.ts";
import { foldNickname, type Nickname, parseNickname } from "../../src/wire/nickname.ts";

/** Arbitrary values of every mp2 message, within its bounds and often at them. */

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = <T extends string>(length: number): Arbitrary<T> =>
  bytes(length).map((value) => Buffer.from(value).toString("hex") as T);

/** Lines as people write them, and some that are as long as can be. */
function line<T extends string>(most: number, parse: (text: string) => T | undefined): Arbitrary<T> {
  const unit = fc.constantFrom(..."aZ9-~é東ß", "😀", "👩‍💻", "❤️", "e\u0302");
  const some = fc.array(unit, { minLength: 1, maxLength: Math.min(most, 20) }).map((all) => all.join(""));
  return fc
    .oneof({ weight: 9, arbitrary: some }, fc.constantFrom("x".repeat(most), "😀".repeat(most)))
    .map((text) => parse(text.normalize("NFC")))
    .filter((text) => text !== undefined);
}

const nickname: Arbitrary<Nickname> = line(32, (text) => {
  const parsed = parseNickname(text);
  return parsed.ok ? parsed.nickname : undefined;
});
const realm: Arbitrary<Realm> = line(64, parseRealm);
const status: Arbitrary<StatusText> = line(128, parseStatusText);
const notice: Arbitrary<Notice> = line(256, parseNotice);
const room: Arbitrary<RoomName> = line(32, (text) => parseRoomName(foldNickname(text)));
const rooms: Arbitrary<readonly RoomName[]> = fc
  .array(room, { minLength: 1, maxLength: 16 })
  .map(sortedRooms);
const messageText: Arbitrary<MessageText> = fc
  .oneof(
    { weight: 9, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 60 }) },
    fc.constantFrom("x".repeat(16_384), "😀".repeat(4_096), "\ufeffx", "\x1b[2J\r\n\0"),
  )
  .map(parseMessageText)
  .filter((text) => text !== undefined);
const address: Arbitrary<Address> = fc
  .oneof(
    fc.ipV4(),
    fc.constantFrom("::1", "fe80::1", "2001:db8::1", "2001:db8:1:2:3:4:5:6", "2001:db8::1:0:0:1"),
  )
  .map(parseAddress)
  .filter((text) => text !== undefined);

const fingerprint = hex<Fingerprint>(32);
const epoch = hex<Epoch>(8);
const run = hex<RunId>(8);
const messageId = hex<MessageId>(16);
const session = hex<SessionId>(16);
const nonce = bytes(16) as Arbitrary<Nonce>;
const cookie = fc.uint8Array({ minLength: 16, maxLength: 64 });
const seq = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constantFrom(0, 23, 24, 65_535, 2 ** 32, 2 ** 53 - 1));
const time = fc.oneof(fc.nat(), fc.constantFrom(0, 1_764_000_000_000, 8_640_000_000_000_000));
const millis = fc.integer({ min: 0, max: 86_400_000 });
const clientPort = fc.integer({ min: 1_024, max: 65_534 });
const port = fc.integer({ min: 1, max: 65_535 });
const capabilities: Arbitrary<ReadonlySet<Capability>> = fc
  .subarray<Capability>(["rooms", "files"])
  .map((all) => new Set(all));

/** A record whose `optional` fields may be absent. */
function shape<R extends object, O extends object = object>(
  required: { [K in keyof R]: Arbitrary<R[K]> },
  optional: { [K in keyof O]: Arbitrary<O[K]> } = {} as { [K in keyof O]: Arbitrary<O[K]> },
): Arbitrary<R & Partial<O>> {
  const keys = Object.keys(required) as (keyof R)[];
  return fc.record({ ...required, ...optional } as never, {
    requiredKeys: keys as never,
    noNullPrototype: true,
  }) as unknown as Arbitrary<R & Partial<O>>;
}

const is = <T extends string>(type: T): Arbitrary<T> => fc.constant(type);

const standing = fc.oneof(
  shape({ state: fc.constantFrom("online", "away", "suspect"), lastSeen: time }, { status }),
  shape(
    {
      state: is("offline"),
      lastSeen: time,
      reason: fc.constantFrom("left", "lost", "superseded", "kicked", "registry-restart-expired"),
    },
    { status },
  ),
);

export const entry = fc
  .tuple(
    standing,
    fc.oneof(
      shape({ kind: is("mp2"), fingerprint }, { session, rooms }),
      shape({ kind: fc.constantFrom("mp1-own", "mp1-original"), fingerprint: fc.constant(null) }),
    ),
    shape({ nick: nickname, address, port: clientPort }),
  )
  .map(([one, two, three]) => ({ ...one, ...two, ...three })) as Arbitrary<RosterEntry>;

const change: Arbitrary<Change> = fc.oneof(
  shape({ type: is("put"), entry }),
  shape({ type: is("remove"), nick: nickname }),
);

const hello = shape({ type: is("hello"), nonce });
const cookieMessage = shape({ type: is("cookie"), nonce, fingerprint, cookie });
const opaque = fc.uint8Array({ minLength: 16, maxLength: 192 });
const resume = shape({ ticket: opaque, share: bytes(32), mac: bytes(32) });
export const join = shape({ type: is("join"), nonce, fingerprint, cookie }, { resume });
const resumed = shape({
  type: is("resumed"),
  cookie,
  share: bytes(32),
  facts: fc.uint8Array({ minLength: 1, maxLength: 128 }),
  mac: bytes(32),
});
const blocked = shape({
  type: is("blocked"),
  cookie,
  port: clientPort,
  reason: fc.constantFrom("refused", "timeout", "unreachable", "tls", "other"),
});

export const announcement: Arbitrary<Announcement> = fc.oneof(
  shape({ type: is("beacon"), epoch, seq, sent: time, realm }, { run }),
  shape(
    { type: is("bye"), epoch, seq, sent: time, reason: fc.constantFrom("restart", "stop", "other") },
    { backIn: millis },
  ),
) as Arbitrary<Announcement>;

const challenge = shape({ type: is("challenge"), realm, epoch, nonce, capabilities });
const register = shape(
  { type: is("register"), nick: nickname, capabilities, away: fc.boolean() },
  { status, rooms },
);
const registered = shape(
  {
    type: is("registered"),
    session,
    epoch,
    seq,
    time,
    sctpPort: port,
    rawIp: fc.constant(true),
    heartbeat: fc.integer({ min: 100, max: 3_600_000 }),
    lostAfter: fc.integer({ min: 100, max: 3_600_000 }),
  },
  { encapsulationPort: port, run },
);
const refused = shape(
  {
    type: is("refused"),
    code: fc.constantFrom(
      "nick-taken",
      "nick-invalid",
      "registry-full",
      "banned",
      "too-many",
      "unsupported",
      "stopping",
      "storage",
      "other",
    ),
    text: notice,
  },
  { holder: shape({}, { fingerprint, address }), suggestion: nickname, retryIn: millis },
);
const page = fc
  .tuple(
    fc.uniqueArray(fc.nat(65_535), { minLength: 2, maxLength: 2 }),
    fc.array(entry, { maxLength: 8 }),
    epoch,
    seq,
  )
  .map(([numbers, entries, of, at]) => {
    const [index = 0, count = 0] = numbers.sort((a, b) => a - b);
    return { type: "page" as const, epoch: of, seq: at, index, count, entries };
  });
const delta = fc
  .tuple(epoch, fc.integer({ min: 8, max: 2 ** 53 - 1 }), fc.array(change, { minLength: 1, maxLength: 8 }))
  .map(([of, at, changes]) => ({ type: "delta" as const, epoch: of, seq: at, changes }));
const changes = shape({ type: is("changes"), epoch, seq });
const pages = shape({ type: is("pages"), epoch, seq, from: fc.nat(65_535) });
const roster = shape({ type: is("roster") });

const attach = shape({ type: is("attach"), session, epoch, seq });
const ticket = shape({ bytes: opaque, life: millis });
const attached = shape({ type: is("attached"), epoch, seq, time }, { ticket });
const statusMessage = shape({ type: is("status"), away: fc.boolean() }, { status, rooms });
const leave = shape({ type: is("leave") });
const ended = shape(
  {
    type: is("ended"),
    reason: fc.constantFrom("kicked", "banned", "superseded", "expired", "restart", "stop", "other"),
  },
  { text: notice, backIn: millis },
);

const greeting = shape({ type: is("greeting"), nick: nickname, capabilities });
const msg = shape({ type: is("msg"), id: messageId, time, text: messageText }, { room, reply: messageId });
const ack = shape({
  type: is("ack"),
  ids: fc.array(messageId, { minLength: 1, maxLength: 256 }),
  state: fc.constantFrom("delivered", "read"),
});
const typing = shape({ type: is("typing"), active: fc.boolean() });
const token = fc.integer({ min: 0, max: 0xffff_ffff });
const ping = shape({ type: is("ping"), token });
const pong = shape({ type: is("pong"), token });
const close = shape(
  {
    type: is("close"),
    reason: fc.constantFrom(
      "duplicate",
      "untrusted",
      "unknown",
      "busy",
      "leaving",
      "protocol",
      "quota",
      "other",
    ),
  },
  { text: notice },
);

const fileSize = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const offeredName = fc
  .string({ unit: "binary", minLength: 1, maxLength: 60 })
  .map((name) => parseOfferedName(name) ?? ("a" as OfferedName));
const files = [
  shape({ type: is("fileOffer"), id: messageId, name: offeredName, size: fileSize, time }),
  shape({ type: is("filePending"), id: messageId }),
  shape({ type: is("fileAccept"), id: messageId, offset: fileSize }),
  shape({
    type: is("fileRefuse"),
    id: messageId,
    reason: fc.constantFrom("declined", "busy", "corrupt", "storage", "other"),
  }),
  shape({ type: is("filePause"), id: messageId }),
  shape({
    type: is("fileCancel"),
    id: messageId,
    reason: fc.constantFrom("cancelled", "changed", "unreadable", "unknown", "other"),
  }),
  shape({ type: is("fileDone"), id: messageId }),
];
const fileData = shape({ type: is("fileData"), id: messageId, offset: fileSize });
const fileEnd = shape({ type: is("fileEnd"), sha256: fingerprint.map((hex) => hex as string as FileHash) });

export interface FamilyUnderTest {
  readonly name: string;
  readonly family: Pick<Family<unknown>, "limit" | "decode"> & { encode(value: never): Uint8Array };
  readonly messages: readonly Arbitrary<{ readonly type: string }>[];
}

export const FAMILIES: readonly FamilyUnderTest[] = [
  { name: "discovery, to the registry", family: DISCOVERY_TO_REGISTRY, messages: [hello, join] },
  {
    name: "discovery, to the client",
    family: DISCOVERY_TO_CLIENT,
    messages: [cookieMessage, blocked, resumed],
  },
  { name: "registration, to the registry", family: REGISTRATION_TO_REGISTRY, messages: [register] },
  {
    name: "registration, to the client",
    family: REGISTRATION_TO_CLIENT,
    messages: [challenge, registered, refused, page],
  },
  {
    name: "presence, to the registry",
    family: PRESENCE_TO_REGISTRY,
    messages: [attach, changes, pages, roster, statusMessage, leave],
  },
  {
    name: "presence, to the client",
    family: PRESENCE_TO_CLIENT,
    messages: [attached, delta, page, ended],
  },
  { name: "chat", family: CHAT, messages: [greeting, msg, ack, typing, ping, pong, close, ...files] },
  { name: "a file's connection", family: FILE_STREAM, messages: [fileData, fileEnd] },
];
