import { KernelSctp } from "./kernel.ts";
import { proveAll } from "./prove.ts";

proveAll(new KernelSctp("udp"));
proveAll(new KernelSctp("raw"));
