import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../lab/command.ts";
import type { Lan, LanHost } from "../../lab/netns.ts";
import type { Owner } from "../../support/until.ts";
import { addressOf, ENCAPSULATION_PORT, PEER_PORT, type PeerHost, type PeerStack, type Via } from "./pair.ts";
import { Program } from "./program.ts";

const TITLES: Readonly<Record<Via, string>> = {
  udp: "usrsctp over UDP",
  "udp-ipv6": "usrsctp over UDP on IPv6",
  raw: "usrsctp over raw IP",
};

/** usrsctp as Debian packages it, in a program of ours on a host of the LAN. */
export class Usrsctp implements PeerStack {
  readonly title: string;
  readonly via: Via;
  readonly numbersFragments = true;
  // It now and then forgets its retransmission timer after a loss (usrsctp issue 750) and then sends no more data.
  readonly lossyAttempts = 3;
  #version = "";

  constructor(via: Via) {
    this.via = via;
    this.title = TITLES[via];
  }

  version(): string {
    return this.#version;
  }

  async boot(owner: Owner, lan: Lan): Promise<PeerHost> {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a field of dpkg-query's.
    const field = "${Version}";
    this.#version = (await must(["dpkg-query", "-W", "-f", field, "libusrsctp-dev"])).trim();
    const path = await compile(owner);
    const host = await lan.host("peer");
    const peer = new UsrsctpHost(path, host, this.via);
    owner.after(() => peer.program.end());
    await peer.program.hears(/^ready$/);
    return peer;
  }
}

async function compile(owner: Owner): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "usrsctp-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "usrsctp-peer");
  const source = join(import.meta.dirname, "usrsctp-peer.c");
  await must(["gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-o", path, source, "-lusrsctp", "-lpthread"]);
  return path;
}

class UsrsctpHost implements PeerHost {
  readonly #path: string;
  readonly #host: LanHost;
  readonly #via: Via;
  #program: Program;

  constructor(path: string, host: LanHost, via: Via) {
    this.#path = path;
    this.#host = host;
    this.#via = via;
    this.#program = this.#start([]);
  }

  get address(): string {
    return addressOf(this.#host, this.#via);
  }

  get program(): Program {
    return this.#program;
  }

  async restart(_ourHost: LanHost, options = { interleaving: false }): Promise<void> {
    await this.#program.kill();
    this.#program = this.#start(options.interleaving ? ["interleaving"] : []);
    await this.#program.hears(/^ready$/);
  }

  unplug(): Promise<void> {
    return this.#host.unplug();
  }

  plugIn(): Promise<void> {
    return this.#host.plugIn();
  }

  #start(options: readonly string[]): Program {
    const udpPort = this.#via === "raw" ? "0" : `${ENCAPSULATION_PORT}`;
    const words = [this.#path, this.address, `${PEER_PORT}`, udpPort, udpPort, ...options];
    return new Program("usrsctp", this.#host.on(words));
  }
}
