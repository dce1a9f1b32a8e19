import { AsyncResource } from 'node:async_hooks';
import {
  Logger,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { catchError as recover, defer, Observable, type Subscriber } from 'rxjs';
import {
  closeSteps,
  type CompiledHandler,
  finalResult,
  type HandlerSource,
  invalidPayload,
  isObservableLike,
  isSettlementError,
  nextStep,
  pendingResult,
  runToEnd,
  type Steps,
  stepsOf,
  subscribeSafely,
  toObservable,
} from '../../consuming/index.js';
import { errorStack, errorText, isInstance } from '../../reporting/index.js';
import { pendingThenable } from '../../user-code/index.js';
import type { Enhancers } from './enhancers.js';
import { type HandlerMethod, handlerName } from './handler-method.js';
import type { HandlerParam } from './handler-params.js';
import { intercepted } from './intercepted.js';
import { compileInvocation } from './invocation.js';
import { ParamValues } from './param-values.js';

/**
 * Compiles a handler with everything that Nest puts around it, in Nest's order: guards, interceptors, pipes, the
 * method, and filters around all of them.
 *
 * It means the same as Nest's own `RpcContextCreator`, but is put together once for the enhancers that are there, and
 * waits only where something is pending.
 */
export function compileEnhanced<Input>(
  handler: HandlerMethod,
  params: readonly HandlerParam[],
  source: HandlerSource<Input>,
  instance: object,
  enhancers: Enhancers,
): CompiledHandler<Input> {
  const { guards, interceptors, catchError } = enhancers;
  const { wantsEveryValue } = source;
  const name = handlerName(handler);
  const invoke = compileInvocation(handler, params, enhancers.pipes, instance);

  /** Lets the filters answer for an error; rejects with what settlement is to see if none does. */
  const rescue = async (error: unknown, values: ParamValues<Input>): Promise<unknown> => {
    let outcome = error;
    if (catchError) {
      try {
        const answer = catchError(error, values.executionContext);
        // `undefined` says that no filter took it.
        if (answer !== undefined) return await answerOf(answer, error);
      } catch (failure) {
        outcome = errorAfterFilter(failure, error, handler);
      }
    }
    const { refusal } = values;
    throw refusal && Object.is(refusal.error, outcome) ? invalidPayload(outcome) : outcome;
  };
  return async (input) => {
    const values = new ParamValues(handler, source, input);
    try {
      const preparing = values.prepare();
      if (preparing) await preparing;
      for (const guard of guards) {
        let allowed: unknown = guard.canActivate(values.executionContext);
        if (allowed !== true && allowed !== false) allowed = await settledValue(allowed);
        if (!allowed) throw new RefusedByGuard(guard);
      }
      const result: unknown =
        interceptors.length === 0
          ? invoke(values)
          : await intercept(interceptors, name, values.executionContext, () => invoke(values));
      if (wantsEveryValue) return await valuesWithRescue(result, (error) => rescue(error, values));
      const pending = pendingResult(result);
      return pending === undefined ? result : await finalResult(pending);
    } catch (error) {
      return rescue(error, values);
    }
  };
}

/** What a guard that returns `false` stands for. Filters and callers see what Nest's own pipeline throws. */
class RefusedByGuard extends RpcException {
  constructor(guard: CanActivate) {
    super('Forbidden resource');
    this.name = 'RpcException';
    this.message = `Forbidden resource (refused by the guard ${guard.constructor.name})`;
  }
}

/** An observable with which a filter answers with an error of its own. */
class AnsweredError {
  constructor(readonly error: unknown) {}
}

/** What the answer of a filter comes to. @throws {@link AnsweredError} if it is an observable that fails with another error */
async function answerOf(answer: unknown, error: unknown): Promise<unknown> {
  if (!isObservableLike(answer)) return finalResult(answer);
  try {
    return await finalResult(answer);
  } catch (answered) {
    throw answered === error ? error : new AnsweredError(answered);
  }
}

const logger = new Logger('ExceptionFilters');

/**
 * The error that a message is settled by after a filter failed: that of the handler. A filter may replace it by a
 * {@link RetryMessage}, {@link TerminateMessage} or {@link InvalidPayloadError}, or by an observable that fails with an
 * `Error`; what else it throws is an error of the filter, and is reported.
 */
function errorAfterFilter(failure: unknown, error: unknown, handler: HandlerMethod): unknown {
  if (failure === error || isSettlementError(failure)) return failure;
  if (failure instanceof AnsweredError) {
    const { error: answered } = failure;
    return isInstance(answered, Error) ? answered : error;
  }
  logger.error(
    `${handlerName(handler)}: an exception filter failed, and the message is settled by the error of the handler: ` +
      errorText(failure),
    errorStack(failure),
  );
  return error;
}

/** All values of a result, with what the filters make of an error that comes only while they are brought. */
async function valuesWithRescue(
  result: unknown,
  rescue: (error: unknown) => Promise<unknown>,
): Promise<unknown> {
  const value = await (pendingThenable(result) ?? result);
  if (isObservableLike(value)) {
    return toObservable(value).pipe(recover((error: unknown) => defer(() => rescue(error))));
  }
  const steps = stepsOf(value);
  return steps === undefined ? value : rescuedSteps(steps, rescue);
}

async function* rescuedSteps(
  steps: Steps,
  rescue: (error: unknown) => Promise<unknown>,
): AsyncGenerator<unknown, unknown> {
  let ended = false;
  try {
    for (let number = 1; ; number++) {
      const { done, value } = await nextStep(steps, number);
      ended = done === true;
      if (ended) return value;
      yield value;
    }
  } catch (error) {
    ended = true;
    yield await rescue(error);
    return undefined;
  } finally {
    if (!ended) await closeSteps(steps);
  }
}

/** A result as it is if it is final, otherwise a promise of what it comes to. */
function settledValue(value: unknown): unknown {
  const pending = pendingResult(value);
  return pending === undefined ? value : finalResult(pending);
}

/** Runs interceptors around a handler; what comes out of the outermost one. */
function intercept(
  interceptors: readonly NestInterceptor[],
  handler: string,
  context: ExecutionContext,
  invoke: () => unknown,
): unknown {
  const next = (place: number): unknown => {
    if (place === interceptors.length) return invoke();
    const interceptor = interceptors[place];
    const result: unknown = interceptor.intercept(
      context,
      callHandler(() => next(place + 1)),
    );
    return intercepted(result, interceptor, handler);
  };
  return next(0);
}

/**
 * What an interceptor calls to go on. The rest runs in the asynchronous context in which `handle()` was called, though
 * the observable may be subscribed to elsewhere: so `AsyncLocalStorage.run(store, () => next.handle())` reaches the
 * handler, as in Nest.
 */
export function callHandler(proceed: () => unknown): CallHandler {
  return {
    handle: () => {
      const resource = new AsyncResource('CallHandler');
      return new Observable((subscriber) => {
        try {
          return emit(resource.runInAsyncScope(proceed), subscriber);
        } catch (error) {
          subscriber.error(error);
          return undefined;
        }
      });
    },
  };
}

/** Passes a result on: the values of an observable, generator or asynchronous iterable, a promise's outcome, or the value. */
function emit(result: unknown, subscriber: Subscriber<unknown>): (() => void) | undefined {
  if (isObservableLike(result)) return subscribeSafely(result, subscriber);
  const pending = pendingThenable(result);
  if (pending !== undefined) {
    let inner: (() => void) | undefined;
    pending
      .then((value) => {
        if (subscriber.closed) return;
        inner = emit(value, subscriber);
      })
      .catch((error: unknown) => subscriber.error(error));
    return () => inner?.();
  }
  const steps = stepsOf(result);
  if (steps !== undefined) return emitSteps(steps, subscriber);
  subscriber.next(result);
  subscriber.complete();
  return undefined;
}

/** Passes on what a generator or asynchronous iterable brings; it is closed when the subscriber is. */
function emitSteps(steps: Steps, subscriber: Subscriber<unknown>): () => void {
  const take = async (value: unknown): Promise<void> => {
    subscriber.next(await value);
  };
  runToEnd(steps, take)
    .then(() => subscriber.complete())
    .catch((error: unknown) => subscriber.error(error));
  // Does nothing to one that has ended.
  return () => void closeSteps(steps).catch(() => undefined);
}
