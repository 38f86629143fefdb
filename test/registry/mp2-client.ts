import assert from "node:assert/strict";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { sha256 } from "../../src/base/hash.ts";
import { type SealKeys, Seals } from "../../src/base/seal.ts";
import { type X25519Pair, x25519Pair } from "../../src/base/x25519.ts";
import type { DialId } from "../../src/registry/output.ts";
import { Mirror } from "../../src/roster/mirror.ts";
import type { AssociationId } from "../../src/sctp/api.ts";
import {
  type Blocked,
  type Cookie,
  DISCOVERY_TO_CLIENT,
  DISCOVERY_TO_REGISTRY,
  type Join,
  type Resume,
  type Resumed,
} from "../../src/wire/mp2-discovery.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import {
  type Attached,
  type Ended,
  MP2_PPID,
  PRESENCE_TO_CLIENT,
  PRESENCE_TO_REGISTRY,
  STREAMS,
  type Ticket,
} from "../../src/wire/mp2-presence.ts";
import {
  type Challenge,
  REGISTRATION_TO_CLIENT,
  REGISTRATION_TO_REGISTRY,
  REGISTRY_FRAME_BYTES,
  type Refused,
  type Register,
  type Registered,
} from "../../src/wire/mp2-registration.ts";
import {
  joinMac,
  joinTranscript,
  registrationSecret,
  resumedSecrets,
} from "../../src/wire/mp2-resumption.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import type { OutputOf, Scene } from "./mp2-scene.ts";

type ToRegistry = Parameters<typeof PRESENCE_TO_REGISTRY.encode>[0];

/** An mp2 client, as simple as it can be: every step by hand, frames and seals for real. */
export class TestClient {
  readonly scene: Scene;
  nickname: Nickname;
  readonly address: string;
  readonly port: number;
  readonly fingerprint: Fingerprint;
  readonly mirror = new Mirror();
  readonly cookies: Cookie[] = [];
  readonly blocked: Blocked[] = [];
  readonly resumed: Resumed[] = [];
  ticket: Ticket | undefined;
  secret = new Uint8Array(32);
  pair: X25519Pair | undefined;
  readonly dials: DialId[] = [];
  readonly challenges: Challenge[] = [];
  readonly farewells: Ended[] = [];
  attached: Attached | undefined;
  registered: Registered | undefined;
  refused: Refused | undefined;
  association: AssociationId | undefined;
  /** "shutdown" and "abort", as they came. */
  readonly ends: string[] = [];
  keys: SealKeys = keysOf(0);
  seals: Seals = new Seals("client", this.keys);
  /** Messages told over SCTP, by type. */
  readonly counts = { attached: 0, delta: 0, page: 0, ended: 0 };
  tlsBytes = 0;
  isHungUp = false;
  /** Does not take in what it is told after `attached`. */
  isDeaf = false;
  #nonce = new Uint8Array(16) as Nonce;
  #searches = 0;
  #frames = new FrameReader(REGISTRY_FRAME_BYTES);

  constructor(
    scene: Scene,
    facts: { nickname: string; address: string; port: number; fingerprint: Fingerprint },
  ) {
    this.scene = scene;
    this.nickname = facts.nickname as Nickname;
    this.address = facts.address;
    this.port = facts.port;
    this.fingerprint = facts.fingerprint;
  }

  get source(): { readonly address: string; readonly port: number } {
    return { address: this.address, port: this.port };
  }

  get nonce(): Nonce {
    return this.#nonce;
  }

  get dial(): DialId {
    return this.dials.at(-1) ?? -1;
  }

  // Discovery

  hello(): Cookie | undefined {
    this.#searches += 1;
    const seed = Buffer.from(`${this.fingerprint} ${this.#searches}`);
    this.#nonce = new Uint8Array(sha256(seed).subarray(0, 16)) as Nonce;
    const before = this.cookies.length;
    this.send(DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: this.#nonce }));
    return this.cookies[before];
  }

  joinBytes(cookie = this.cookies.at(-1)): Uint8Array {
    assert.ok(cookie !== undefined, "no cookie");
    const { nonce, fingerprint } = cookie;
    return DISCOVERY_TO_REGISTRY.encode({ type: "join", nonce, fingerprint, cookie: cookie.cookie });
  }

  /** A join that wants to go on with the ticket, as it was or as `meddle` makes it before it is proved. */
  resumeBytes(meddle: (resume: Omit<Resume, "mac">) => Omit<Resume, "mac"> = (resume) => resume): Uint8Array {
    return DISCOVERY_TO_REGISTRY.encode(this.resumeMessage(meddle));
  }

  resumeMessage(
    meddle: (resume: Omit<Resume, "mac">) => Omit<Resume, "mac"> = (resume) => resume,
  ): Join & { readonly resume: Resume } {
    const cookie = this.cookies.at(-1);
    assert.ok(cookie !== undefined && this.ticket !== undefined, "no cookie, or no ticket");
    this.pair = x25519Pair(sha256(Buffer.from(`${this.fingerprint} ${this.cookies.length}`)));
    const join = { nonce: cookie.nonce, fingerprint: cookie.fingerprint, cookie: cookie.cookie };
    const said = meddle({ ticket: this.ticket.bytes, share: this.pair.share });
    return {
      type: "join",
      ...join,
      resume: { ...said, mac: joinMac(this.secret, joinTranscript(join, said)) },
    };
  }

  /** hello and join with the ticket; false if the registry dials back instead. */
  tryToResume(): boolean {
    this.hello();
    const join = this.resumeMessage();
    const before = this.resumed.length;
    this.send(DISCOVERY_TO_REGISTRY.encode(join));
    const answer = this.resumed[before];
    if (answer === undefined) return false;
    this.goOn(join, answer);
    return true;
  }

  /** The registry's proof is good, and the session goes on. */
  goOn(join: Join & { readonly resume: Resume }, answer: Resumed): void {
    const shared = this.pair?.agree(answer.share);
    assert.ok(shared !== undefined);
    const transcript = joinTranscript(join, join.resume);
    const secrets = resumedSecrets(this.secret, shared, { transcript, mac: join.resume.mac }, answer);
    assert.deepEqual(Buffer.from(answer.mac), Buffer.from(secrets.mac), "not the registry's proof");
    this.keys = secrets.keys;
    this.seals = new Seals("client", this.keys);
    this.secret = new Uint8Array(secrets.secret);
    this.attached = undefined;
  }

  /** A client that goes on with its ticket. */
  comeBack(): void {
    assert.ok(this.tryToResume(), `${this.nickname} is dialled back`);
    this.associate();
    this.attach();
    assert.ok(this.attached !== undefined, `${this.nickname} is not attached`);
  }

  send(bytes: Uint8Array, source = this.source): void {
    this.scene.do((registry) => registry.datagram(this.scene.now, source, bytes));
  }

  datagram(bytes: Uint8Array): void {
    const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
    assert.ok(decoded.ok);
    if (decoded.value.type === "cookie") this.cookies.push(decoded.value);
    else if (decoded.value.type === "blocked") this.blocked.push(decoded.value);
    else this.resumed.push(decoded.value);
  }

  // Registration

  dialled(dial: DialId): void {
    this.dials.push(dial);
  }

  /** hello and join: the registry dials. */
  callIn(): DialId {
    this.hello();
    const before = this.dials.length;
    this.send(this.joinBytes());
    assert.equal(this.dials.length, before + 1, `${this.nickname} is not dialled back`);
    return this.dial;
  }

  openTls(dial = this.dial, fingerprint = this.fingerprint): void {
    this.keys = keysOf(dial);
    this.#frames = new FrameReader(REGISTRY_FRAME_BYTES);
    this.registered = undefined;
    this.refused = undefined;
    this.isHungUp = false;
    this.scene.do((registry) => registry.tlsOpened(this.scene.now, dial, { fingerprint, keys: this.keys }));
  }

  register(facts: Partial<Register> = {}): void {
    const register: Register = {
      type: "register",
      nick: this.nickname,
      capabilities: new Set(),
      away: false,
      ...facts,
    };
    this.say(encodeFrame(REGISTRATION_TO_REGISTRY.encode(register)));
  }

  say(bytes: Uint8Array, dial = this.dial): void {
    this.scene.do((registry) => registry.tlsReceived(this.scene.now, dial, bytes));
  }

  /** All from hello to the answer, which waits for what must be durable. */
  tryToRegister(facts: Partial<Register> = {}): void {
    this.callIn();
    this.openTls();
    this.register(facts);
    if (this.registered === undefined && this.refused === undefined) this.scene.pass(20);
    this.scene.do((registry) => registry.tlsClosed(this.scene.now, this.dial));
  }

  received(bytes: Uint8Array): void {
    this.tlsBytes += bytes.length;
    for (const frame of this.#frames.push(bytes).frames) {
      const decoded = REGISTRATION_TO_CLIENT.decode(frame);
      assert.ok(decoded.ok);
      const message = decoded.value;
      if (message.type === "challenge") this.challenges.push(message);
      else if (message.type === "refused") this.refused = message;
      else if (message.type === "registered") {
        this.registered = message;
        this.seals = new Seals("client", this.keys);
        this.secret = new Uint8Array(registrationSecret(this.keys));
        this.mirror.begin(this.scene.now, message.epoch, message.seq, true);
      } else if (!this.isDeaf) this.mirror.receive(this.scene.now, message);
    }
  }

  ended(): void {
    this.isHungUp = true;
  }

  // Presence

  associate(): AssociationId {
    this.association = this.scene.up(this.address, this.port, this);
    return this.association;
  }

  attach(): void {
    const { registered, mirror } = this;
    assert.ok(registered !== undefined, `${this.nickname} is not registered`);
    const { session, epoch } = registered;
    this.tell({ type: "attach", session, epoch, seq: mirror.epoch === epoch ? (mirror.seq ?? 0) : 0 });
  }

  comeOnline(facts: Partial<Register> = {}): void {
    this.tryToRegister(facts);
    assert.ok(this.registered !== undefined, `${this.nickname}: ${this.refused?.text}`);
    this.associate();
    this.attach();
    assert.ok(this.attached !== undefined, `${this.nickname} is not attached`);
  }

  /** Seals and sends; returns what went over the wire. */
  tell(message: ToRegistry, stream: number = STREAMS.control): Uint8Array {
    const bytes = this.seals.seal(stream, PRESENCE_TO_REGISTRY.encode(message));
    assert.ok(bytes !== undefined);
    this.deliver(bytes, stream);
    return bytes;
  }

  deliver(bytes: Uint8Array, stream: number = STREAMS.control, ppid = MP2_PPID): void {
    const id = this.association ?? -1;
    this.scene.event({ type: "message", id, stream, ppid, bytes });
  }

  told({ stream, ppid, bytes }: OutputOf<"send">): void {
    assert.equal(ppid, MP2_PPID);
    if (this.isDeaf && this.attached !== undefined && stream !== STREAMS.control) return;
    const opened = this.seals.open(stream, bytes);
    assert.ok(opened.ok, `${this.nickname} cannot open: ${opened.ok ? "" : opened.fault}`);
    const decoded = PRESENCE_TO_CLIENT.decode(opened.text);
    assert.ok(decoded.ok);
    const message = decoded.value;
    this.counts[message.type] += 1;
    assert.equal(stream, { attached: 0, ended: 0, delta: 1, page: 2 }[message.type]);
    if (message.type === "ended") this.farewells.push(message);
    else if (message.type === "attached") {
      this.attached = message;
      this.ticket = message.ticket ?? this.ticket;
      this.mirror.begin(this.scene.now, message.epoch, message.seq, true);
    } else this.mirror.receive(this.scene.now, message);
  }

  disconnected(association: AssociationId, how: string): void {
    if (association === this.association) this.ends.push(how);
  }
}

function keysOf(dial: number): SealKeys {
  const key = (name: string) => new Uint8Array(sha256(Buffer.from(`${name} ${dial}`)));
  return { toClient: key("to client"), toRegistry: key("to registry") };
}
