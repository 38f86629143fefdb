/**
 * Seeds that found something. They are run always, before any others. What a seed makes happen changes whenever somebody
 * draws another random number, so a defect gets a test of its own, too; this keeps what is near to it.
 */
export const FOUND_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 17, found: "who left did not hear of each message that still waited" },
  { seed: 208, found: "an `attached` that came late, behind deltas, made the mirror forget the roster" },
];
