/** Whether every subject that matches the second pattern matches the first one. */
export function subjectCovers(wider: string, narrower: string): boolean {
  const left = wider.split('.');
  const right = narrower.split('.');
  for (let i = 0; i < left.length; i++) {
    if (right[i] === undefined) return false;
    if (left[i] === '>') return true;
    if (right[i] === '>' || (left[i] !== '*' && left[i] !== right[i])) return false;
  }
  return left.length === right.length;
}

/** Whether some subject matches both patterns, for example whether a filter can match messages of a stream. */
export function subjectsOverlap(a: string, b: string): boolean {
  const left = a.split('.');
  const right = b.split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if (left[i] === undefined || right[i] === undefined) return false;
    if (left[i] === '>' || right[i] === '>') return true;
    if (left[i] !== right[i] && left[i] !== '*' && right[i] !== '*') return false;
  }
  return true;
}
