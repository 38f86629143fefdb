import type { AssociationId, SctpEndpoint, SctpEvent, SctpSettings } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import type { Place } from "./network.ts";
import { VirtualAlarm } from "./schedule.ts";
import type { World } from "./world.ts";

/** The real SCTP endpoint over UDP of the virtual network. */
export class SctpNode {
  readonly endpoint: SctpEndpoint;
  readonly #world: World;
  readonly #place: Place;
  readonly #onEvent: (event: SctpEvent) => void;
  readonly #alarm: VirtualAlarm;
  #isPumping = false;
  #isGone = false;

  constructor(
    world: World,
    place: Place,
    options: { localPort: number; settings: SctpSettings; onEvent: (event: SctpEvent) => void },
  ) {
    const { localPort, settings, onEvent } = options;
    this.#world = world;
    this.#place = place;
    this.#onEvent = onEvent;
    this.endpoint = createSctpEndpoint({ localPort, settings, random: world.random, now: world.now });
    this.#alarm = new VirtualAlarm(world.schedule, () => this.do(() => this.endpoint.advance(world.now)));
    world.network.bind(place, ({ address, port }, bytes) => {
      const path = { via: "udp", address, outerPort: port, local: "" } as const;
      this.do(() => this.endpoint.receive(world.now, path, bytes));
    });
  }

  connect(address: string, outerPort: number, remotePort: number): AssociationId {
    const path = { via: "udp", address, outerPort, local: "" } as const;
    return this.do(() => this.endpoint.connect(this.#world.now, path, remotePort));
  }

  do<Result>(action: () => Result): Result {
    const result = action();
    this.#pump();
    return result;
  }

  /** The process has ended: nothing more is said or heard. */
  vanish(): void {
    this.#isGone = true;
    this.#alarm.set(undefined);
    this.#world.network.release(this.#place);
  }

  #pump(): void {
    if (this.#isPumping || this.#isGone) return;
    this.#isPumping = true;
    for (let busy = true; busy && !this.#isGone; ) {
      busy = this.#transmit();
      const event = this.endpoint.pollEvent();
      if (event !== undefined) {
        busy = true;
        this.#onEvent(event);
      }
    }
    this.#isPumping = false;
    if (!this.#isGone) this.#alarm.set(this.endpoint.nextDeadline());
  }

  #transmit(): boolean {
    let any = false;
    for (let out = this.endpoint.pollTransmit(); out !== undefined; out = this.endpoint.pollTransmit()) {
      any = true;
      const to = { address: out.path.address, port: out.path.outerPort };
      this.#world.network.send(this.#place, to, out.bytes);
    }
    return any;
  }
}
