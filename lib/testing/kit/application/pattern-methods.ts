import type { INestApplicationContext, Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { patternMethods } from '../../../nest/index.js';
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
      for (const { method, callback: original, patterns } of patternMethods(metatype)) {
        const found = {
          name: `${metatype.name}.${method}`,
          method,
          patterns: patterns.filter((each) => typeof each === 'string'),
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
