/** What the exit status of multiprotoctl says (docs/control.md). */

export const OK = 0;
/** It was tried and went wrong. */
export const FAILURE = 1;
/** The command line makes no sense. */
export const USAGE = 2;
/** There is no registry to ask. */
export const NOT_RUNNING = 3;
/** This user may not use the control socket. */
export const NOT_PERMITTED = 4;
/** Nobody of that nickname or key is known. */
export const NOT_FOUND = 5;
/** It did not happen in time; it may still happen. */
export const TIMEOUT = 6;
/** `doctor` found something that does not work. */
export const FOUND_PROBLEMS = 7;
/** The registry refused its configuration (EX_CONFIG of sysexits.h). */
export const CONFIGURATION_REFUSED = 78;
