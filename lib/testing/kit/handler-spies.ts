import { HandlerNotFoundError } from '../../errors/index.js';

/** The method of a handler, and the object that it is called on. */
export interface ReplaceableMethod {
  /** The class and method, such as `Billing.onPlaced`. */
  readonly name: string;
  /** The instance; the prototype, if there is an instance for each message. */
  readonly target: object;
  readonly method: string;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** The outcome of one call, in the form of mock functions of vitest and Jest. */
export type SpyResult =
  { readonly type: 'return'; readonly value: unknown } | { readonly type: 'throw'; readonly value: unknown };

/** Records the calls of a handler. `expect(spy)` of vitest and Jest accepts it as a mock function. */
export interface HandlerSpy {
  (...args: unknown[]): unknown;
  /** The arguments of each call: the parameters of the method. */
  readonly calls: readonly (readonly unknown[])[];
  /** The result of each call; a promise, if the method is asynchronous. */
  readonly results: readonly SpyResult[];
  /** The same in the form of vitest and Jest. */
  readonly mock: {
    readonly calls: readonly (readonly unknown[])[];
    readonly results: readonly SpyResult[];
    readonly contexts: readonly unknown[];
    readonly instances: readonly unknown[];
    readonly invocationCallOrder: readonly number[];
    readonly settledResults: readonly { readonly type: string; readonly value: unknown }[];
    readonly lastCall: readonly unknown[] | undefined;
  };
  getMockName(): string;
  /** Restores the method. */
  restore(): void;
}

/** Replaces methods of handlers, and restores them. */
export class HandlerSpies {
  private readonly replaced: (() => void)[] = [];
  private calls = 0;

  /** @param methods returns the handlers of the tracked applications */
  constructor(private readonly methods: () => readonly ReplaceableMethod[]) {}

  /** Records the calls of a handler, which is still called. */
  spyOn(name: string): HandlerSpy {
    const found = this.find(name);
    const original = methodOf(found);
    const calls: unknown[][] = [];
    const results: SpyResult[] = [];
    const settledResults: { type: string; value: unknown }[] = [];
    const contexts: unknown[] = [];
    const invocationCallOrder: number[] = [];
    const next = (): number => ++this.calls;
    const record: Method = function (...args) {
      calls.push(args);
      contexts.push(this);
      invocationCallOrder.push(next());
      const settled = { type: 'incomplete', value: undefined as unknown };
      settledResults.push(settled);
      const settle = (type: string, value: unknown): void => void Object.assign(settled, { type, value });
      const place = results.length;
      try {
        const value = original.apply(this, args);
        results[place] = { type: 'return', value };
        if (value instanceof Promise) {
          value.then(
            (result: unknown) => settle('fulfilled', result),
            (error: unknown) => settle('rejected', error),
          );
        } else settle('fulfilled', value);
        return value;
      } catch (error) {
        results[place] = { type: 'throw', value: error };
        settle('rejected', error);
        throw error;
      }
    };
    const mock = {
      calls,
      results,
      contexts,
      instances: contexts,
      invocationCallOrder,
      settledResults,
      get lastCall() {
        return calls.at(-1);
      },
    };
    const restore = this.put(found, record);
    return Object.assign(record, {
      calls,
      results,
      mock,
      restore,
      // The mark by which vitest and Jest recognize mock functions.
      _isMockFunction: true,
      getMockName: () => found.name,
    });
  }

  /**
   * Calls a function instead of a handler.
   *
   * @returns a function that restores the method
   */
  replace(name: string, act: (...args: never[]) => unknown): () => void {
    return this.put(this.find(name), act as Method);
  }

  /** Restores all methods. */
  restoreAll(): void {
    for (const restore of this.replaced.splice(0).toReversed()) restore();
  }

  private put({ target, method }: ReplaceableMethod, value: Method): () => void {
    const own = Object.getOwnPropertyDescriptor(target, method);
    // The calls of a handler read the method of its instance each time.
    Object.defineProperty(target, method, { value, configurable: true, writable: true, enumerable: false });
    let isRestored = false;
    const restore = (): void => {
      if (isRestored) return;
      isRestored = true;
      if (own === undefined) Reflect.deleteProperty(target, method);
      else Object.defineProperty(target, method, own);
    };
    this.replaced.push(restore);
    return restore;
  }

  private find(name: string): ReplaceableMethod {
    const methods = this.methods();
    const found = methods.find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new HandlerNotFoundError(
      name,
      methods.map((each) => each.name),
    );
  }
}

function methodOf({ target, method }: ReplaceableMethod): Method {
  return Reflect.get(target, method) as Method;
}
