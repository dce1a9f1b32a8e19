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
 * Compiles a handler with its Nest enhancers, in Nest's order: guards, interceptors, pipes, the method, and filters
 * around all of them.
 *
 * It behaves like Nest's own `RpcContextCreator`, but is composed once from the existing enhancers, and it awaits only
 * pending values.
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

  /** Passes an error to the filters. Rejects with the error for settlement if no filter handles it. */
  const rescue = async (error: unknown, values: ParamValues<Input>): Promise<unknown> => {
    let outcome = error;
    if (catchError) {
      try {
        const answer = await answerOf(catchError(error, values.executionContext), error);
        if (answer) return answer.value;
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

/**
 * The error for a guard that returned `false`. Filters and callers see the same exception as in Nest's own pipeline.
 */
class RefusedByGuard extends RpcException {
  constructor(guard: CanActivate) {
    super('Forbidden resource');
    this.name = 'RpcException';
    this.message = `Forbidden resource (refused by the guard ${guard.constructor.name})`;
  }
}

/** Marks the error of an observable that a filter returned, if it differs from the handler's error. */
class AnsweredError {
  constructor(readonly error: unknown) {}
}

/**
 * Resolves the answer of a filter; `undefined` if no filter handled the error: none matches, or the filter returned
 * nothing, at once or as a promise.
 *
 * @throws {@link AnsweredError} if the answer is an observable that fails with another error
 */
async function answerOf(returned: unknown, error: unknown): Promise<{ readonly value: unknown } | undefined> {
  const answer = await (pendingThenable(returned) ?? returned);
  if (answer === undefined) return undefined;
  if (!isObservableLike(answer)) return { value: await finalResult(answer) };
  try {
    return { value: await finalResult(answer) };
  } catch (answered) {
    throw answered === error ? error : new AnsweredError(answered);
  }
}

const logger = new Logger('ExceptionFilters');

/**
 * The error by which a message is settled after a filter failed. This is the error of the handler, unless the filter
 * replaces it by a {@link RetryMessage}, {@link TerminateMessage} or {@link InvalidPayloadError}, or by an observable
 * that fails with an `Error`. Any other error is an error of the filter and is reported.
 */
function errorAfterFilter(failure: unknown, error: unknown, handler: HandlerMethod): unknown {
  if (failure === error || isSettlementError(failure)) return failure;
  if (failure instanceof AnsweredError) {
    const { error: answered } = failure;
    return isInstance(answered, Error) ? answered : error;
  }
  logger.error(
    `${handlerName(handler)}: an exception filter failed, so the message is settled by the error of the handler: ` +
      errorText(failure),
    errorStack(failure),
  );
  return error;
}

/** All values of a result. If an error occurs while they are produced, the answer of the filters is included. */
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

/** A final result as it is; otherwise a promise of its outcome. */
function settledValue(value: unknown): unknown {
  const pending = pendingResult(value);
  return pending === undefined ? value : finalResult(pending);
}

/** Runs interceptors around a handler and returns the result of the outermost one. */
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
 * The call handler that an interceptor calls to continue. The rest of the pipeline runs in the asynchronous context in
 * which `handle()` was called, even if the observable is subscribed to elsewhere, so that
 * `AsyncLocalStorage.run(store, () => next.handle())` reaches the handler, as in Nest.
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

/**
 * Passes a result to the subscriber: the values of an observable, generator or asynchronous iterable, the outcome of a
 * promise, or the value itself.
 */
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

/**
 * Passes the values of a generator or asynchronous iterable to the subscriber, and closes it when the subscriber
 * unsubscribes.
 */
function emitSteps(steps: Steps, subscriber: Subscriber<unknown>): () => void {
  const take = async (value: unknown): Promise<void> => {
    subscriber.next(await value);
  };
  runToEnd(steps, take)
    .then(() => subscriber.complete())
    .catch((error: unknown) => subscriber.error(error));
  // Has no effect on an iterator that has ended.
  return () => void closeSteps(steps).catch(() => undefined);
}
