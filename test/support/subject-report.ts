/** What a program under measurement tells of itself. */
export interface SubjectReport {
  /** UDP port that it serves. */
  readonly port: number;
  /** Associations that are up. */
  readonly up: number;
  readonly datagrams: number;
  /** Bytes of the JavaScript heap after a full collection; in use by what happens to live outside of it, too. */
  readonly heapBytes: number;
}

/** Needs `--expose-gc` for figures that mean something. */
export function memoryReport(): Pick<SubjectReport, "heapBytes"> {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heapBytes: heapUsed + arrayBuffers };
}

/** CLOCK_MONOTONIC in milliseconds, which is the same in all processes of a machine. */
export function monotonicMillis(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
