import { MemoryStore } from "../../src/store/memory.ts";
import { openStore, temporaryDirectory } from "../support/stores.ts";
import { registryStoreContract } from "./registry-store.ts";

registryStoreContract("memory", () => {
  const store = new MemoryStore();
  return { open: () => store };
});

registryStoreContract("sqlite", (owner) => {
  const directory = temporaryDirectory(owner);
  return { open: () => openStore(owner, directory).store };
});
