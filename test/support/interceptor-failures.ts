import { from, of } from 'rxjs';

/** Ways in which an interceptor can fail to return an observable, with a part of the log line. */
export const FAILURES: Record<string, { readonly act: () => unknown; readonly says: string }> = {
  'returns undefined': { act: () => undefined, says: 'returned undefined' },
  'returns null': { act: () => null, says: 'returned null' },
  'returns a number': { act: () => 5, says: 'returned a number' },
  'returns true': { act: () => true, says: 'returned a boolean' },
  'returns text': { act: () => 'done', says: 'returned a string' },
  'returns an array': { act: () => [], says: 'returned an object' },
  'returns an object': { act: () => ({}), says: 'returned an object' },
  'returns a function': { act: () => () => of(1), says: 'returned a function' },
  'returns a symbol': { act: () => Symbol('x'), says: 'returned a symbol' },
  'returns an object whose pipe throws': {
    act: () => ({
      pipe() {
        throw new Error('pipe');
      },
    }),
    says: 'returned an object',
  },
  'returns an object with subscribe that is not an observable': {
    act: () => ({ subscribe: () => undefined }),
    says: 'returned an object',
  },
  'resolves with undefined': { act: async () => undefined, says: 'returned undefined' },
  'resolves with null': { act: async () => null, says: 'returned null' },
  'resolves with an object': { act: async () => ({ id: 1 }), says: 'returned an object' },
  'rejects with undefined': { act: () => Promise.reject(undefined), says: 'undefined' },
  'rejects with null': { act: () => Promise.reject(null), says: 'null' },
  'rejects with an error': { act: () => Promise.reject(new Error('refused')), says: 'refused' },
  'throws undefined': {
    act: () => {
      // oxlint-disable-next-line typescript/only-throw-error -- user code does such things
      throw undefined;
    },
    says: 'undefined',
  },
  'throws NaN': {
    act: () => {
      // oxlint-disable-next-line typescript/only-throw-error -- user code does such things
      throw NaN;
    },
    says: 'NaN',
  },
  'returns an observable that fails with undefined': {
    act: () => from(Promise.reject(undefined)),
    says: 'undefined',
  },
  'returns an iterable without an iterator': {
    act: () => ({ [Symbol.asyncIterator]: () => null }),
    says: 'returned null',
  },
};
