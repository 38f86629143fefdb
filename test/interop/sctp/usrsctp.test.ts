import { proveAll } from "./prove.ts";
import { Usrsctp } from "./usrsctp.ts";

proveAll(new Usrsctp("udp"));
proveAll(new Usrsctp("udp-ipv6"));
proveAll(new Usrsctp("raw"));
