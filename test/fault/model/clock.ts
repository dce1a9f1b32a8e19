/** The difference between the clock of this process and the clock that all processes of a machine share. */
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The time in milliseconds, on a clock that never goes back and that all processes of this machine share. */
export function now(): number {
  return performance.now() + offset;
}
