import { NOTHING_KEPT } from "../../src/chat/archive.ts";
import { ChatClient } from "../../src/chat/client.ts";
import type { ChatEvent, ChatOutput, PinChange } from "../../src/chat/events.ts";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import { applyPinChange } from "../../src/chat/trust.ts";
import { type SctpEvent, WATCHED_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { type Nickname, parseNickname } from "../../src/wire/nickname.ts";
import { drainArchived } from "../support/archived.ts";
import type { NodeKey } from "./keys.ts";
import type { Place } from "./network.ts";
import { VirtualAlarm } from "./schedule.ts";
import { SctpNode } from "./sctp-node.ts";
import type { Secured, StreamEnd, StreamEvents } from "./streams.ts";
import { ENCAPSULATION_PORT, MP2_GROUP, SCTP_PORT, type World } from "./world.ts";

const DISCOVERY_PORT = 10_001;

/** What a user's files keep from one process to the next. */
export class Profile {
  readonly key: NodeKey;
  readonly nickname: Nickname;
  pins: Pins = Pins.none;
  /** By which the next process knows what came already. */
  readonly archive = new MemoryArchive({ wall: () => 0 });

  constructor(key: NodeKey, nickname: string) {
    const parsed = parseNickname(nickname);
    if (!parsed.ok) throw new Error(parsed.text);
    this.key = key;
    this.nickname = parsed.nickname;
  }
}

/** A chat client on the virtual network: the real core, the real SCTP; its shell is this file. One object a process. */
export class ClientNode {
  readonly core: ChatClient;
  readonly place: Place;
  readonly profile: Profile;
  readonly #world: World;
  readonly #onNotice: (notice: ChatNotice) => void;
  readonly #sctp: SctpNode;
  readonly #alarm: VirtualAlarm;
  readonly #streams = new Map<number, StreamEnd>();
  readonly #associations = new Map<number, number>();
  #accepted = 0;
  #isPumping = false;
  #isGone = false;

  constructor(
    world: World,
    options: { place: Place; profile: Profile; onNotice: (notice: ChatNotice, node: ClientNode) => void },
  ) {
    const { place, profile, onNotice } = options;
    this.#world = world;
    this.place = place;
    this.profile = profile;
    this.#onNotice = (notice) => onNotice(notice, this);
    const { fingerprint } = profile.key;
    this.core = new ChatClient({
      settings: { nickname: profile.nickname, whenTaken: "suggestion", legacy: false, hosts: [] },
      random: world.random,
      unixAt: world.unixAt,
      identity: { fingerprint },
      pins: profile.pins,
      // What the last process had not sent ends with it: the model counts it as an orphan.
      kept: NOTHING_KEPT,
      isLasting: profile.archive.isLasting,
    });
    this.#alarm = new VirtualAlarm(world.schedule, () => this.do((core) => core.advance(world.now)));
    const udp = { address: place.address, port: place.port - 20_000 };
    this.#sctp = new SctpNode(world, udp, {
      localPort: place.port,
      settings: WATCHED_SCTP_SETTINGS,
      onEvent: (event) => this.#sctpEvent(event),
    });
    const heard = { address: place.address, port: place.port };
    world.network.bind(heard, (from, bytes) => this.#handle({ type: "datagram", from, bytes }));
    world.network.join(MP2_GROUP, heard);
    world.streams.listen(place, fingerprint, (secured, end) =>
      this.#opened("theirs", undefined, secured, end),
    );
    this.do((core) => core.start(world.now));
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** `kill -9`. */
  crash(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#alarm.set(undefined);
    this.#sctp.vanish();
    this.#world.network.release(this.place);
    this.#world.streams.release(this.place);
  }

  do<Result>(action: (core: ChatClient) => Result): Result {
    const result = action(this.core);
    this.#pump();
    return result;
  }

  #handle(event: ChatEvent): void {
    if (!this.#isGone) this.do((core) => core.handle(this.#world.now, event));
  }

  #pump(): void {
    if (this.#isPumping || this.#isGone) return;
    this.#isPumping = true;
    drainArchived(this.core, this.#world.now, this.profile.archive, (out) => this.#perform(out));
    this.#isPumping = false;
    if (!this.#isGone) this.#alarm.set(this.core.nextDeadline());
  }

  #perform(out: ChatOutput): void {
    const { network, now } = this.#world;
    const { endpoint } = this.#sctp;
    switch (out.type) {
      case "hello":
        if (out.protocol === "mp2")
          network.send(this.place, { address: MP2_GROUP.address, port: DISCOVERY_PORT }, out.bytes);
        this.#handle({ type: "hello-sent", protocol: out.protocol, to: "any" });
        return;
      case "datagram":
        network.send(this.place, out.to, out.bytes);
        return;
      case "tls-dial":
        this.#dial(out);
        return;
      case "tls-send":
        this.#streams.get(out.connection)?.send(out.bytes);
        return;
      case "tls-end":
        this.#streams.get(out.connection)?.end();
        return;
      case "tls-destroy":
        this.#streams.get(out.connection)?.destroy();
        return;
      case "associate": {
        const port = out.registryPort ?? SCTP_PORT;
        const id = this.#sctp.connect(out.address, out.encapsulationPort ?? ENCAPSULATION_PORT, port);
        this.#associations.set(out.association, id);
        return;
      }
      case "association-send": {
        const id = this.#associations.get(out.association);
        if (id !== undefined) this.#sctp.do(() => endpoint.send(now, id, out.stream, out.ppid, out.bytes));
        return;
      }
      case "dissociate":
        this.#withAssociation(out.association, (id) => endpoint.close(now, id));
        return;
      case "abandon":
        this.#withAssociation(out.association, (id) => endpoint.abort(now, id, "given up"));
        this.#associations.delete(out.association);
        return;
      case "pin":
        this.#pin(out.change);
        return;
      case "notice":
        this.#onNotice(out.notice);
        return;
      default:
    }
  }

  #withAssociation(association: number, action: (id: number) => void): void {
    const id = this.#associations.get(association);
    if (id !== undefined) this.#sctp.do(() => action(id));
  }

  #pin(change: PinChange): void {
    this.profile.pins = applyPinChange(this.profile.pins, change);
    // A file takes a moment.
    this.#world.schedule.after(1, () => this.#handle({ type: "pins", pins: this.profile.pins }));
  }

  #sctpEvent(event: SctpEvent): void {
    const [association] = [...this.#associations].find(([, id]) => id === event.id) ?? [];
    if (association === undefined) return;
    if (event.type === "up") this.#handle({ type: "association-up", association });
    else if (event.type === "message") {
      const { stream, ppid, bytes } = event;
      this.#handle({ type: "association-message", association, stream, ppid, bytes });
    } else if (event.type === "closed" || event.type === "lost" || event.type === "restarted") {
      this.#associations.delete(association);
      const how = event.type === "closed" ? "closed" : "lost";
      this.#handle({ type: "association-ended", association, how });
    }
  }

  #dial({ connection, address, port, fingerprint }: Extract<ChatOutput, { type: "tls-dial" }>): void {
    this.#world.streams.connect({
      from: this.place,
      fingerprint: this.profile.key.fingerprint,
      to: { address, port },
      protocol: "mp2-chat",
      failed: (failure) => this.#handle({ type: "tls-failed", connection, failure, code: "" }),
      opened: (secured, end) => {
        if (secured.fingerprint === fingerprint) return this.#opened("ours", connection, secured, end);
        end.destroy();
        this.#handle({ type: "tls-failed", connection, failure: "tls", code: "" });
        return { received: () => {}, ended: () => {}, closed: () => {} };
      },
    });
  }

  #opened(
    initiative: "ours" | "theirs",
    dialled: number | undefined,
    secured: Secured,
    end: StreamEnd,
  ): StreamEvents {
    this.#accepted += dialled === undefined ? 1 : 0;
    const connection = dialled ?? this.#accepted;
    this.#streams.set(connection, end);
    const { address, port, fingerprint, keys } = secured;
    const protocol = secured.protocol === "mp2-registry" ? "mp2-registry" : "mp2-chat";
    const seals = { toClient: keys.fromClient, toRegistry: keys.fromServer };
    const facts = { initiative, address, port, fingerprint, protocol, connection } as const;
    // Before any byte comes, and after the stream's maker has returned.
    this.#world.schedule.after(0, () =>
      this.#handle({
        type: "tls-opened",
        ...facts,
        ...(protocol === "mp2-registry" ? { keys: seals } : {}),
      }),
    );
    return {
      received: (bytes) => {
        if (!this.#isGone) this.do((core) => core.received(this.#world.now, connection, bytes));
      },
      ended: () => this.#handle({ type: "tls-ended", connection }),
      closed: () => {
        if (this.#streams.delete(connection)) this.#handle({ type: "tls-closed", connection });
      },
    };
  }
}
