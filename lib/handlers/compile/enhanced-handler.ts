import { AsyncResource } from 'node:async_hooks';
import {
  HttpException,
  type ArgumentMetadata,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { catchError as recover, defer, Observable, type Subscriber } from 'rxjs';
import {
  finalResult,
  isObservableLike,
  pendingResult,
  pendingThenable,
  runToEnd,
  stepsOf,
  subscribeSafely,
  toObservable,
  type Steps,
} from '../results/index.js';
import { InvalidPayloadError } from '../settlement/index.js';
import { ParamValues, type CompiledHandler } from './direct-handler.js';
import type { Enhancers } from './enhancers.js';
import type { HandlerMethod } from './handler-method.js';
import type { HandlerParam } from './handler-params.js';
import type { HandlerSource } from './handler-source.js';

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
  const outcome = source.wantsEveryValue ? (value: unknown): unknown => value : settledValue;
  const invoke = compileInvocation(handler, params, enhancers.pipes, instance);

  const run = async (values: ParamValues<Input>): Promise<unknown> => {
    const preparing = values.prepare();
    if (preparing) await preparing;
    for (const guard of guards) {
      let allowed: unknown = guard.canActivate(values.executionContext);
      if (allowed !== true && allowed !== false) allowed = await settledValue(allowed);
      if (!allowed) throw new RpcException('Forbidden resource');
    }
    if (interceptors.length === 0) return outcome(invoke(values));
    return outcome(await intercept(interceptors, values.executionContext, () => invoke(values)));
  };
  if (!catchError) return (input) => run(new ParamValues(handler, source, input));
  return async (input) => {
    const values = new ParamValues(handler, source, input);
    const rescue = (error: unknown): unknown => {
      const handled = catchError(error, values.executionContext);
      // `undefined` says that no filter took it.
      if (handled === undefined) throw error;
      return settledValue(handled);
    };
    try {
      const result = await run(values);
      if (!source.wantsEveryValue) return result;
      const several = valuesOf(result);
      return several ? several.pipe(recover((error: unknown) => defer(async () => rescue(error)))) : result;
    } catch (error) {
      return rescue(error);
    }
  };
}

/** The innermost part: pipes and the method. Parameters without pipes cost nothing but their value. */
function compileInvocation<Input>(
  { callback }: HandlerMethod,
  params: readonly HandlerParam[],
  pipes: Enhancers['pipes'],
  instance: object,
): (values: ParamValues<Input>) => unknown {
  const length = params.reduce((most, { index }) => Math.max(most, index + 1), 0);
  const piped = params.map((param, place) => {
    // As in Nest: a payload is a `body` to pipes, all else is `custom`.
    const type = param.source === 'payload' ? ('body' as const) : ('custom' as const);
    // Nest 12 hands a parameter's Standard Schema to its pipes; Nest 11 has none.
    const metadata = {
      type,
      metatype: param.metatype,
      data: param.data,
      schema: param.schema,
    } as ArgumentMetadata;
    return { param, metadata, pipes: pipes[place] ?? [] };
  });
  return (values) => {
    const args = new Array<unknown>(length);
    const pending: Promise<void>[] = [];
    try {
      for (const { param, metadata, pipes: chain } of piped) {
        const value = values.valueOf(param);
        if (chain.length === 0) {
          const waiting = pendingThenable(value);
          if (waiting === undefined) args[param.index] = value;
          else pending.push(assign(args, param.index, waiting));
        } else {
          pending.push(assign(args, param.index, applyPipes(value, chain, metadata)));
        }
      }
    } catch (error) {
      // This error ends the call. What the other parameters are still waiting for may fail too, and needs a listener.
      void Promise.allSettled(pending);
      throw error;
    }
    if (pending.length === 0) return callback.apply(instance, args);
    const ready = pending.length === 1 ? pending[0] : Promise.all(pending);
    return (ready as Promise<unknown>).then(() => callback.apply(instance, args));
  };
}

async function assign(args: unknown[], index: number, value: PromiseLike<unknown>): Promise<void> {
  args[index] = await value;
}

async function applyPipes(
  value: unknown,
  pipes: readonly PipeTransform[],
  metadata: ArgumentMetadata,
): Promise<unknown> {
  let result = await value;
  try {
    for (const pipe of pipes) result = await pipe.transform(result, metadata);
  } catch (error) {
    throw markInvalid(error);
  }
  return result;
}

const invalid = new WeakSet<object>();

/** A pipe's client error says that the payload is wrong. Filters still see it as it was thrown. */
function markInvalid(error: unknown): unknown {
  if (error instanceof HttpException && error.getStatus() >= 400 && error.getStatus() < 500)
    invalid.add(error);
  return error;
}

/** What settlement sees of an error: a pipe's refusal of the payload as {@link InvalidPayloadError}. */
export function settlementError(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !invalid.has(error)) return error;
  return new InvalidPayloadError(`invalid payload: ${reasons(error as HttpException)}`, { cause: error });
}

function reasons(error: HttpException): string {
  const response = error.getResponse();
  const message = typeof response === 'object' ? (response as { message?: unknown }).message : response;
  return Array.isArray(message) ? message.join('; ') : typeof message === 'string' ? message : error.message;
}

/** A result as it is if it is final, otherwise a promise of what it comes to. */
function settledValue(value: unknown): unknown {
  const pending = pendingResult(value);
  return pending === undefined ? value : finalResult(pending);
}

/** The values of a result that stands for several; `undefined` for a single value. */
function valuesOf(result: unknown): Observable<unknown> | undefined {
  if (isObservableLike(result)) return toObservable(result);
  const steps = stepsOf(result);
  return steps && new Observable((subscriber) => emitSteps(steps, subscriber));
}

/** Runs interceptors around a handler; what comes out of the outermost one. */
function intercept(
  interceptors: readonly NestInterceptor[],
  context: ExecutionContext,
  invoke: () => unknown,
): unknown {
  const next = (place: number): unknown =>
    place < interceptors.length
      ? interceptors[place].intercept(
          context,
          callHandler(() => next(place + 1)),
        )
      : invoke();
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
  return () => void finalResult(steps.return?.()).catch(() => undefined);
}
