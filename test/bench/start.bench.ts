/** From process to service: what a person or systemd waits for. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { Scope } from "../support/until.ts";
import { builtPrograms, installedPrograms } from "./build.ts";
import { ratio, sampleLine, timed, title } from "./figures.ts";

const ROUNDS = 31;

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: "ignore" });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
}

const scope = new Scope();
try {
  title("Start of programs (whole processes, in turn with the baseline)");
  const programs = builtPrograms();
  const place = await makePlace(scope);
  const program = join(programs, "multiprotod.js");
  const daemon = await Multiprotod.start(scope, place, { program });
  const status = ["--socket", daemon.socketPath, "status"];
  const installed = installedPrograms();
  const commands = new Map<string, () => Promise<void>>([
    ["node -e 0", () => run(process.execPath, ["-e", "0"])],
    ["multiprotoctl status", () => run(process.execPath, [join(programs, "multiprotoctl.js"), ...status])],
  ]);
  if (installed !== undefined) {
    commands.set("multiprotoctl status, installed", () => run(join(installed, "multiprotoctl"), status));
  }
  const samples = new Map<string, number[]>([...commands.keys()].map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, command] of commands) samples.get(name)?.push(await timed(command));
  }
  const starts: number[] = [];
  const stops: number[] = [];
  await daemon.stop();
  for (let round = 0; round < ROUNDS; round += 1) {
    let started: Multiprotod | undefined;
    starts.push(
      await timed(async () => {
        started = await Multiprotod.start(scope, place, { program });
      }),
    );
    stops.push(await timed(async () => started?.stop()));
  }

  let baseline = Number.NaN;
  for (const [name, times] of samples) {
    if (Number.isNaN(baseline)) baseline = sampleLine(name, times, "baseline").median;
    else {
      const median = [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
      sampleLine(name, times, `${ratio(median, baseline)} node -e 0; aim: at most 2 x`);
    }
  }
  sampleLine("multiprotod, process to ready line", starts);
  sampleLine("multiprotod, SIGTERM to end, nobody online", stops);
} finally {
  await scope.end();
}
