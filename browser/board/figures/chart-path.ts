/** The area of a chart, in units of its picture. */
export interface ChartArea {
  readonly width: number;
  readonly height: number;
  /** The first and the last time. */
  readonly from: number;
  readonly to: number;
  /** The value at the upper edge; 0 is at the lower edge. */
  readonly most: number;
}

/** The data of the SVG path of a line. Values that are missing interrupt it; a single value is a short line. */
export function chartPath(
  times: readonly number[],
  values: readonly (number | undefined)[],
  { from, height, most, to, width }: ChartArea,
): string {
  const text = (number: number): string => String(Math.round(number * 10) / 10);
  const parts: string[] = [];
  let isInterrupted = true;
  for (const [index, time] of times.entries()) {
    const value = values[index];
    if (value === undefined) {
      isInterrupted = true;
      continue;
    }
    const x = to > from ? ((time - from) / (to - from)) * width : width;
    const y = height - (most > 0 ? Math.min(1, value / most) : 0) * height;
    parts.push(isInterrupted ? `M${text(x)} ${text(y)}h0` : `L${text(x)} ${text(y)}`);
    isInterrupted = false;
  }
  return parts.join('');
}

/** A round number that is at least as large as all values: 1, 2 or 5 times a power of ten. */
export function roundMost(values: readonly (number | undefined)[]): number {
  const most = values.reduce<number>((highest, value = 0) => Math.max(highest, value), 0);
  if (most <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5].find((factor) => factor * power >= most) ?? 10) * power;
}
