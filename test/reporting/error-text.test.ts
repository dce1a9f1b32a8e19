import { describe, expect, it } from 'vitest';
import { errorStack, errorText, printable, toError } from '../../lib/reporting/index.js';

const throwing = (): never => {
  throw new Error('hostile');
};
const hostile: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a symbol', Symbol('s')],
  ['a bigint', 1n],
  ['an object without a prototype', Object.create(null)],
  ['an object whose toString throws', { toString: throwing }],
  ['an object whose toString returns an object', { toString: () => ({}), valueOf: () => ({}) }],
  ['an error whose message throws', Object.defineProperty(new Error('x'), 'message', { get: throwing })],
  ['an error whose message is a symbol', Object.assign(new Error('x'), { message: Symbol('s') })],
  ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', { get: throwing })],
  ['a proxy that refuses everything', new Proxy({}, { get: throwing, getPrototypeOf: throwing })],
  ['a revoked proxy', revoked()],
];

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('text of unknown errors', () => {
  it.each(hostile)('is made of %s', (_, thrown) => {
    expect(typeof errorText(thrown)).toBe('string');
    expect(() => errorStack(thrown)).not.toThrow();
    expect(toError(thrown)).toBeInstanceOf(Error);
  });

  it('is the message, on one line', () => {
    expect(errorText(new Error('no such order'))).toBe('no such order');
    expect(errorText('a\nb')).toBe('a\\nb');
    expect(errorText(new TypeError(''))).toBe('TypeError');
  });

  it('keeps a message on one line in a stack too', () => {
    const [first, second] = errorStack(new Error('first\nsecond line'))?.split('\n') ?? [];
    expect(first).toBe('Error: first\\nsecond line');
    expect(second).toMatch(/^ {4}at /);
  });

  it('escapes control characters, and truncates long texts', () => {
    expect(printable('\u001b[31mred\r\nfaked line\u202e\u0000')).toBe(
      '\\u001b[31mred\\r\\nfaked line\\u202e\\u0000',
    );
    expect(printable('grün, 価格')).toBe('grün, 価格');
    expect(printable('x'.repeat(10_000)).length).toBeLessThan(2_100);
  });
});
