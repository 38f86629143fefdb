import type { Millis } from "../../base/clock.ts";
import type { FileHost } from "./host.ts";
import type { Transfer, TransferChange, TransferRecord, TransferState, TransferWhy } from "./transfer.ts";

/** How one file stands, beside what the archive keeps of it. */
export interface Shown {
  readonly state: TransferState;
  readonly why: TransferWhy | undefined;
  /** 0 unless it runs. */
  readonly bytesPerSecond: number;
}

/** One file of either direction, as the archive has it and as faces see it. What happens to it is decided elsewhere. */
export class KeptTransfer {
  /** That are there, as far as this side knows. */
  bytes: number;
  readonly #host: FileHost;
  readonly #shown: () => Shown;
  #record: TransferRecord;

  constructor(host: FileHost, record: TransferRecord, shown: () => Shown) {
    this.#host = host;
    this.#record = record;
    this.#shown = shown;
    this.bytes = record.state === "done" ? record.size : 0;
  }

  get record(): TransferRecord {
    return this.#record;
  }

  get transfer(): Transfer {
    const { id, direction, fingerprint, name, size, time, path } = this.#record;
    const peer = this.#host.nameOf(fingerprint) ?? this.#record.peer;
    return {
      ...{ id, direction, peer, fingerprint, name, size, time, path },
      ...{ bytes: this.bytes, ...this.#shown() },
    };
  }

  /** To be stored by the next {@link save}, or not at all. */
  change(part: Partial<Pick<TransferRecord, "name" | "size" | "stamp" | "path">>): void {
    this.#record = { ...this.#record, ...part };
  }

  /** `done`: it is on disk. */
  save(
    now: Millis,
    state: TransferRecord["state"],
    why: TransferWhy | undefined,
    done?: (now: Millis) => void,
  ): void {
    this.#record = { ...this.#record, state, why };
    this.#host.store(now, this.#record, done);
  }

  tell(change: TransferChange): void {
    this.#host.tell(this.transfer, change);
  }
}
