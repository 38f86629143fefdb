import { readFileSync } from "node:fs";

const { config } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** What Node is started with for the installed registry, see scripts/install.sh: measurements are to tell of that. */
export const DAEMON_NODE_OPTIONS: readonly string[] = String(config.daemonNodeOptions).split(" ");
