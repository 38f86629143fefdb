import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";

/**
 * Names of what a lab makes outside its own process (namespaces, mounts, cgroups). They carry the process id, so that
 * parallel runs keep apart and a later run can clear up after one that was killed.
 */
const PATTERN = /^multiproto-lab-(\d+)-[0-9a-f]{6}/;

export function labName(): string {
  return `multiproto-lab-${process.pid}-${randomBytes(3).toString("hex")}`;
}

/** Whether `name` was made by a lab whose process is no more. */
export function isAbandoned(name: string): boolean {
  const owner = PATTERN.exec(name)?.[1];
  return owner !== undefined && !existsSync(`/proc/${owner}`);
}
