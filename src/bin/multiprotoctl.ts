#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { errorCode } from "../base/errors.ts";
import { runMultiprotoctl } from "../ctl/program.ts";

process.stdout.on("error", (error) => {
  // Whoever read our output has seen enough of it ("multiprotoctl clients | head -1").
  if (errorCode(error) !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runMultiprotoctl(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
});
