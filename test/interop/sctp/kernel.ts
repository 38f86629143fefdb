import { join } from "node:path";
import type { Lan, LanHost, LanTap } from "../../lab/netns.ts";
import type { Owner } from "../../support/until.ts";
import { ENCAPSULATION_PORT, PEER_PORT, type PeerHost, type PeerStack, type Via } from "./pair.ts";
import { Program } from "./program.ts";

const GUEST = "10.98.0.100";
const BOOT_MILLIS = 90_000;
const UML = join(import.meta.dirname, "../../lab/uml-host.sh");
const SCRIPT = join(import.meta.dirname, "kernel_peer.py");

/** The SCTP of a Linux kernel in user-mode-linux, on a tap of the LAN's switch. */
export class KernelSctp implements PeerStack {
  readonly title: string;
  readonly via: Via;
  // Linux counts from 0 as well, but from the second part on.
  readonly numbersFragments = false;
  readonly lossyAttempts = 1;
  #version = "";

  constructor(via: Via) {
    this.via = via;
    this.title = via === "udp" ? "Linux kernel over UDP" : "Linux kernel over raw IP";
  }

  version(): string {
    return this.#version;
  }

  async boot(owner: Owner, lan: Lan): Promise<PeerHost> {
    const guest = new Guest(await lan.tap(GUEST), this.via);
    owner.after(() => guest.program.end());
    this.#version = (await guest.program.hears(READY, BOOT_MILLIS)).split(" ")[1] ?? "";
    return guest;
  }
}

const READY = /^ready /;

class Guest implements PeerHost {
  readonly #tap: LanTap;
  readonly program: Program;

  constructor(tap: LanTap, via: Via) {
    this.#tap = tap;
    const encapsulation = via === "udp" ? [`${ENCAPSULATION_PORT}`] : [];
    const script = ["python3", "-B", SCRIPT, GUEST, `${PEER_PORT}`, ...encapsulation];
    this.program = new Program("kernel", tap.on([UML, tap.device, `${GUEST}/24`, ...script]));
  }

  get address(): string {
    return this.#tap.address;
  }

  /** The kernel outlives the process and would end its associations for it; none of that reaches us. */
  async restart(ourHost: LanHost, options = { interleaving: false }): Promise<void> {
    await ourHost.lose(100);
    this.program.say(options.interleaving ? "restart interleaving" : "restart");
    await this.program.hears(READY);
    await ourHost.receiveAll();
  }

  unplug(): Promise<void> {
    return this.#tap.unplug();
  }

  plugIn(): Promise<void> {
    return this.#tap.plugIn();
  }
}
