import type { Clock, Millis } from "../base/clock.ts";
import { equalInConstantTime } from "../base/hash.ts";
import type { ChatEvent, ChatOutput, Protocol, Source } from "../chat/events.ts";
import { GroupListener } from "./chat-groups.ts";
import { type DiscoverySockets, type RegistryPlace, sendDatagram, sendHello } from "./chat-hello.ts";
import type { Link } from "./interfaces.ts";
import { LinkWatch } from "./link-watch.ts";

/**
 * How long after a hello of mp1 a registry may still call back. It does so at once, or when it has time: the original
 * serves one client after the other.
 */
const LEGACY_ANSWER_MILLIS: Millis = 30_000;

export interface ChatDiscoveryOptions {
  readonly sockets: DiscoverySockets;
  readonly place: RegistryPlace;
  /** Names of the interfaces to use; empty: all that look like a LAN. */
  readonly only: readonly string[];
  /** Where registries announce themselves. */
  readonly port: number;
  readonly clock: Clock;
  readonly onEvent: (event: ChatEvent) => void;
}

/** UDP P and the ears on mp2's groups, on interfaces that come and go. */
export class ChatDiscovery {
  readonly #options: ChatDiscoveryOptions;
  readonly #groups: GroupListener;
  readonly #watch: LinkWatch;
  /** Addresses of the hosts that the user named, as they were asked last. */
  #named: ReadonlySet<string> = new Set();
  #lastHello: Uint8Array = new Uint8Array();
  #legacyHelloAt: Millis = -Infinity;
  #isClosed = false;

  /** Errors: {@link SystemError} when a chosen interface is not there. */
  constructor(options: ChatDiscoveryOptions) {
    this.#options = options;
    const { port, onEvent } = options;
    this.#groups = new GroupListener({
      port,
      onDatagram: (bytes, from) => {
        if (this.#isWelcome(from)) onEvent(datagram(from, bytes));
      },
    });
    this.#watch = new LinkWatch({
      only: options.only,
      onLook: (links, changed) => {
        this.#follow(links);
        if (changed) onEvent({ type: "network-changed" });
      },
      // A chosen interface that has gone: the next hello says so.
      onError: () => {},
    });
    this.#follow(this.#watch.links);
  }

  get links(): readonly Link[] {
    return this.#watch.links;
  }

  /** Whether a registry of mp1 may be calling back now. */
  get isLegacyAsked(): boolean {
    return this.#options.clock.now() - this.#legacyHelloAt < LEGACY_ANSWER_MILLIS;
  }

  hello({ protocol, bytes }: { readonly protocol: Protocol; readonly bytes: Uint8Array }): void {
    if (protocol === "mp1") this.#legacyHelloAt = this.#options.clock.now();
    const isRepeated = equalInConstantTime(bytes, this.#lastHello);
    if (protocol === "mp2") this.#lastHello = bytes;
    const { sockets, place, onEvent } = this.#options;
    const sending = sendHello(sockets, place, { protocol, bytes, isRepeated }, (to) => {
      if (to !== "any") this.#named = new Set(to.map(({ address }) => address));
      if (!this.#isClosed) onEvent({ type: "hello-sent", protocol, to });
    });
    void sending.then((failures) => {
      if (this.#isClosed) return;
      for (const { message } of failures) onEvent({ type: "hello-failed", text: message });
    });
  }

  /** Lost where it cannot be sent: whoever sends one asks again. */
  datagram({ to, bytes }: Extract<ChatOutput, { type: "datagram" }>): void {
    void sendDatagram(this.#options.sockets, to, bytes).catch(() => {});
  }

  /** Stops listening to the groups; the sockets of P are their maker's. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch.close();
    await this.#groups.close();
  }

  /** Who names registries wants no other that happens to announce itself on this network. */
  #isWelcome(from: Source): boolean {
    return this.#options.place.type === "multicast" || this.#named.has(from.address);
  }

  #follow(links: readonly Link[]): void {
    void this.#groups.follow(links);
  }
}

/** What came to UDP P or to a group, as the core takes it. */
export function datagram(from: Source, bytes: Uint8Array): ChatEvent {
  return { type: "datagram", from: { address: from.address, port: from.port }, bytes };
}
