/** The measurement of one transport in one round. */
export interface Measurement {
  /** Operations a second. */
  readonly rate: number;
  /** Microseconds of CPU (user and system, all threads of the process that runs the application) an operation. */
  readonly cpu: number;
}

/** Starts a measurement; the returned function ends it. */
export function startStopwatch(): (operations: number) => Measurement {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  return (operations) => {
    const elapsed = performance.now() - start;
    const { user, system } = process.cpuUsage(cpuBefore);
    return { rate: (operations * 1_000) / elapsed, cpu: (user + system) / operations };
  };
}
