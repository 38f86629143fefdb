export { fromHex, packet } from "./wire.ts";
