import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemError } from "../../src/base/errors.ts";
import { CANNOT_LIST, type Link } from "../../src/io/interfaces.ts";
import { LinkWatch } from "../../src/io/link-watch.ts";

function link(name: string, address: string): Link {
  return { name, loopback: false, ipv4: [{ address, netmask: "255.255.255.0" }], ipv6: [] };
}

const [ETH0, MOVED, WLAN0] = [
  link("eth0", "10.0.0.1"),
  link("eth0", "10.0.1.1"),
  link("wlan0", "10.0.2.1"),
] as const;

test("a change is one of names or addresses, and told at each look whether there is one", () => {
  let there: readonly Link[] = [ETH0];
  const told: [number, boolean][] = [];
  const watch = new LinkWatch({
    only: [],
    look: () => there,
    onLook: (links, changed) => told.push([links.length, changed]),
    onError: assert.fail,
  });
  assert.deepEqual(watch.links, [ETH0]);
  for (const next of [[ETH0], [ETH0, WLAN0], [MOVED, WLAN0], [MOVED], [MOVED], []]) {
    there = next;
    watch.look();
    assert.deepEqual(watch.links, next);
  }
  watch.close();
  const expected = [
    [1, false],
    [2, true],
    [2, true],
    [1, true],
    [1, false],
    [0, true],
  ];
  assert.deepEqual(told, expected);
});

test("a chosen interface must be there at the start; later its absence is an error that is told, and the rest stays", () => {
  assert.throws(
    () => new LinkWatch({ only: ["nowhere0"], onLook: () => {}, onError: assert.fail }),
    /No interface nowhere0/,
  );
  let isGone = false;
  const errors: string[] = [];
  const watch = new LinkWatch({
    only: ["lo", "nowhere0"],
    look: () => {
      if (isGone) throw new SystemError("No interface nowhere0", "ENODEV");
      return [ETH0, WLAN0];
    },
    onLook: () => {},
    onError: (error) => errors.push(error.message),
  });
  isGone = true;
  watch.look();
  watch.close();
  assert.deepEqual(errors, ["No interface nowhere0"]);
  assert.deepEqual(
    watch.links.map(({ name }) => name),
    ["lo"],
  );
});

test("when interfaces cannot be listed, those of before stay", () => {
  let isBlind = false;
  const errors: string[] = [];
  const told: boolean[] = [];
  const watch = new LinkWatch({
    only: [],
    look: () => {
      if (isBlind) throw new SystemError("Cannot list network interfaces", CANNOT_LIST);
      return [ETH0, WLAN0];
    },
    onLook: (_links, changed) => told.push(changed),
    onError: (error) => errors.push(error.message),
  });
  isBlind = true;
  watch.look();
  watch.close();
  assert.deepEqual(watch.links, [ETH0, WLAN0]);
  assert.deepEqual([errors, told], [["Cannot list network interfaces"], [false]]);
});
