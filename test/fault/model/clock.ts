/**
 * The time in milliseconds, on a clock that never goes back and that all processes of this machine share. The difference to
 * another clock, measured once in each process, would be wrong by the time for which the process was suspended meanwhile.
 */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
