import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Finished, Running } from "./command.ts";
import { LABS, layRoot, removeAbandoned, removeLab } from "./machine.ts";
import { labName } from "./names.ts";

/**
 * A throw-away root tree with a clean checkout in which commands run without any service manager, on this machine's
 * network and with its devices: what needs mounts and machines of its own (the test tiers) works in it.
 */
export class BareRoot {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async lay(tree: string): Promise<BareRoot> {
    await removeAbandoned();
    const directory = join(LABS, labName());
    try {
      await layRoot(directory, { root: tree, checkout: "clean" });
    } catch (error) {
      await removeLab(directory);
      throw error;
    }
    return new BareRoot(directory);
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.#directory, "root", path), text);
  }

  /** Runs `argv` as root with nothing in its environment but `environment`. */
  async exec(
    argv: readonly string[],
    options: { readonly environment: Readonly<Record<string, string>>; readonly timeoutMillis: number },
  ): Promise<Finished> {
    const variables = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", ...options.environment };
    const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const root = join(this.#directory, "root");
    // The mounts are made in a namespace of their own: they end with the command.
    const enter = [
      "unshare",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "sh",
      "-ec",
      ENTER,
      "enter",
      root,
    ];
    const running = new Running(["env", "-i", ...assignments, ...enter, ...argv]);
    try {
      return await running.end(options.timeoutMillis);
    } finally {
      await running.stop("SIGKILL");
    }
  }

  remove(): Promise<void> {
    return removeLab(this.#directory);
  }
}

const ENTER = `
cp /etc/resolv.conf "$1/etc/"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs run "$1/run"
mount -t tmpfs -o mode=1777 tmp "$1/tmp"
mount -t proc proc "$1/proc"
root=$1
shift
exec chroot "$root" "$@"
`;
