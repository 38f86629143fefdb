import type { ChatEvent, Progress } from "../../src/chat/events.ts";
import { generateIdentity } from "../../src/io/certificate.ts";
import { ChatNetwork } from "../../src/io/chat-network.ts";
import { systemClock } from "../../src/io/clock.ts";
import type { Identity } from "../../src/io/identity.ts";
import { systemRandom } from "../../src/io/random.ts";
import { WATCHED_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { type Owner, Watched } from "../support/until.ts";

type EventOf<Type extends ChatEvent["type"]> = Extract<ChatEvent, { type: Type }>;

/** A client's sockets on loopback without its core: what the core would hear, and what it would say. */
export class NetworkScene {
  readonly network: ChatNetwork;
  readonly identity: Identity;
  readonly events: ChatEvent[] = [];
  readonly watched = new Watched();
  /** What connections have brought, as text. */
  readonly texts = new Map<number, string>();

  private constructor(made: (scene: NetworkScene) => ChatNetwork, identity: Identity) {
    this.identity = identity;
    this.network = made(this);
  }

  static async open(
    owner: Owner,
    options: { registryPort?: number; encapsulationPort?: number; legacy?: boolean } = {},
  ): Promise<NetworkScene> {
    const identity = await generateIdentity();
    const registryPort = options.registryPort ?? 9;
    const opened: { scene?: NetworkScene } = {};
    const network = await ChatNetwork.open({
      registry: {
        type: "hosts",
        registries: [{ typed: "here", host: "127.0.0.1", port: registryPort }],
      },
      interfaces: [],
      registryPort,
      encapsulationPort: options.encapsulationPort ?? 9_899,
      legacy: options.legacy ?? true,
      identity,
      clock: systemClock,
      random: systemRandom,
      createEndpoint: (localPort) =>
        createSctpEndpoint({
          localPort,
          settings: WATCHED_SCTP_SETTINGS,
          random: systemRandom,
          now: systemClock.now(),
        }),
      onEvent: (event) => opened.scene?.took(event),
      received: (connection, bytes) => opened.scene?.received(connection, bytes) ?? NOTHING,
      downloads: "/nowhere",
      onTrouble: () => {},
      expectsFile: () => false,
      takesLegacy: () => true,
      fileArrives: () => undefined,
    });
    const scene = new NetworkScene(() => network, identity);
    opened.scene = scene;
    owner.after(() => network.close());
    return scene;
  }

  /** The first event of this type that fits. */
  async hears<Type extends ChatEvent["type"]>(
    type: Type,
    fits: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    const isIt = (event: ChatEvent): event is EventOf<Type> =>
      event.type === type && fits(event as EventOf<Type>);
    return this.watched.until(`the event ${type}`, () => this.events.find(isIt));
  }

  count(type: ChatEvent["type"]): number {
    return this.events.filter((event) => event.type === type).length;
  }

  async reads(connection: number, text: string): Promise<void> {
    await this.watched.until(`"${text}"`, () => this.texts.get(connection) === text);
  }

  took(event: ChatEvent): void {
    this.events.push(event);
    this.watched.changed();
  }

  received(connection: number, bytes: Uint8Array): Progress {
    this.texts.set(connection, (this.texts.get(connection) ?? "") + Buffer.from(bytes).toString("latin1"));
    this.watched.changed();
    return { messages: 1, pending: 0 };
  }
}

const NOTHING: Progress = { messages: 0, pending: 0 };
