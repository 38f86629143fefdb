import type { Clock } from "../base/clock.ts";
import type { AssociationEnd, ChatEvent } from "../chat/events.ts";
import type { AssociationId, LostReason, SctpEndpoint, SctpEvent } from "../sctp/api.ts";
import { SctpDriver } from "./sctp-driver.ts";
import { UdpEncapsulation } from "./sctp-udp.ts";

/**
 * The client's SCTP: over UDP from any free port, so that many clients on one host need neither privilege nor an
 * agreed port. docs/protocol.md, "Presence".
 */
export class PresenceLink {
  readonly #driver: SctpDriver;
  readonly #onEvent: (event: ChatEvent) => void;
  readonly #registryPort: number;
  readonly #encapsulationPort: number;
  /** The core's numbers of associations, by the endpoint's. */
  readonly #numbers = new Map<AssociationId, number>();

  private constructor(options: PresenceOptions) {
    this.#onEvent = options.onEvent;
    this.#registryPort = options.registryPort;
    this.#encapsulationPort = options.encapsulationPort;
    const onEvent = (event: SctpEvent): void => this.#sctpEvent(event);
    this.#driver = new SctpDriver({ endpoint: options.endpoint, clock: options.clock, onEvent });
  }

  static async open(options: PresenceOptions): Promise<PresenceLink> {
    const link = new PresenceLink(options);
    const sink = link.#driver.receive;
    link.#driver.attach(await UdpEncapsulation.open({ address: "0.0.0.0", port: 0, sink }));
    return link;
  }

  associate(association: number, address: string): void {
    const path = { via: "udp", address, outerPort: this.#encapsulationPort, local: "" } as const;
    this.#numbers.set(this.#driver.connect(path, this.#registryPort), association);
  }

  send(association: number, stream: number, ppid: number, bytes: Uint8Array): void {
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

  close(): Promise<void> {
    return this.#driver.close();
  }

  #idOf(association: number): AssociationId | undefined {
    for (const [id, number] of this.#numbers) {
      if (number === association) return id;
    }
    return undefined;
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
        this.#onEvent({ type: "association-up", association });
        return;
      case "message":
        this.#onEvent({ ...event, type: "association-message", association });
        return;
      case "restarted":
        // A registry that starts anew has forgotten us.
        this.abandon(association);
        this.#onEvent({ type: "association-ended", association, how: "lost" });
        return;
      case "closed":
      case "lost":
        this.#numbers.delete(event.id);
        this.#onEvent({
          type: "association-ended",
          association,
          how: event.type === "closed" ? "closed" : END_OF[event.reason],
        });
        return;
      default:
    }
  }
}

interface PresenceOptions {
  readonly endpoint: SctpEndpoint;
  readonly clock: Clock;
  /** SCTP port of the registry, inside UDP. */
  readonly registryPort: number;
  /** UDP port of the registry for it. */
  readonly encapsulationPort: number;
  readonly onEvent: (event: ChatEvent) => void;
}

const END_OF: Readonly<Record<LostReason, AssociationEnd>> = {
  timeout: "lost",
  aborted: "aborted",
  unreachable: "unreachable",
  "protocol-violation": "aborted",
  overload: "aborted",
};
