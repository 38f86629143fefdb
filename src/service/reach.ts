import { BlockList, isIPv6 } from "node:net";
import type { Millis } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Link, LinkAddress } from "../io/interfaces.ts";
import { askSystemctl } from "./systemctl.ts";

/** systemd may be busy with a start of the whole machine; nothing waits for the answer. */
const ANSWER_MILLIS: Millis = 10_000;
/** So many addresses are told of in one life: interfaces that come and go make new ones for ever. */
const MAX_TOLD = 64;

/**
 * Whether the service manager lets the networks in that this machine is on. It drops datagrams without a word, so that a
 * registry on a LAN with public addresses would seem to run and be found by nobody.
 */
export class Reach {
  readonly #filter: Promise<AddressFilter | undefined>;
  readonly #unit: string;
  readonly #log: Log;
  readonly #told = new Set<string>();

  constructor(options: {
    readonly unit: string;
    readonly log: Log;
    /** The lines of `systemctl show`; undefined when it cannot be asked. Other than the system's in tests. */
    readonly ask?: (unit: string) => Promise<string | undefined>;
  }) {
    this.#unit = options.unit;
    this.#log = options.log;
    this.#filter = (options.ask ?? askSystemd)(options.unit).then((text) =>
      text === undefined ? undefined : addressFilter(text),
    );
  }

  /** Warns of each address of `links` that is shut out, once. Never rejects. */
  async look(links: readonly Link[]): Promise<void> {
    const filter = await this.#filter;
    if (filter === undefined) return;
    for (const { name, ipv4, ipv6 } of links) {
      for (const local of [...ipv4, ...ipv6]) {
        if (this.#told.size >= MAX_TOLD || this.#told.has(local.address) || passes(filter, local.address))
          continue;
        this.#told.add(local.address);
        this.#warn(name, local);
      }
    }
  }

  #warn(name: string, local: LinkAddress): void {
    const text =
      `Nobody of the network of ${local.address} (${name}) gets through to the registry: IPAddressAllow= of ` +
      `${this.#unit} leaves it out. To let it in: systemctl edit ${this.#unit}, there [Service] and ` +
      `IPAddressAllow=${local.address}/${prefixLength(local.netmask)}, then systemctl restart ${this.#unit}`;
    this.#log.write({ level: "warn", text });
  }
}

interface AddressFilter {
  readonly allow: BlockList;
  readonly deny: BlockList;
}

/** systemd.resource-control(5): what matches IPAddressAllow= passes; else what matches IPAddressDeny= does not. */
function passes({ allow, deny }: AddressFilter, zoned: string): boolean {
  const address = zoned.split("%")[0] ?? zoned;
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  return allow.check(address, family) || !deny.check(address, family);
}

/** "IPAddressAllow=10.0.0.0/8 fe80::/64", as `systemctl show` writes it; what is no prefix is left out. */
function addressFilter(text: string): AddressFilter {
  const list = (property: string): BlockList => {
    const made = new BlockList();
    const line = text.split("\n").find((each) => each.startsWith(`${property}=`)) ?? "";
    for (const word of line.slice(property.length + 1).split(" ")) addPrefix(made, word);
    return made;
  };
  return { allow: list("IPAddressAllow"), deny: list("IPAddressDeny") };
}

function addPrefix(list: BlockList, word: string): void {
  const [address = "", length = ""] = word.split("/");
  if (length === "") return;
  try {
    list.addSubnet(address, Number(length), isIPv6(address) ? "ipv6" : "ipv4");
  } catch {
    // Of a newer systemd, in words that are not known here: better no warning than a wrong one.
  }
}

/** How many bits of a netmask are set. */
function prefixLength(netmask: string): number {
  const base = isIPv6(netmask) ? 16 : 10;
  const groups = netmask.split(/[.:]/).filter(Boolean);
  return groups
    .map((group) => Number.parseInt(group, base).toString(2).replaceAll("0", "").length)
    .reduce((sum, bits) => sum + bits, 0);
}

/** The lines of `systemctl show` about who may send to the unit; undefined when it cannot be asked. */
export function askSystemd(unit: string): Promise<string | undefined> {
  const args = ["show", unit, "--property=IPAddressAllow,IPAddressDeny"];
  return askSystemctl(args, ANSWER_MILLIS);
}
