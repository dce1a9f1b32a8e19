import 'reflect-metadata';
import { EventPattern } from '@nestjs/microservices';
import { UnsupportedNestVersionError } from '../errors/index.js';
import { installedVersion } from '../reporting/index.js';

/** The metadata keys of `@EventPattern` and `@MessagePattern`, which Nest does not export. */
const PATTERN = 'microservices:pattern';
const KIND = 'microservices:handler_type';
const EXTRAS = 'microservices:pattern_extras';
const TRANSPORT = 'microservices:transport';

type Method = (...args: unknown[]) => unknown;

/** A method of a controller with patterns. */
export interface PatternMethod {
  readonly method: string;
  readonly callback: Method;
  readonly patterns: readonly unknown[];
  readonly isEvent: boolean;
  readonly extras: Readonly<Record<string, unknown>>;
  /** The transport that it is restricted to; `undefined` for all. */
  readonly transport: unknown;
}

/**
 * The methods of a class with `@EventPattern` or `@MessagePattern`, including inherited ones.
 *
 * @throws {@link UnsupportedNestVersionError}
 */
export function patternMethods(type: { readonly prototype: object }): readonly PatternMethod[] {
  const event = kindOfEvents();
  const found = new Map<string, PatternMethod>();
  for (let each: unknown = type.prototype; isPrototype(each); each = Object.getPrototypeOf(each)) {
    for (const method of Object.getOwnPropertyNames(each)) {
      const callback: unknown = Object.getOwnPropertyDescriptor(each, method)?.value;
      if (typeof callback !== 'function' || found.has(method)) continue;
      const kind: unknown = Reflect.getMetadata(KIND, callback);
      if (kind === undefined) continue;
      found.set(method, {
        method,
        callback: callback as Method,
        patterns: Reflect.getMetadata(PATTERN, callback) as readonly unknown[],
        isEvent: kind === event,
        extras: (Reflect.getMetadata(EXTRAS, callback) ?? {}) as Readonly<Record<string, unknown>>,
        transport: Reflect.getMetadata(TRANSPORT, callback) ?? undefined,
      });
    }
  }
  return [...found.values()];
}

/** Decorates a method as a user would, to learn how Nest marks events. */
function kindOfEvents(): unknown {
  const descriptor = { value: (): void => undefined };
  EventPattern('probe')({}, 'probe', descriptor);
  const kind: unknown = Reflect.getMetadata(KIND, descriptor.value);
  const patterns: unknown = Reflect.getMetadata(PATTERN, descriptor.value);
  if (kind !== undefined && Array.isArray(patterns)) return kind;
  throw new UnsupportedNestVersionError(
    `patterns do not keep their metadata in ${PATTERN}`,
    installedVersion('@nestjs/core'),
  );
}

function isPrototype(value: unknown): value is object {
  return typeof value === 'object' && value !== null && value !== Object.prototype;
}
