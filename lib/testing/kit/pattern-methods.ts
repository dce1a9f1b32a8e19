import type { INestApplicationContext, Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { PATTERN_HANDLER, PATTERNS } from '../../nest/index.js';
import type { ReplaceableMethod } from './handler-spies.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * The methods of controllers with patterns of microservices.
 *
 * Nest takes such a method from its instance once, when a microservice is connected, so a later spy would have no effect. Until
 * the application has started, instances therefore give Nest a function that calls their current method.
 */
export class PatternMethods {
  private readonly taken = new Map<string, ReplaceableMethod>();
  /** By application: its discovery is the same object for all of its forms, such as an HTTP server. */
  private readonly restoring = new WeakMap<object, (() => void)[]>();

  /** Called when the application is compiled, before microservices are connected. */
  watch(app: INestApplicationContext): void {
    const discovery = discoveryOf(app);
    if (discovery === undefined) return;
    const restoring: (() => void)[] = [];
    this.restoring.set(discovery, restoring);
    for (const { instance, metatype, isDependencyTreeStatic } of controllersOf(discovery)) {
      const { prototype } = metatype;
      for (const [method, original] of methodsOf(prototype)) {
        const found = {
          name: `${metatype.name}.${method}`,
          method,
          patterns: patternsOf(original),
        };
        // Request-scoped instances are asked for their method each time.
        if (!isDependencyTreeStatic) this.taken.set(found.name, { ...found, target: prototype });
        else if (!Object.hasOwn(instance, method)) {
          restoring.push(
            giveLate(instance, method, original, () =>
              this.taken.set(found.name, { ...found, target: instance }),
            ),
          );
        }
      }
    }
  }

  /** Called when the application has started. */
  restore(app: INestApplicationContext): void {
    const discovery = discoveryOf(app);
    for (const restore of (discovery && this.restoring.get(discovery)) ?? []) restore();
  }

  /** The methods that a microservice serves. */
  list(): readonly ReplaceableMethod[] {
    return [...this.taken.values()];
  }
}

interface Controller {
  readonly instance: object;
  readonly metatype: { readonly name: string; readonly prototype: object };
  readonly isDependencyTreeStatic: boolean;
}

/** `undefined` for an application without this library, which is refused later. */
function discoveryOf(app: INestApplicationContext): DiscoveryService | undefined {
  try {
    return app.get(DiscoveryService, { strict: false });
  } catch {
    return undefined;
  }
}

function controllersOf(discovery: DiscoveryService): readonly Controller[] {
  return discovery.getControllers().flatMap((wrapper) => {
    const instance: unknown = wrapper.instance;
    const { metatype } = wrapper;
    if (typeof instance !== 'object' || instance === null || typeof metatype !== 'function') return [];
    return [
      { instance, metatype: metatype as Type, isDependencyTreeStatic: wrapper.isDependencyTreeStatic() },
    ];
  });
}

/** The methods of a class, including inherited ones, that have a pattern. */
function methodsOf(prototype: object): ReadonlyMap<string, Method> {
  const found = new Map<string, Method>();
  for (
    let each: object | null = prototype;
    each !== null;
    each = Object.getPrototypeOf(each) as object | null
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (typeof value !== 'function' || found.has(name)) continue;
      if (Reflect.hasMetadata(PATTERN_HANDLER, value as object)) found.set(name, value as Method);
    }
  }
  return found;
}

/** The patterns of a method that are texts. */
function patternsOf(method: Method): readonly string[] {
  const patterns: unknown = Reflect.getMetadata(PATTERNS, method);
  return Array.isArray(patterns) ? patterns.filter((each): each is string => typeof each === 'string') : [];
}

/**
 * Makes an instance give a function that calls its current method, with the metadata of the original.
 *
 * @param onTaken called when the method was read
 * @returns restores the instance
 */
function giveLate(instance: object, method: string, original: Method, onTaken: () => void): () => void {
  let isInside = false;
  const late: Method = function (...args) {
    // A spy that was set in the meantime calls this function as its original.
    const source = isInside ? (Object.getPrototypeOf(instance) as object) : instance;
    const wasInside = isInside;
    isInside = true;
    try {
      return Reflect.apply(Reflect.get(source, method, this) as Method, this, args);
    } finally {
      isInside = wasInside;
    }
  };
  Object.defineProperty(late, 'name', { value: original.name });
  for (const key of Reflect.getMetadataKeys(original) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, original), late);
  }
  const get = (): Method => {
    onTaken();
    return late;
  };
  const set = (value: unknown): void => {
    Object.defineProperty(instance, method, { value, configurable: true, writable: true, enumerable: true });
  };
  Object.defineProperty(instance, method, { get, set, configurable: true, enumerable: false });
  return () => {
    if (Object.getOwnPropertyDescriptor(instance, method)?.get === get)
      Reflect.deleteProperty(instance, method);
  };
}
