import assert from "node:assert/strict";
import { test } from "node:test";
import { givenBootId, inheritedSocket, places, watchdogInterval } from "../../src/service/environment.ts";

test("places come from options, then systemd, then the user's directories", () => {
  const systemd = { CONFIGURATION_DIRECTORY: "/c", STATE_DIRECTORY: "/s:/t", RUNTIME_DIRECTORY: "/r" };
  const user = { XDG_STATE_HOME: "/home/u/.state", XDG_RUNTIME_DIR: "/run/user/1" };
  assert.deepEqual(places({ config: "m.toml", stateDir: "s", runtimeDir: "r" }, { ...systemd, ...user }), {
    configurationFile: "m.toml",
    configurationRequired: true,
    stateDirectory: "s",
    runtimeDirectory: "r",
  });
  assert.deepEqual(places({}, { ...systemd, ...user }), {
    configurationFile: "/c/multiproto.toml",
    configurationRequired: false,
    stateDirectory: "/s",
    runtimeDirectory: "/r",
  });
  assert.deepEqual(places({}, user), {
    configurationFile: "/etc/multiproto/multiproto.toml",
    configurationRequired: false,
    stateDirectory: "/home/u/.state/multiproto",
    runtimeDirectory: "/run/user/1/multiproto",
  });
  assert.equal(places({}, {}).runtimeDirectory, "/run/multiproto");
});

test("a passed socket or a watchdog of another process is not ours", () => {
  assert.equal(inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "1" }, 7), 3);
  assert.equal(inheritedSocket({ LISTEN_PID: "8", LISTEN_FDS: "1" }, 7), undefined);
  assert.equal(inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "0" }, 7), undefined);
  assert.equal(inheritedSocket({}, 7), undefined);
  assert.equal(watchdogInterval({ WATCHDOG_USEC: "15000000", WATCHDOG_PID: "7" }, 7), 5_000);
  assert.equal(watchdogInterval({ WATCHDOG_USEC: "15000000", WATCHDOG_PID: "8" }, 7), undefined);
  assert.equal(watchdogInterval({ WATCHDOG_USEC: "x" }, 7), undefined);
  assert.equal(watchdogInterval({}, 7), undefined);
});

test("the unit's word for this run of the kernel: 32 digits, or it is not believed", () => {
  const id = "0123456789abcdef".repeat(2);
  assert.equal(givenBootId({ MULTIPROTO_BOOT_ID: id }), id);
  for (const wrong of [undefined, "", "%b", id.toUpperCase(), `${id}0`, `${id.slice(1)}\n`])
    assert.equal(givenBootId({ MULTIPROTO_BOOT_ID: wrong }), undefined);
});
