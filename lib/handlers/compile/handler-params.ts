import 'reflect-metadata';
import type { PipeTransform, Type } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { CUSTOM_PARAM, PARAMS, PAYLOAD_PARAM } from '../../nest/index.js';

/** One parameter of a handler, as its decorators describe it. */
export interface HandlerParam {
  readonly index: number;
  readonly source: 'payload' | 'context' | 'custom';
  /** The argument of the decorator, such as the field of `@Payload('field')`. */
  readonly data: unknown;
  /** The pipes given to the decorator, classes or instances. */
  readonly pipes: readonly (Type<PipeTransform> | PipeTransform)[];
  /** A Standard Schema given to the decorator (Nest 12). */
  readonly schema: unknown;
  /** The type that TypeScript emitted for the parameter. */
  readonly metatype: Type | undefined;
  /** Returns the value of a custom parameter. */
  readonly factory: ((data: unknown, context: ExecutionContext) => unknown) | undefined;
}

interface ParamMetadata {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly (Type<PipeTransform> | PipeTransform)[];
  readonly schema?: unknown;
  readonly factory?: (data: unknown, context: ExecutionContext) => unknown;
}

/**
 * Reads a handler's parameters. Without any decorator they are the payload and the context, as in Nest's own RPC; a
 * method with one parameter does not need the context.
 */
export function readParams(
  target: Type,
  method: string,
  callback: { readonly length: number },
): HandlerParam[] {
  const metadata = (Reflect.getMetadata(PARAMS, target, method) ?? {}) as Record<string, ParamMetadata>;
  const types = (Reflect.getMetadata('design:paramtypes', target.prototype as object, method) ?? []) as (
    Type | undefined
  )[];
  const params = Object.entries(metadata).map(([key, param]): HandlerParam => ({
    index: param.index,
    source: key.includes(CUSTOM_PARAM)
      ? 'custom'
      : Number(key.split(':')[0]) === PAYLOAD_PARAM
        ? 'payload'
        : 'context',
    data: param.data,
    pipes: param.pipes ?? [],
    schema: param.schema,
    metatype: types[param.index],
    factory: param.factory,
  }));
  if (params.length > 0) return params.sort((a, b) => a.index - b.index);
  const plain = { data: undefined, pipes: [], schema: undefined, factory: undefined };
  const payload: HandlerParam = { ...plain, index: 0, source: 'payload', metatype: types[0] };
  if (callback.length === 1) return [payload];
  return [payload, { ...plain, index: 1, source: 'context', metatype: types[1] }];
}
