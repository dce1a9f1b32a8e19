import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { yamlText } from '../../lib/asyncapi/document/yaml-text.js';
import { randomFrom } from './generate.js';

const SEED = Number(process.env.SEED ?? 20_241_127);

it.each<[string, unknown]>([
  ['nothing', {}],
  ['lists in lists', [[], [[1], [2, [3]]], {}]],
  ['objects in lists', [{ a: 1, b: [{ c: null }] }, { d: { e: [] } }]],
  [
    'texts that look like other types',
    ['null', '~', 'true', 'No', 'on', '1', '1.0', '.5', '0x1', '1e3', '-1', ''],
  ],
  ['dates and times', ['2020-01-01', '2020-01-01T00:00:00Z', '12:30', '1_000']],
  [
    'indicators',
    [
      '- a',
      '? a',
      ': a',
      'a: b',
      'a #b',
      '#a',
      '&a',
      '*a',
      '!a',
      '|',
      '>',
      '%a',
      '@a',
      '`a',
      '{a',
      '[a',
      ',',
    ],
  ],
  ['quotes', ["'", '"', "it's", 'a"b', '\\']],
  ['document marks', ['---', '...', 'a\n---\nb', 'a\n...\nb']],
  [
    'keys',
    { 'a b': 1, 'a: b': 2, '': 3, '-': 4, null: 5, '#': 6, '<<': 7, y: 8, ['x'.repeat(2_000)]: { z: [9] } },
  ],
  ['long keys in lists', [{ ['x y'.repeat(1_000)]: 1, b: 2 }]],
  ['lines', ['a\nb', 'a\n\nb', 'a\n  b\n c', '# Title\n\n- one\n- two: #3\n\n```js\n  x\n```']],
  [
    'lines with spaces',
    [' a\nb', 'a \nb', 'a\n \nb', 'a\nb ', '\na', 'a\n', 'a\n\n', '\n', '\n\n', 'a\n\tb'],
  ],
  ['other line ends', ['a\r\nb', 'a\rb', 'a\u0085b\nc', 'a\u2028b\nc', 'a\u2029b']],
  [
    'control characters',
    ['\u0000', '\u0007', '\u001b[1m', 'a\u007fb\nc', '\ufeffa', 'a\ufeff\nb', '\u200f', '\u00a0\na\u00a0'],
  ],
  ['other scripts', ['größe\nstraße', '日本\n語', '🚀\n👍🏽', 'e\u0301\nx', '\ud800', 'a\n\udfff']],
  ['numbers', [0, -0, 1.5, 1e21, 1e-7, -3, Number.MAX_SAFE_INTEGER]],
])('%s are the same after YAML was read', (_, value) => {
  const json: unknown = JSON.parse(JSON.stringify(value));
  expect(parse(yamlText(value))).toEqual(json);
  expect(parse(yamlText({ in: [{ an: value }] }))).toEqual({ in: [{ an: json }] });
});

it('random values are the same after YAML was read', () => {
  const random = randomFrom(SEED);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)];
  const parts = [
    'a',
    'B',
    '1',
    ' ',
    '  ',
    '\n',
    '\n\n',
    ':',
    ': ',
    '#',
    ' #',
    '-',
    '- ',
    '"',
    "'",
    '|',
    '>',
    '%',
    '\t',
    'é',
    '🚀',
    '~',
    '?',
  ];
  const text = (): string => Array.from({ length: Math.floor(random() * 9) }, () => pick(parts)).join('');
  const value = (depth: number): unknown => {
    const length = Math.floor(random() * 4);
    switch (depth > 4 ? 0 : Math.floor(random() * 5)) {
      case 1:
        return Array.from({ length }, () => value(depth + 1));
      case 2:
        return Object.fromEntries(Array.from({ length }, () => [text(), value(depth + 1)]));
      case 3:
        return pick([null, true, false, 0, -1.5, 1e9]);
      default:
        return text();
    }
  };
  for (let i = 0; i < 3_000; i++) {
    const given = [value(0)];
    const written = yamlText(given);
    expect(parse(written), written).toEqual(given);
  }
});

it('texts of several lines are readable, and those that are the same have no quotes', () => {
  expect(
    yamlText({ info: { title: 'Shop', description: '# Orders\n\n  Takes them.' }, version: '1.0' }),
  ).toBe('info:\n  title: Shop\n  description: |-\n    # Orders\n\n      Takes them.\nversion: "1.0"\n');
});
