/** The unit's last journal lines since `unixSeconds`; none where there is no journal, or nothing in it. */
export async function journalTail(unixSeconds: number): Promise<readonly string[]> {
  // Only failures need this: loading it ahead would slow every command down.
  const { spawnSync } = await import("node:child_process");
  // Newest first, because -n counts from --since otherwise.
  const what = ["-u", "multiproto", `--since=@${unixSeconds}`, "-n", "20", "--reverse"];
  const args = [...what, "--no-pager", "-q", "-o", "cat"];
  const { status, stdout } = spawnSync("journalctl", args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 3_000,
    maxBuffer: 1 << 20,
  });
  if (status !== 0) return [];
  const lines = stdout.split("\n").filter((line) => line.trim() !== "");
  return lines.reverse();
}
