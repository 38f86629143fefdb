import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { must } from "./command.ts";

export type DebianRelease = "bookworm" | "trixie";

/** The smallest tree that boots systemd and reaches apt: nothing that multiproto needs is prepared in it. */
const PACKAGES = "systemd,systemd-sysv,dbus,udev,iproute2,ca-certificates";

/**
 * The root tree of a bare Debian, made by debootstrap the first time (about a minute) and kept in a cache outside the
 * checkout. Never changed afterwards: labs lay an overlay on it.
 */
export async function debianTree(release: DebianRelease): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? "/var/cache", "multiproto-test");
  const tree = join(cache, `debian-${release}`);
  if (existsSync(tree)) return tree;
  mkdirSync(cache, { recursive: true });
  const unfinished = `${tree}.${process.pid}`;
  try {
    const command = ["debootstrap", "--variant=minbase", `--include=${PACKAGES}`, release, unfinished];
    await must(command, { timeoutMillis: 600_000 });
    renameSync(unfinished, tree);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return tree;
}
