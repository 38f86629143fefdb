import { CHAT } from "../../src/wire/mp2-chat.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import type { MessageText } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import type { NodeKey } from "./keys.ts";
import type { Place } from "./network.ts";
import type { World } from "./world.ts";

const ADDRESS = "10.0.9.9";
/** Datagrams kept to be sent again. */
const CAPTURED_AT_MOST = 512;

/** Somebody with a key of its own who calls itself by others' names, and sends again what it has captured. */
export class Impostor {
  readonly #world: World;
  readonly #key: NodeKey;
  readonly #captured: { readonly from: Place; readonly to: Place; readonly bytes: Uint8Array }[] = [];
  readonly #capture = (from: Place, to: Place, bytes: Uint8Array): void => {
    const { random } = this.#world;
    if (this.#captured.length < CAPTURED_AT_MOST) this.#captured.push({ from, to, bytes });
    else if (random.oneIn(4)) this.#captured[random.below(CAPTURED_AT_MOST)] = { from, to, bytes };
  };
  #isReplaying = false;

  constructor(world: World, key: NodeKey) {
    this.#world = world;
    this.#key = key;
    world.network.captured.add((...datagram) => {
      if (!this.#isReplaying) this.#capture(...datagram);
    });
  }

  intrude(victim: Nickname, target: Place): void {
    this.#speakAs(victim, target);
    this.#replay();
  }

  stop(): void {
    this.#captured.length = 0;
  }

  /** From the very address that it came from first: nobody checks sources on a LAN. */
  #replay(): void {
    const { random, network } = this.#world;
    this.#isReplaying = true;
    for (let count = 0; count < 5; count += 1) {
      const datagram = this.#captured[random.below(Math.max(1, this.#captured.length))];
      if (datagram !== undefined) network.send(datagram.from, datagram.to, datagram.bytes);
    }
    this.#isReplaying = false;
  }

  #speakAs(nick: Nickname, to: Place): void {
    const { streams, now, unixAt, random } = this.#world;
    streams.connect({
      from: { address: ADDRESS, port: 40_000 },
      fingerprint: this.#key.fingerprint,
      to,
      protocol: "mp2-chat",
      failed: () => {},
      opened: (_secured, end) => {
        const text = `it is me, ${nick}` as MessageText;
        const id = Buffer.from(random.bytes(16)).toString("hex");
        end.send(encodeFrame(CHAT.encode({ type: "greeting", nick, capabilities: new Set() })));
        end.send(encodeFrame(CHAT.encode({ type: "msg", id: id as never, time: unixAt(now), text })));
        return { received: () => {}, ended: () => end.end(), closed: () => {} };
      },
    });
  }
}
