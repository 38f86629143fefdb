import { join } from "node:path";
import { test } from "node:test";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { Terminal } from "./terminal.ts";

const PROJECT = join(import.meta.dirname, "../..");
const program = (name: string): string => join(PROJECT, "src/bin", `${name}.ts`);

test("programs run from src as CONTRIBUTING.md says: the registry, the full screen, a command", async (t) => {
  const place = await makePlace(t);
  const daemon = await Multiprotod.start(t, place, { program: program("multiprotod") });
  const ports = ["--port", `${place.port}`, "--encapsulation-port", `${place.encapsulationPort}`];
  const hook = ["--import", join(PROJECT, "scripts/tsx.mjs")];
  const environment = {
    XDG_STATE_HOME: place.directory,
    XDG_DATA_HOME: join(place.directory, "data"),
    LC_ALL: "C.UTF-8",
  };
  const size = { columns: 100, rows: 30 };
  const chat = [process.execPath, ...hook, program("multiproto-chat"), ...ports, "--nick", "ola"];
  const screen = await Terminal.run({ argv: chat, environment }, size);
  t.after(() => screen.dispose());
  await screen.shows("online as ola");
  const list = [process.execPath, program("multiprotoctl"), "--socket", daemon.socketPath, "clients"];
  const listing = await Terminal.run({ argv: list, environment }, size);
  t.after(() => listing.dispose());
  await listing.shows(/^ola +online/m);
  await screen.keys("C-d");
  await screen.shows("ended with 0");
});
