import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { refusesPayload } from '../../consuming/index.js';
import { pendingThenable } from '../../user-code/index.js';
import type { Enhancers } from './enhancers.js';
import type { HandlerMethod } from './handler-method.js';
import type { HandlerParam } from './handler-params.js';
import type { ParamValues } from './param-values.js';

/**
 * Compiles the innermost part of a handler: its parameters with their pipes, and the method. Parameters without pipes
 * have no overhead.
 *
 * The method is read from the instance for each call, because tests may replace it, on the instance or its class,
 * before or after the application starts.
 */
export function compileInvocation<Input>(
  { method }: HandlerMethod,
  params: readonly HandlerParam[],
  pipes: Enhancers['pipes'],
  instance: object,
): (values: ParamValues<Input>) => unknown {
  const target = instance as Record<string, HandlerMethod['callback']>;
  const length = params.reduce((most, { index }) => Math.max(most, index + 1), 0);
  const piped = params.map((param, place) => {
    // As in Nest, pipes see a payload as `body` and every other parameter as `custom`.
    const type = param.source === 'payload' ? ('body' as const) : ('custom' as const);
    // Nest 12 passes the Standard Schema of a parameter to its pipes; Nest 11 has no schemas.
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
          pending.push(assign(args, param.index, applyPipes(value, chain, metadata, values)));
        }
      }
    } catch (error) {
      // This error ends the call. The pending parameters may fail too, and need a listener to avoid unhandled
      // rejections.
      void Promise.allSettled(pending);
      throw error;
    }
    if (pending.length === 0) return target[method](...args);
    const ready = pending.length === 1 ? pending[0] : Promise.all(pending);
    return (ready as Promise<unknown>).then(() => target[method](...args));
  };
}

async function assign(args: unknown[], index: number, value: PromiseLike<unknown>): Promise<void> {
  args[index] = await value;
}

async function applyPipes<Input>(
  value: unknown,
  pipes: readonly PipeTransform[],
  metadata: ArgumentMetadata,
  values: ParamValues<Input>,
): Promise<unknown> {
  let result = await value;
  for (const pipe of pipes) {
    try {
      result = await pipe.transform(result, metadata);
    } catch (error) {
      if (refusesPayload(error, pipe)) values.refusal ??= { error };
      throw error;
    }
  }
  return result;
}
