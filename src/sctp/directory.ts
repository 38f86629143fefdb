import type { AssociationId, Path } from "./api.ts";
import type { Association } from "./association.ts";

/** Who a peer is: its address, how it is reached, and its port. Where it reached us does not count. */
function peerKey(path: Path, remotePort: number): string {
  return `${path.via} ${path.address} ${path.outerPort} ${remotePort}`;
}

export function isSamePeerPath(one: Path, other: Path): boolean {
  return one.address === other.address && one.outerPort === other.outerPort && one.via === other.via;
}

/** The associations of an endpoint, found by what they are called: by us, by their v-tag, and by their peer's address. */
export class Directory {
  readonly #byId = new Map<AssociationId, Association>();
  readonly #byTag = new Map<number, Association>();
  readonly #byPeer = new Map<string, Association>();

  get size(): number {
    return this.#byId.size;
  }

  all(): Iterable<Association> {
    return this.#byId.values();
  }

  byId(id: AssociationId): Association | undefined {
    return this.#byId.get(id);
  }

  byTag(tag: number): Association | undefined {
    return this.#byTag.get(tag);
  }

  byPeer(path: Path, remotePort: number): Association | undefined {
    return this.#byPeer.get(peerKey(path, remotePort));
  }

  add(association: Association): void {
    this.#byId.set(association.link.id, association);
    this.#byTag.set(association.link.localTag, association);
    this.#byPeer.set(peerKey(association.link.path, association.link.remotePort), association);
  }

  remove(association: Association): void {
    this.#byId.delete(association.link.id);
    this.#byTag.delete(association.link.localTag);
    const key = peerKey(association.link.path, association.link.remotePort);
    if (this.#byPeer.get(key) === association) this.#byPeer.delete(key);
  }

  /** `association` had `former` for its v-tag and has another now. */
  retag(association: Association, former: number): void {
    this.#byTag.delete(former);
    this.#byTag.set(association.link.localTag, association);
  }

  /** `association` will be found under `path`; call before it changes. False when another one is. */
  move(association: Association, path: Path): boolean {
    const key = peerKey(path, association.link.remotePort);
    if (this.#byPeer.has(key)) return false;
    this.#byPeer.delete(peerKey(association.link.path, association.link.remotePort));
    this.#byPeer.set(key, association);
    return true;
  }
}
