/**
 * The promise of a promise or another thenable of the user; `undefined` for any other value.
 *
 * Never throws, and always returns a native promise: a `then` that throws, or cannot be read, rejects it, and if a
 * thenable calls back twice, the first call counts. A native promise is returned as it is.
 */
export function pendingThenable(value: unknown): Promise<unknown> | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    const then: unknown = (value as { readonly then?: unknown }).then;
    if (typeof then !== 'function') return undefined;
    if (then === Promise.prototype.then && value.constructor === Promise) {
      return value;
    }
    return adopt(value as PromiseLike<unknown>, then as PromiseLike<unknown>['then']);
  } catch (error) {
    return Promise.reject(error);
  }
}

function adopt(thenable: PromiseLike<unknown>, then: PromiseLike<unknown>['then']): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fulfilled = (value: unknown): void => {
      // A native promise would resolve it again and again forever.
      if (value === thenable) reject(new TypeError('The result is a thenable that resolves to itself'));
      else resolve(value);
    };
    then.call(thenable, fulfilled, reject);
  });
}
