import { readFileSync } from "node:fs";
import { field, parseObject, text } from "../control/parse.ts";

/** The version of the installed package. Both src/ and dist/ lie one level below package.json. */
export function packageVersion(): string {
  const json: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return field(parseObject(json, "package.json"), "version", text(64), "package.json");
}
