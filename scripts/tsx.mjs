// Lets Node run the views (.tsx) of a checkout: node --import ./scripts/tsx.mjs src/bin/multiproto-chat.ts
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith(".tsx")) return nextLoad(url, context);
    return { format: "module", shortCircuit: true, source: compiled(fileURLToPath(url)) };
  },
});

// esbuild is loaded when the first view is, not by commands that have none.
function compiled(path) {
  const { transformSync } = process.getBuiltinModule("module").createRequire(import.meta.url)("esbuild");
  const options = { loader: "tsx", format: "esm", jsx: "automatic", target: "node26", sourcefile: path };
  return transformSync(readFileSync(path, "utf8"), options).code;
}
