import { readdirSync } from "node:fs";
import { type Finished, must, Running, type RunOptions, run } from "./command.ts";
import { isAbandoned, labName } from "./names.ts";

/**
 * A LAN of network namespaces: each host has one interface `eth0` on a bridge, with multicast, in 10.98.0.0/24 and
 * fd98::/64.
 * Nothing of it reaches the machine's own network.
 */
export class Lan {
  readonly #name: string;
  readonly #hosts = new Map<string, LanHost>();
  #taps = 0;

  private constructor(name: string) {
    this.#name = name;
  }

  static async create(): Promise<Lan> {
    await removeAbandoned();
    const lan = new Lan(labName());
    // The bridge gets a namespace of its own, so that interface names need not be unique on the machine.
    await must(["ip", "netns", "add", lan.#switch]);
    await must(["ip", "-n", lan.#switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0"]);
    await must(["ip", "-n", lan.#switch, "link", "set", "br0", "up"]);
    return lan;
  }

  get #switch(): string {
    return `${this.#name}-switch`;
  }

  /** Adds a host; `address` by default the next free one. */
  async host(name: string, address = `10.98.0.${this.#hosts.size + 1}`): Promise<LanHost> {
    const namespace = `${this.#name}-${name}`;
    const port = `p${this.#hosts.size + 1}`;
    const ipv6Address = `fd98::${this.#hosts.size + 1}`;
    const switchNamespace = this.#switch;
    const host = new LanHost({ name, address, ipv6Address, namespace, switchNamespace, port });
    this.#hosts.set(name, host);
    const inside = ["ip", "-n", namespace];
    await must(["ip", "netns", "add", namespace]);
    await must([
      "ip",
      "-n",
      this.#switch,
      "link",
      "add",
      port,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      namespace,
    ]);
    await must(["ip", "-n", this.#switch, "link", "set", port, "master", "br0", "up"]);
    await must([...inside, "link", "set", "lo", "up"]);
    await must([...inside, "addr", "add", `${address}/24`, "dev", "eth0"]);
    // Nobody else has it: no time is spent on finding that out.
    await must([...inside, "addr", "add", `${ipv6Address}/64`, "dev", "eth0", "nodad"]);
    await must([...inside, "link", "set", "eth0", "up"]);
    await must([...inside, "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    return host;
  }

  /** Adds a tap for a virtual machine, which gets `address` on its own side. */
  async tap(address: string): Promise<LanTap> {
    this.#taps += 1;
    const tap = new LanTap(`tap${this.#taps}`, address, this.#switch);
    await must(tap.on(["ip", "tuntap", "add", "dev", tap.device, "mode", "tap"]));
    await must(tap.on(["ip", "link", "set", tap.device, "up"]));
    await tap.plugIn();
    return tap;
  }

  /** Ends every process on the hosts and removes the network. */
  async dispose(): Promise<void> {
    for (const host of this.#hosts.values()) await removeNamespace(host.namespace);
    await removeNamespace(this.#switch);
  }
}

/** Which packets a fault touches, as an nftables match; every IP packet by default. */
export type Matching = "" | "ip protocol 132" | `udp dport ${number}` | `ip saddr ${string}`;

export class LanHost {
  readonly name: string;
  readonly address: string;
  readonly ipv6Address: string;
  /** Name of its network namespace: /run/netns/NAMESPACE. */
  readonly namespace: string;
  readonly #switch: string;
  readonly #port: string;

  constructor(place: {
    name: string;
    address: string;
    ipv6Address: string;
    namespace: string;
    switchNamespace: string;
    port: string;
  }) {
    this.name = place.name;
    this.address = place.address;
    this.ipv6Address = place.ipv6Address;
    this.namespace = place.namespace;
    this.#switch = place.switchNamespace;
    this.#port = place.port;
  }

  /** The command line that runs `argv` on this host. */
  on(argv: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.namespace, ...argv];
  }

  exec(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run(this.on(argv), options);
  }

  spawn(argv: readonly string[], options: RunOptions = {}): Running {
    return new Running(this.on(argv), options);
  }

  /** Drops this share of what arrives here, of what `matching` says; 100 is a one-way partition. */
  lose(percent: number, matching: Matching = ""): Promise<void> {
    return dropArriving((argv) => this.on(argv), "eth0", percent, matching);
  }

  /** As {@link lose}, of what this host sends: it is dropped where it arrives at the switch. */
  loseSent(percent: number, matching: Matching = ""): Promise<void> {
    return dropArriving((argv) => this.#onSwitch(argv), this.#port, percent, matching);
  }

  /** Ends {@link lose} and {@link loseSent}. */
  async receiveAll(): Promise<void> {
    await run(this.on(["nft", "delete", "table", "netdev", faultsOf("eth0")]));
    await run(this.#onSwitch(["nft", "delete", "table", "netdev", faultsOf(this.#port)]));
  }

  #onSwitch(argv: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.#switch, ...argv];
  }

  /** A cable of their own between this host and another: an interface `device` on both, with these addresses of a /24. */
  async wire(other: LanHost, device: string, mine: string, theirs: string): Promise<void> {
    const peer = ["peer", "name", device, "netns", other.namespace];
    await must(["ip", "link", "add", device, "netns", this.namespace, "type", "veth", ...peer]);
    for (const [host, address] of [
      [this, mine],
      [other, theirs],
    ] as const) {
      await must(host.on(["ip", "addr", "add", `${address}/24`, "dev", device]));
      await must(host.on(["ip", "link", "set", device, "up"]));
    }
  }

  /** Pulls the cable. */
  async unplug(): Promise<void> {
    await must(["ip", "-n", this.#switch, "link", "set", this.#port, "down"]);
  }

  async plugIn(): Promise<void> {
    await must(["ip", "-n", this.#switch, "link", "set", this.#port, "up"]);
  }

  /** Whether multicast reaches this host, as a switch with broken IGMP snooping decides. */
  async multicast(passes: boolean): Promise<void> {
    const flood = passes ? "on" : "off";
    await must([
      "ip",
      "-n",
      this.#switch,
      "link",
      "set",
      this.#port,
      "type",
      "bridge_slave",
      "mcast_flood",
      flood,
    ]);
  }
}

/** A cable on the switch whose other end a virtual machine holds; its program must run by {@link on}. */
export class LanTap {
  readonly device: string;
  /** The virtual machine's, in the network of the {@link Lan}. */
  readonly address: string;
  readonly #switch: string;

  constructor(device: string, address: string, switchNamespace: string) {
    this.device = device;
    this.address = address;
    this.#switch = switchNamespace;
  }

  /** The command line that runs `argv` where the tap is. */
  on(argv: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.#switch, ...argv];
  }

  /** Pulls the cable out of the switch. */
  async unplug(): Promise<void> {
    await must(this.on(["ip", "link", "set", this.device, "nomaster"]));
  }

  async plugIn(): Promise<void> {
    await must(this.on(["ip", "link", "set", this.device, "master", "br0"]));
  }
}

/** The nftables table of the faults of an interface; the switch has several. */
function faultsOf(device: string): string {
  return `faults-${device}`;
}

async function dropArriving(
  on: (argv: readonly string[]) => string[],
  device: string,
  percent: number,
  matching: Matching,
): Promise<void> {
  const chance = percent >= 100 ? "" : `numgen random mod 100 < ${percent}`;
  const table = faultsOf(device);
  const rules = [
    // Made before it is deleted, so that the deletion does not fail where there was none.
    `table netdev ${table}`,
    `delete table netdev ${table}`,
    `table netdev ${table} {`,
    "  chain arriving {",
    `    type filter hook ingress device ${device} priority 0;`,
    `    ${matching} ${chance} drop`,
    "  }",
    "}",
  ].join("\n");
  await must(on(["nft", "-f", "-"]), { input: rules });
}

async function removeNamespace(namespace: string): Promise<void> {
  const { stdout } = await run(["ip", "netns", "pids", namespace]);
  for (const pid of stdout.split("\n").filter((line) => line !== "")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // Already gone.
    }
  }
  await run(["ip", "netns", "delete", namespace]);
}

/** Removes the namespaces of labs whose process was killed. */
async function removeAbandoned(): Promise<void> {
  let names: string[] = [];
  try {
    names = readdirSync("/run/netns");
  } catch {
    return;
  }
  for (const name of names.filter(isAbandoned)) await removeNamespace(name);
}
