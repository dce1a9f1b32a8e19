import type { LoggerService } from '@nestjs/common';

// Read when this module is loaded, because tests may replace the timers later.
const { setTimeout: startTimer, clearTimeout: endTimer, setImmediate: startImmediate } = globalThis;

/** Calls a function after a time by the clock of the machine; the returned function cancels it. */
export function realTimeout(delay: number, act: () => void): () => void {
  const timer = startTimer(act, Math.min(delay, 2_147_483_647));
  return () => endTimer(timer);
}

/** Calls a function when the code that is ready to run now has run, without timers and I/O. */
export function afterThisTurn(act: () => void): void {
  startImmediate(act);
}

/**
 * Warns if the test replaced the timers: connections and handlers need them.
 *
 * @param logger not that of Nest's testing module, which ignores warnings
 */
export function warnOfFakeTimers(logger: LoggerService): void {
  if (!isFake(globalThis.setTimeout) && !isFake(globalThis.setImmediate)) return;
  logger.warn(
    'Fake timers are active, so connections and handlers may never continue. Use real timers while the kit starts and ' +
      "waits, or fake only the date: vi.useFakeTimers({ toFake: ['Date'] }), or in Jest the option doNotFake.",
    'JetStreamTestKit',
  );
}

/** Fake timers of vitest, Jest and Sinon have a clock; the legacy ones of Jest are mock functions. */
function isFake(timer: object): boolean {
  return 'clock' in timer || '_isMockFunction' in timer;
}
