import { join } from "node:path";
import { Lan, type LanHost, type Matching } from "../../lab/netns.ts";
import type { Owner } from "../../support/until.ts";
import { Program } from "./program.ts";

export const OUR_PORT = 10_001;
export const PEER_PORT = 50_000;
export const ENCAPSULATION_PORT = 9_899;

export type Via = "udp" | "udp-ipv6" | "raw";

/** Where a host of the LAN is reached that way. */
export function addressOf(host: LanHost, via: Via): string {
  return via === "udp-ipv6" ? host.ipv6Address : host.address;
}

/** What differs between the peers: how they come up, die and are cut off. */
export interface PeerStack {
  /** The column of docs/interop.md. */
  readonly title: string;
  readonly via: Via;
  /** Whether the parts of a message in I-DATA count from 0, the first included (RFC 8260 §2.1). */
  readonly numbersFragments: boolean;
  /** How often a transfer with losses is tried before silence counts as a failure. */
  readonly lossyAttempts: number;
  /** Version of the stack, once it has started. */
  version(): string;
  /** Puts the peer on the network, ready to take commands. */
  boot(owner: Owner, lan: Lan): Promise<PeerHost>;
}

export interface PeerHost {
  readonly address: string;
  /** The program now; another one after {@link restart}. */
  readonly program: Program;
  /** Ends its SCTP without a word to us and starts it anew on the same address and ports. */
  restart(ourHost: LanHost, options?: { readonly interleaving: boolean }): Promise<void>;
  unplug(): Promise<void>;
  plugIn(): Promise<void>;
}

/** Our endpoint and a peer, on two hosts of a LAN. */
export class Pair {
  readonly #ourHost: LanHost;
  readonly #peerHost: PeerHost;
  readonly stack: PeerStack;
  #ours: Program;

  private constructor(ourHost: LanHost, peerHost: PeerHost, stack: PeerStack) {
    this.#ourHost = ourHost;
    this.#peerHost = peerHost;
    this.stack = stack;
    this.#ours = speaker(ourHost, stack.via);
  }

  static async create(owner: Owner, stack: PeerStack): Promise<Pair> {
    const lan = await Lan.create();
    owner.after(() => lan.dispose());
    const ourHost = await lan.host("ours");
    const pair = new Pair(ourHost, await stack.boot(owner, lan), stack);
    owner.after(() => pair.ours.end());
    await pair.ours.hears(/^ready$/);
    return pair;
  }

  get #sctp(): Matching {
    return this.stack.via === "raw" ? "ip protocol 132" : `udp dport ${ENCAPSULATION_PORT}`;
  }

  get ours(): Program {
    return this.#ours;
  }

  get peer(): Program {
    return this.#peerHost.program;
  }

  /** Sends INIT; the peers' `connect` does not wait for the answer. */
  initiate(who: Side): void {
    if (who === "ours") this.ours.say(`connect ${this.#peerHost.address} ${PEER_PORT}`);
    else this.peer.say(`connect ${addressOf(this.#ourHost, this.stack.via)} ${OUR_PORT}`);
  }

  /** As an original client begins: its message travels with COOKIE ECHO. */
  initiateBySending(): void {
    this.peer.say(`first ${addressOf(this.#ourHost, this.stack.via)} ${OUR_PORT}`);
  }

  async restartPeer(options?: { readonly interleaving: boolean }): Promise<void> {
    await this.#peerHost.restart(this.#ourHost, options);
  }

  async restartOurs(): Promise<void> {
    await this.ours.kill();
    this.#ours = speaker(this.#ourHost, this.stack.via);
    await this.ours.hears(/^ready$/);
  }

  /** After a failure: a cable without faults and two programs that know nothing. */
  async reset(): Promise<void> {
    await this.#peerHost.plugIn();
    await this.#ourHost.receiveAll();
    await this.restartOurs();
    await this.restartPeer();
  }

  /** Loses this share of the SCTP packets, at random, of each direction by itself. */
  async lose(percent: number): Promise<void> {
    await this.#ourHost.lose(percent, this.#sctp);
    await this.#ourHost.loseSent(percent, this.#sctp);
  }

  /** Loses all that this side sends. */
  async silence(who: Side): Promise<void> {
    if (who === "ours") await this.#ourHost.loseSent(100, this.#sctp);
    else await this.#ourHost.lose(100, this.#sctp);
  }

  async loseNothing(): Promise<void> {
    await this.#ourHost.receiveAll();
  }

  unplug(): Promise<void> {
    return this.#peerHost.unplug();
  }

  plugIn(): Promise<void> {
    return this.#peerHost.plugIn();
  }
}

export type Side = "ours" | "peer";

function speaker(host: LanHost, via: Via): Program {
  const script = join(import.meta.dirname, "speaker.ts");
  return new Program(
    "ours",
    host.on([process.execPath, script, via, `${OUR_PORT}`, `${ENCAPSULATION_PORT}`]),
  );
}
