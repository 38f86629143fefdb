/**
 * The installed programs under a real systemd: `systemctl start` to READY, and `multiprotoctl status` as an admin runs
 * it. Timed by a Node inside the machine, so that entering it is not in the figures. Needs root and systemd-nspawn.
 */
import { existsSync } from "node:fs";
import { bootInstalled } from "../systemd/installed.ts";
import { line, ratio, sampleLine, title } from "./figures.ts";

const ROUNDS = 21;
const NODE = "/usr/lib/multiproto/bin/node";

/** Runs inside the machine: times each command of argv, in turn, and prints the milliseconds as JSON. */
const TIMER = `
const { spawnSync } = require("node:child_process");
const [rounds, ...commands] = process.argv.slice(1);
const samples = commands.map(() => []);
for (let round = 0; round < Number(rounds); round += 1) {
  for (const [index, command] of commands.entries()) {
    const begun = performance.now();
    const { status, stderr } = spawnSync("sh", ["-c", "exec " + command], { encoding: "utf8" });
    if (status !== 0) throw new Error(command + " ended with " + status + ": " + stderr);
    samples[index].push(performance.now() - begun);
  }
}
console.log(JSON.stringify(samples));`;

title("Under a real systemd (installed by scripts/install.sh)");
if (process.getuid?.() !== 0 || !existsSync("/usr/bin/systemd-nspawn")) {
  line("left out", "-", "needs root and Debian's systemd-container");
} else {
  const { lab } = await bootInstalled();
  try {
    const inside = async (...commands: readonly string[]): Promise<number[][]> => {
      const argv = [NODE, "-e", TIMER, String(ROUNDS), ...commands];
      return JSON.parse(await lab.must(argv, { timeoutMillis: 120_000 })) as number[][];
    };
    const [baseline = [], status = []] = await inside(`${NODE} -e 0`, "multiprotoctl status");
    const { median } = sampleLine("node -e 0", baseline, "baseline");
    const middle = [...status].sort((one, other) => one - other)[status.length >> 1] ?? Number.NaN;
    sampleLine("multiprotoctl status", status, `${ratio(middle, median)} node -e 0; aim: at most 2 x`);
    // Type=notify: systemctl start returns when READY=1 has come.
    await lab.must(["systemctl", "stop", "multiproto.service"]);
    const [start = [], stop = []] = await inside(
      "systemctl start multiproto.service",
      "systemctl stop multiproto.service",
      // Starts by hand count towards the start limit, too.
      "systemctl reset-failed multiproto.service",
    );
    sampleLine("systemctl start, to READY", start);
    sampleLine("systemctl stop, to its end", stop);
  } finally {
    await lab.shutdown();
  }
}
