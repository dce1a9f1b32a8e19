// oxlint-disable unicorn/no-thenable -- user code does such things
import { AsyncLocalStorage } from 'node:async_hooks';

/** Misbehaviors of user code. */
export const BEHAVIORS = [
  'throws',
  'throws undefined',
  'throws an unprintable value',
  'rejects',
  'returns a thenable that throws',
  'returns a thenable that calls back twice',
  'returns a thenable whose then cannot be read',
  'returns rubbish',
  'enters a storage',
  'never settles',
] as const;
export type Behavior = (typeof BEHAVIORS)[number];

/** Misbehaviors of a getter; a promise that it returns belongs to the user. */
export const OF_A_GETTER: readonly Behavior[] = [
  'throws',
  'throws undefined',
  'throws an unprintable value',
  'returns rubbish',
  'enters a storage',
];

/** Misbehaviors that result in an error with a text. */
export const WITH_CAUSE: readonly Behavior[] = ['throws', 'rejects', 'returns a thenable that throws'];

/** The value that an earlier message may have left in the asynchronous context. */
export const storage = new AsyncLocalStorage<string>();

/** Misbehaves in the given way; the text of its error is `cause`. */
export function behave(behavior: Behavior, cause: string): never {
  switch (behavior) {
    case 'throws':
      throw new Error(cause);
    case 'throws undefined':
      // oxlint-disable-next-line typescript/only-throw-error -- user code does such things
      throw undefined;
    case 'throws an unprintable value':
      throw unprintable();
    case 'rejects':
      return Promise.reject(new Error(cause)) as never;
    case 'returns a thenable that throws':
      return {
        then() {
          throw new Error(cause);
        },
      } as never;
    case 'returns a thenable that calls back twice':
      return {
        then(resolve: (value: unknown) => void, reject: (error: Error) => void) {
          resolve(undefined);
          reject(new Error(cause));
          resolve(1);
          throw new Error(cause);
        },
      } as never;
    case 'returns a thenable whose then cannot be read':
      return Object.defineProperty({}, 'then', {
        get() {
          throw new Error(cause);
        },
      }) as never;
    case 'returns rubbish':
      return Symbol('rubbish') as never;
    case 'enters a storage':
      storage.enterWith(cause);
      return undefined as never;
    case 'never settles':
      return new Promise(() => {}) as never;
  }
}

function unprintable(): unknown {
  const hostile = (): never => {
    throw new Error('hostile');
  };
  return new Proxy(new Error('x'), { get: hostile, getPrototypeOf: hostile, ownKeys: hostile });
}
