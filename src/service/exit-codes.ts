/** How multiprotod ends. Documented in `multiprotod --help` and docs/control.md. */
export const EXIT = {
  ok: 0,
  /** A port in use, a missing permission, a broken system. */
  failure: 1,
  usage: 2,
  /** The configuration was refused; sysexits(3) EX_CONFIG. systemd does not try again. */
  configuration: 78,
  /** The state directory has something that only a person can put right. systemd does not try again. */
  state: 79,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
