/** Figures of a benchmark and how they are printed: one line each, so that two runs can be compared by diff. */

export interface Summary {
  readonly median: number;
  readonly p95: number;
  readonly count: number;
}

export function summary(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const [median, p95] = [at(0.5), at(0.95)];
  if (median === undefined || p95 === undefined) throw new Error("no samples");
  return { median, p95, count: sorted.length };
}

export function title(text: string): void {
  console.log(`\n${text}`);
}

/** "  multiprotoctl status            108.2 ms  (p95 130.1, 21 samples; 1.9 x node -e 0; aim: at most 2 x)". */
export function line(name: string, figure: string, remark = ""): void {
  console.log(`  ${name.padEnd(44)} ${figure.padStart(12)}${remark === "" ? "" : `  (${remark})`}`);
}

export function millis(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}

/** A line for samples in milliseconds. */
export function sampleLine(name: string, samples: readonly number[], remark = ""): Summary {
  const figures = summary(samples);
  const { median, p95, count } = figures;
  line(name, millis(median), `p95 ${millis(p95)}, ${count} samples${remark === "" ? "" : `; ${remark}`}`);
  return figures;
}

export function ratio(subject: number, baseline: number): string {
  return `${(subject / baseline).toFixed(1)} x`;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
