import { join } from "node:path";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { openArchive } from "../../src/store/sqlite-archive.ts";
import { memoryDirectory, WALL } from "../support/stores.ts";
import { archiveContract } from "./archive-store.ts";

archiveContract("memory", () => {
  const archive = new MemoryArchive({ wall: () => WALL, isLasting: true });
  return { open: () => archive };
});

archiveContract("sqlite", (owner) => {
  const path = join(memoryDirectory(owner), "chat.sqlite");
  return { open: () => openArchive({ path, clock: { wall: () => WALL } }).archive };
});
