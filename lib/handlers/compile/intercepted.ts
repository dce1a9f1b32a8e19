import type { NestInterceptor } from '@nestjs/common';
import { hasSteps, isObservableLike } from '../../consuming/index.js';
import { pendingThenable, wrongType } from '../../user-code/index.js';

/**
 * Checks the return value of an interceptor: an observable, a promise of one, or an asynchronous iterable or generator,
 * which Nest accepts too. Any other value is an error, as it is in Nest: otherwise it would be taken for the result,
 * and the message would count as handled although its handler was not called.
 *
 * @param handler the handler's class and method
 * @throws `TypeError`; a promise rejects with it
 */
export function intercepted(result: unknown, interceptor: NestInterceptor, handler: string): unknown {
  if (isObservableLike(result)) return result;
  const pending = pendingThenable(result);
  if (pending) return pending.then((value) => intercepted(value, interceptor, handler));
  if (hasSteps(result)) return result;
  throw new TypeError(
    `${handler}: ${nameOf(interceptor)} returned ${wrongType(result)} instead of an Observable, so the handler did not run. ` +
      'Return next.handle(), or another Observable.',
  );
}

/** An interceptor that is an object literal has no class name. */
function nameOf(interceptor: NestInterceptor): string {
  const type: unknown = interceptor.constructor;
  const name = typeof type === 'function' ? type.name : '';
  return name === 'Object' || name === '' ? 'an interceptor' : `the interceptor ${name}`;
}
