import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { must, run } from "./command.ts";
import type { SystemdLab } from "./systemd-lab.ts";

/** A small disk with an ext4 of its own, that can be filled, and broken as a dying one breaks. */
export class LoopDisk {
  /** "/dev/loop3", here and inside the lab. */
  readonly #device: string;
  readonly #directory: string;

  private constructor(device: string, directory: string) {
    this.#device = device;
    this.#directory = directory;
  }

  static async make(size: string): Promise<LoopDisk> {
    const directory = mkdtempSync(join(tmpdir(), `multiproto-disk-${process.pid}-`));
    const image = join(directory, "image");
    writeFileSync(image, "");
    await must(["truncate", "--size", size, image]);
    // No block is kept for root: the registry is not root.
    await must(["mkfs.ext4", "-q", "-F", "-m", "0", image]);
    return new LoopDisk((await must(["losetup", "--find", "--show", image])).trim(), directory);
  }

  async mount(lab: SystemdLab, path: string): Promise<void> {
    const number = /\d+$/.exec(this.#device)?.[0] ?? "";
    await lab.exec(["mknod", this.#device, "b", "7", number]);
    await lab.must(["mount", "-o", "errors=remount-ro", this.#device, path]);
  }

  /** The kernel finds the file system damaged and lets nobody write any more, whoever has files open. */
  async damage(): Promise<void> {
    writeFileSync(`/sys/fs/ext4/${basename(this.#device)}/trigger_fs_error`, "1");
  }

  /** After the lab that had it mounted. */
  async remove(): Promise<void> {
    await run(["losetup", "--detach", this.#device]);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
