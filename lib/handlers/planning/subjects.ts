/** Whether some subject matches both: whether a filter can meet any message of a stream that listens on the other. */
export function subjectsOverlap(a: string, b: string): boolean {
  const left = a.split('.');
  const right = b.split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const one = left[i];
    const other = right[i];
    if (one === '>' || other === '>') return one !== undefined && other !== undefined;
    if (one === undefined || other === undefined) return false;
    if (one !== other && one !== '*' && other !== '*') return false;
  }
  return true;
}
