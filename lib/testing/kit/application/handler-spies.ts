import { HandlerNotFoundError } from '../../../errors/index.js';
import { type Method, ReplacedMethod, type Replacement } from './replaced-method.js';

/** The method of a handler, and the object that it is called on. */
export interface ReplaceableMethod {
  /** The class and method, such as `Billing.onPlaced`. */
  readonly name: string;
  /** The instance; the prototype, if there is an instance for each message. */
  readonly target: object;
  readonly method: string;
  /** The patterns of a microservice that it handles. */
  readonly patterns?: readonly string[] | undefined;
}

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
  private readonly replaced = new Map<object, Map<string, ReplacedMethod>>();
  private readonly restoring = new Set<() => void>();
  private calls = 0;

  /** @param methods returns the handlers of the tracked applications */
  constructor(private readonly methods: () => readonly ReplaceableMethod[]) {}

  /** Records the calls of a handler, which is still called. */
  spyOn(name: string): HandlerSpy {
    const method = this.find(name);
    const calls: unknown[][] = [];
    const results: SpyResult[] = [];
    const settledResults: { type: string; value: unknown }[] = [];
    const contexts: unknown[] = [];
    const invocationCallOrder: number[] = [];
    const next = (): number => ++this.calls;
    const record: Method = function (...args) {
      const place = calls.push(args) - 1;
      contexts.push(this);
      invocationCallOrder.push(next());
      const settled = { type: 'incomplete', value: undefined as unknown };
      settledResults.push(settled);
      const settle = (type: string, value: unknown): void => void Object.assign(settled, { type, value });
      try {
        const value = added.below().apply(this, args);
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
    const added = this.put(method, record);
    const { restore } = added;
    // Not the function that the object has: the test runner would take it for a mock of its own, and return it from its spyOn.
    const spy: Method = function (...args) {
      return record.apply(this, args);
    };
    return Object.assign(spy, {
      calls,
      results,
      mock,
      restore,
      // The mark by which vitest and Jest recognize mock functions.
      _isMockFunction: true,
      getMockName: () => method.name,
    });
  }

  /**
   * Calls a function instead of a handler.
   *
   * @returns a function that restores the method
   */
  replace(name: string, act: (...args: never[]) => unknown): () => void {
    return this.put(this.find(name), act as Method).restore;
  }

  /** Restores all methods. */
  restoreAll(): void {
    for (const restore of this.restoring) restore();
  }

  private put(method: ReplaceableMethod, value: Method): Replacement & { readonly restore: () => void } {
    const replacement = this.replacedOf(method).add(value);
    const restore = (): void => {
      this.restoring.delete(restore);
      replacement.remove();
    };
    this.restoring.add(restore);
    return { ...replacement, restore };
  }

  private replacedOf({ target, method }: ReplaceableMethod): ReplacedMethod {
    const methods = this.replaced.get(target) ?? new Map<string, ReplacedMethod>();
    this.replaced.set(target, methods);
    const known = methods.get(method);
    if (known?.isOnTop === true) return known;
    const replaced = new ReplacedMethod(target, method);
    methods.set(method, replaced);
    return replaced;
  }

  private find(name: string): ReplaceableMethod {
    const methods = this.methods();
    const found =
      methods.find((each) => each.name === name) ??
      methods.find(({ patterns = [] }) => patterns.some((pattern) => isNameOf(pattern, name)));
    if (found !== undefined) return found;
    throw new HandlerNotFoundError(
      name,
      methods.map((each) => each.name),
    );
  }
}

/** Whether a flow names the handler of a pattern like this: after its server, or by its decorator. */
function isNameOf(pattern: string, name: string): boolean {
  return name.endsWith(`: ${pattern}`) || /^@(Event|Message)Pattern\('(.+)'\)$/.exec(name)?.[2] === pattern;
}
