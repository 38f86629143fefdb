import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Running, RunOptions } from "../lab/command.ts";
import type { Lan, LanHost } from "../lab/netns.ts";
import { CHECKOUT, type LabSettings, SystemdLab } from "../lab/systemd-lab.ts";
import { programOf } from "../support/programs.ts";

const PROJECT = resolve(import.meta.dirname, "../..");

/** A lab in which `scripts/install.sh` has been run, with what it printed. */
export async function bootInstalled(
  settings: LabSettings = {},
): Promise<{ lab: SystemdLab; output: string }> {
  const lab = await SystemdLab.boot(settings);
  try {
    return { lab, output: await install(lab) };
  } catch (error) {
    await lab.shutdown();
    throw error;
  }
}

export function install(lab: SystemdLab): Promise<string> {
  return lab.must([`${CHECKOUT}/scripts/install.sh`], { timeoutMillis: 120_000 });
}

/** multiprotoctl inside. */
export function ctl(lab: SystemdLab, ...args: readonly string[]) {
  return lab.exec(["multiprotoctl", ...args]);
}

/** Nicknames that the registry has as online, sorted. */
export async function online(lab: SystemdLab): Promise<string[]> {
  const { code, stdout } = await ctl(lab, "clients", "--json");
  if (code !== 0) return [];
  const { clients } = JSON.parse(stdout) as { clients: { nickname: string; state: string }[] };
  return clients
    .filter(({ state }) => state === "online")
    .map(({ nickname }) => nickname)
    .sort();
}

/** The process id of the running registry. */
export async function mainPid(lab: SystemdLab): Promise<number> {
  return Number((await lab.show("multiproto.service", "MainPID")).MainPID);
}

/** Waits until another process than `before` runs as the registry and is ready. */
export async function newMainPid(lab: SystemdLab, before: number, timeoutMillis = 10_000): Promise<number> {
  await lab.waitFor(
    "multiproto.service",
    "MainPID",
    (pid) => pid !== "0" && Number(pid) !== before,
    timeoutMillis,
  );
  await lab.waitFor("multiproto.service", "ActiveState", (state) => state === "active", timeoutMillis);
  return mainPid(lab);
}

/** Homes of people, by the network that they are on: a name belongs to the key that is kept there. */
const homes = new Map<string, string>();
process.on("exit", () => {
  for (const home of homes.values()) rmSync(home, { recursive: true, force: true });
});

function homeOf(host: LanHost, nickname: string): string {
  const person = `${host.namespace.slice(0, -host.name.length)} ${nickname}`;
  const home = homes.get(person) ?? mkdtempSync(join(tmpdir(), "multiproto-chat-"));
  homes.set(person, home);
  return home;
}

/** The chat client from the checkout on a host of the test network, each nickname with a home of its own. */
export function chat(
  host: LanHost,
  nickname: string,
  args: readonly string[],
  options: RunOptions = {},
): Running {
  const home = homeOf(host, nickname);
  const environment = {
    HOME: home,
    XDG_STATE_HOME: join(home, "state"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_RUNTIME_DIR: home,
  };
  const program = [join(PROJECT, "node_modules/.bin/node"), programOf("multiproto-chat")];
  return host.spawn([...program, "--nick", nickname, ...args], { ...options, environment });
}

/** Sends one message from `host` and asserts that the other machine confirmed it. */
export async function sendConfirmed(host: LanHost, from: string, to: string, text: string): Promise<void> {
  const sender = await chat(host, from, ["send", to, text, "--wait", "20s"]).end();
  assert.equal(sender.code, 0, `${from} to ${to}: ${sender.stderr}${sender.stdout}`);
}

/** Two hosts beside the registry's, all on one network. */
export async function threeHosts(lan: Lan): Promise<{ registry: LanHost; here: LanHost; there: LanHost }> {
  return {
    registry: await lan.host("registry"),
    here: await lan.host("here"),
    there: await lan.host("there"),
  };
}
