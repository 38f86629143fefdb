import type { Clock } from "../base/clock.ts";
import type { Associate, AssociationEnd, ChatEvent, ChatOutput } from "../chat/events.ts";
import type { AssociationId, LivenessLimits, LostReason, SctpEndpoint, SctpEvent } from "../sctp/api.ts";
import { SctpDriver } from "./sctp-driver.ts";
import { UdpEncapsulation } from "./sctp-udp.ts";

/**
 * By how much longer a client's own limits are than those by which the registry watches it. A client hears the
 * registry's heartbeats, so it rarely has to ask; and the registry, which tells everybody, notices first.
 */
const HEARTBEAT_FACTOR = 1.5;
const LOST_FACTOR = 1.6;

export interface PresenceOptions {
  readonly endpoint: SctpEndpoint;
  readonly clock: Clock;
  /** SCTP port of a registry that does not say (mp1), inside UDP. */
  readonly registryPort: number;
  /** UDP port of such a registry for it. */
  readonly encapsulationPort: number;
  readonly onEvent: (event: ChatEvent) => void;
}

/**
 * The client's SCTP: over UDP from any free port, so that many clients on one host need neither privilege nor an
 * agreed port. docs/protocol-mp2.md §6; docs/protocol.md, "Presence".
 */
export class PresenceLink {
  readonly #options: PresenceOptions;
  readonly #driver: SctpDriver;
  /** The core's numbers of associations, by the endpoint's. */
  readonly #numbers = new Map<AssociationId, number>();

  private constructor(options: PresenceOptions) {
    this.#options = options;
    const onEvent = (event: SctpEvent): void => this.#sctpEvent(event);
    this.#driver = new SctpDriver({ endpoint: options.endpoint, clock: options.clock, onEvent });
  }

  static async open(options: PresenceOptions): Promise<PresenceLink> {
    const link = new PresenceLink(options);
    const sink = link.#driver.receive;
    link.#driver.attach(
      await UdpEncapsulation.open({ address: "0.0.0.0", ipv6Address: "::", port: 0, sink }),
    );
    return link;
  }

  /** An IPv6 address of the link comes with its zone. */
  associate(wanted: Associate): void {
    const { association, address } = wanted;
    const outerPort = this.#encapsulationPort(wanted);
    if (outerPort === undefined) {
      // A registry with SCTP on IP alone: that takes a privilege, which a client does not have.
      queueMicrotask(() => this.#ended(association, "unreachable"));
      return;
    }
    const path = { via: "udp", address, outerPort, local: "" } as const;
    const id = this.#driver.connect(path, wanted.registryPort ?? this.#options.registryPort);
    this.#numbers.set(id, association);
    this.#driver.watch(id, limitsOf(wanted));
  }

  send({ association, stream, ppid, bytes }: Extract<ChatOutput, { type: "association-send" }>): void {
    const id = this.#idOf(association);
    // Too little is ever queued for it to be refused; if the association is gone, its end is on the way.
    if (id !== undefined) this.#driver.send(id, stream, ppid, bytes);
  }

  dissociate(association: number): void {
    const id = this.#idOf(association);
    if (id !== undefined) this.#driver.shutdown(id);
  }

  abandon(association: number): void {
    const id = this.#idOf(association);
    if (id === undefined) return;
    this.#numbers.delete(id);
    this.#driver.abort(id, "given up");
  }

  /** Asks for a sign of life now, since the way may have changed. */
  probe(): void {
    for (const id of this.#numbers.keys()) this.#driver.probe(id);
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  #encapsulationPort({ registryPort, encapsulationPort }: Associate): number | undefined {
    return registryPort === undefined ? this.#options.encapsulationPort : encapsulationPort;
  }

  #idOf(association: number): AssociationId | undefined {
    for (const [id, number] of this.#numbers) {
      if (number === association) return id;
    }
    return undefined;
  }

  #ended(association: number, how: AssociationEnd): void {
    this.#options.onEvent({ type: "association-ended", association, how });
  }

  #sctpEvent(event: SctpEvent): void {
    const association = this.#numbers.get(event.id);
    if (association === undefined) {
      // Nobody has a reason to associate with a client.
      if (event.type === "up") this.#driver.abort(event.id, "not a server");
      return;
    }
    switch (event.type) {
      case "up":
        this.#options.onEvent({ type: "association-up", association });
        return;
      case "message": {
        const { stream, ppid, bytes } = event;
        this.#options.onEvent({ type: "association-message", association, stream, ppid, bytes });
        return;
      }
      case "restarted":
        // A registry that starts anew has forgotten us.
        this.abandon(association);
        this.#ended(association, "lost");
        return;
      case "closed":
      case "lost":
        this.#numbers.delete(event.id);
        this.#ended(association, event.type === "closed" ? "closed" : END_OF[event.reason]);
        return;
      default:
    }
  }
}

function limitsOf({ heartbeatMillis, lostAfterMillis }: Associate): LivenessLimits | undefined {
  if (heartbeatMillis === undefined || lostAfterMillis === undefined) return undefined;
  const heartbeat = heartbeatMillis * HEARTBEAT_FACTOR;
  return {
    heartbeatMillis: heartbeat,
    lostAfterMillis: Math.max(lostAfterMillis * LOST_FACTOR, 2 * heartbeat),
  };
}

const END_OF: Readonly<Record<LostReason, AssociationEnd>> = {
  timeout: "lost",
  aborted: "aborted",
  unreachable: "unreachable",
  "protocol-violation": "aborted",
  overload: "aborted",
};
