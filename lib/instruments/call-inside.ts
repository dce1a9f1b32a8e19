/**
 * Calls a function inside the methods of instruments that wrap it. The function is called once, and the result is that
 * of the function, regardless of what the instruments do.
 *
 * @param wrap lets an instrument wrap a call
 * @param onError called with what an instrument has thrown; must not throw
 */
export function callInside<Instrument, Result>(
  instruments: readonly Instrument[],
  wrap: (instrument: Instrument, next: () => void) => void,
  onError: (error: unknown) => void,
  call: () => Result,
  index = 0,
): Result {
  if (index >= instruments.length) return call();
  let outcome: Outcome<Result> | undefined;
  const next = (): void => {
    if (outcome !== undefined) return;
    // Set first, so that a second call during the first one has no effect.
    outcome = { thrown: new Error('the function was called twice') };
    try {
      outcome = { result: callInside(instruments, wrap, onError, call, index + 1) };
    } catch (thrown) {
      outcome = { thrown };
    }
  };
  try {
    wrap(instruments[index], next);
  } catch (error) {
    onError(error);
  }
  next();
  return resultOf(outcome);
}

type Outcome<Result> = { readonly result: Result } | { readonly thrown: unknown };

function resultOf<Result>(outcome: Outcome<Result> | undefined): Result {
  if (outcome !== undefined && 'result' in outcome) return outcome.result;
  throw outcome?.thrown;
}
