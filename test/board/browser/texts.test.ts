import { describe, expect, it } from 'vitest';
import {
  bytes,
  counted,
  duration,
  inputOfIso,
  isoOfInput,
  localTime,
  rate,
} from '../../../browser/board/text/format.js';
import { headersOf, linesOf } from '../../../browser/board/text/header-lines.js';
import { visible, visibleLine } from '../../../browser/board/text/visible.js';

describe('visible text', () => {
  it.each([
    ['plain ünïcode 漢字 👩‍👩‍👧', 'plain ünïcode 漢字 👩‍👩‍👧'],
    ['line\nand\ttab', 'line\nand\ttab'],
    ['\u001b[31mred\u0000', '␛[31mred␀'],
    ['\r\n', '␍\n'],
    ['del\u007f c1\u009b', 'del␡ c1\\u{9b}'],
    ['abc\u202edcba', 'abc\\u{202e}dcba'],
    ['\ufeffzero\u200bwidth', '\\u{feff}zero\\u{200b}width'],
    ['\u2028\u2029', '\\u{2028}\\u{2029}'],
    ['\ud800 and 😀', '\\u{d800} and 😀'],
    ['\u{e0001}tag', '\\u{e0001}tag'],
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ])('of %j is %j', (text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  it('is on one line in a cell, and cut if it is long', () => {
    expect(visibleLine('a\nb\tc')).toBe('a␤b␉c');
    const cut = visibleLine('x'.repeat(1_000_000));
    expect(cut).toBe(`${'x'.repeat(500)}… (1000000 characters)`);
  });
});

describe('formats', () => {
  it.each([
    [rate(undefined), '–'],
    [rate(0), '0'],
    [rate(0.001), '< 0.01'],
    [rate(0.5), '0.5'],
    [rate(12.345), '12.3'],
    [rate(12_345.6), '12,346'],
    [bytes(0), '0 B'],
    [bytes(1023), '1,023 B'],
    [bytes(1536), '1.5 KiB'],
    [bytes(5 * 1024 ** 3), '5 GiB'],
    [duration(0), '0 ms'],
    [duration(0.4), '< 1 ms'],
    [duration(250), '250 ms'],
    [duration(1_500), '1.5 s'],
    [duration(61_000), '1 min 1 s'],
    [duration(3 * 3_600_000 + 120_000), '3 h 2 min'],
    [duration(50 * 3_600_000), '2 d 2 h'],
    [counted(1, 'message'), '1 message'],
    [counted(1_000, 'message'), '1,000 messages'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });

  it('show times in the zone of the browser, and read them back', () => {
    const iso = new Date(2026, 0, 31, 12, 3, 4, 0).toISOString();
    expect(localTime(iso)).toBe('2026-01-31 12:03:04.000');
    expect(isoOfInput(inputOfIso(iso))).toBe(iso);
    expect(localTime('no time')).toBe('no time');
    expect([inputOfIso(undefined), inputOfIso('no time')]).toEqual(['', '']);
    expect([isoOfInput(''), isoOfInput('no time')]).toEqual([undefined, undefined]);
  });
});

describe('headers as lines', () => {
  it('are read as they were written', () => {
    const headers = [
      ['trace', ['a:b', 'c']],
      ['empty', ['']],
    ] as const;
    expect(linesOf(headers)).toBe('trace: a:b\ntrace: c\nempty: ');
    expect(headersOf(linesOf(headers))).toEqual(headers);
    expect(headersOf('\n \n')).toEqual([]);
  });

  it.each(['no colon', ': no name', 'a: b\nno colon'])('of %j are refused', (lines) => {
    const number = lines.split('\n').length;
    expect(() => headersOf(lines)).toThrow(`Line ${number} of the headers is not "name: value".`);
  });
});
