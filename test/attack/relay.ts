import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY, type Hello } from "../../src/wire/mp2-discovery.ts";
import { Scope, within } from "../support/until.ts";
import type { ActorPlace } from "./commands.ts";
import type { Overheard } from "./impostor.ts";

/** What went through a relay. */
export interface Relayed {
  readonly bytesToVictim: number;
  readonly bytesToRegistry: number;
}

/** Who asks for itself with somebody else's nonce, and passes the registry's call on to that one, unread. */
export class Relays {
  readonly #scope = new Scope();
  readonly #place: ActorPlace;

  constructor(place: ActorPlace) {
    this.#place = place;
  }

  /** Resolves when the victim or the registry has ended the connection. */
  async relay(victim: Overheard): Promise<Relayed> {
    const { address, registry } = this.#place;
    const over = Promise.withResolvers<Relayed>();
    const listener = createServer((call) => {
      const onward = connect(victim.port, victim.address);
      call.pipe(onward);
      onward.pipe(call);
      const end = (): void => {
        call.destroy();
        onward.destroy();
        over.resolve({ bytesToVictim: onward.bytesWritten, bytesToRegistry: onward.bytesRead });
      };
      for (const socket of [call, onward] satisfies Socket[]) socket.on("error", end).on("close", end);
    });
    // P is the victim's: registries call back to where the hello came from.
    listener.listen(victim.port, address);
    await once(listener, "listening");
    const udp = createSocket("udp4");
    this.#scope.after(() => {
      listener.close();
      udp.close();
    });
    udp.on("message", (bytes) => {
      const decoded = DISCOVERY_TO_CLIENT.decode(bytes);
      if (decoded.ok && decoded.value.type === "cookie")
        udp.send(
          DISCOVERY_TO_REGISTRY.encode({ ...decoded.value, type: "join" }),
          registry.port,
          registry.host,
        );
    });
    udp.bind(victim.port, address);
    await once(udp, "listening");
    const nonce = Buffer.from(victim.nonce, "hex") as unknown as Hello["nonce"];
    udp.send(DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce }), registry.port, registry.host);
    return within("the end of the relayed call", over.promise);
  }
}
