import { headers } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { bytesCodec, createCodecSelector, jsonCodec, textCodec, type Codec } from '../../lib/codecs/index.js';
import { PayloadEncodingError } from '../../lib/errors/index.js';
import { msgpackCodec } from '../../lib/msgpack/index.js';

describe('jsonCodec', () => {
  it.each([[{ a: [1, 'ü', null] }], ['text'], [0], [null], [undefined]])('keeps %j', (value) => {
    expect(jsonCodec.decode(jsonCodec.encode(value))).toEqual(value);
  });

  it('is plain JSON in UTF-8, and nothing for undefined', () => {
    expect(new TextDecoder().decode(jsonCodec.encode({ name: 'Grüße' }))).toBe('{"name":"Grüße"}');
    expect(jsonCodec.encode(undefined)).toHaveLength(0);
  });

  it('throws for what is not JSON', () => {
    expect(() => jsonCodec.decode(new TextEncoder().encode('{"a":'))).toThrow(SyntaxError);
  });

  it('refuses what has no JSON with an error of this library', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const failing = {
      toJSON: () => {
        throw new RangeError('no JSON today');
      },
    };
    for (const value of [{ n: 1n }, 1n, cycle, failing, () => 1, Symbol('s'), Map]) {
      expect(() => jsonCodec.encode(value)).toThrow(PayloadEncodingError);
    }
    expect(() => jsonCodec.encode(failing)).toThrow(/no JSON today/);
    expect(() => jsonCodec.encode(() => 1)).toThrow(/a function has no JSON/);
  });
});

describe('textCodec', () => {
  it('keeps text', () => {
    expect(textCodec.decode(textCodec.encode('Grüße 🌍'))).toBe('Grüße 🌍');
    expect(textCodec.decode(new Uint8Array(0))).toBe('');
    expect(textCodec.decode(textCodec.encode('\ufeffGrüße'))).toBe('\ufeffGrüße');
  });

  it('takes nothing else', () => {
    expect(() => (textCodec as Codec).encode(5)).toThrow(/strings, not number/);
    for (const value of [null, 5, {}, () => 'x', Symbol('s')]) {
      expect(() => (textCodec as Codec).encode(value)).toThrow(PayloadEncodingError);
    }
    expect((textCodec as Codec).encode(undefined)).toHaveLength(0);
  });
});

describe('bytesCodec', () => {
  it('keeps bytes without copying them', () => {
    const bytes = new Uint8Array([0, 255]);
    expect(bytesCodec.encode(bytes)).toBe(bytes);
    expect(bytesCodec.decode(bytes)).toBe(bytes);
  });

  it('takes nothing else', () => {
    expect(() => (bytesCodec as Codec).encode('x')).toThrow(/Uint8Array, not string/);
    for (const value of [null, 5, [1, 2], () => 'x', Symbol('s')]) {
      expect(() => (bytesCodec as Codec).encode(value)).toThrow(PayloadEncodingError);
    }
    expect((bytesCodec as Codec).encode(undefined)).toHaveLength(0);
  });
});

describe('msgpackCodec', () => {
  it('keeps values that JSON does not', () => {
    const value = {
      n: 1.5,
      list: [true, null, 'ü'],
      bytes: new Uint8Array([1, 2]),
      time: new Date(1_700_000_000_123),
      nested: { deep: { a: 1 } },
    };
    const decoded = msgpackCodec.decode(msgpackCodec.encode(value)) as typeof value;
    expect({ ...decoded, bytes: [...decoded.bytes] }).toEqual({ ...value, bytes: [1, 2] });
    expect(msgpackCodec.decode(msgpackCodec.encode(undefined))).toBeUndefined();
  });

  it('writes what every MessagePack reader understands', () => {
    // The specification's own example.
    expect([...msgpackCodec.encode({ compact: true, schema: 0 })]).toEqual([
      0x82, 0xa7, 0x63, 0x6f, 0x6d, 0x70, 0x61, 0x63, 0x74, 0xc3, 0xa6, 0x73, 0x63, 0x68, 0x65, 0x6d, 0x61,
      0x00,
    ]);
    // Twice the same shape: no reference to the first.
    expect(msgpackCodec.encode({ compact: true, schema: 0 })).toEqual(
      msgpackCodec.encode({ compact: true, schema: 0 }),
    );
  });

  it('does not reuse the memory of what it returned', () => {
    const first = msgpackCodec.encode({ a: 'first' });
    const copy = [...first];
    for (let i = 0; i < 1_000; i++) msgpackCodec.encode({ a: `other ${i}` });
    expect([...first]).toEqual(copy);
  });

  it('throws for what is not MessagePack', () => {
    expect(() => msgpackCodec.decode(new Uint8Array([0x82, 0xa7, 0x63]))).toThrow(
      /end of (MessagePack )?data/i,
    );
  });
});

describe('createCodecSelector', () => {
  const select = createCodecSelector([textCodec, bytesCodec, msgpackCodec], jsonCodec);
  const typed = (contentType: string) => {
    const result = headers();
    result.set('Content-Type', contentType);
    return result;
  };

  it('chooses by Content-Type, whatever its case and parameters', () => {
    expect(select(typed('text/plain'))).toBe(textCodec);
    expect(select(typed('Text/Plain; charset=utf-8'))).toBe(textCodec);
    expect(select(typed('application/msgpack'))).toBe(msgpackCodec);
    expect(select(typed('application/json'))).toBe(jsonCodec);
  });

  it('falls back where there is no header, or an unknown type', () => {
    expect(select(undefined)).toBe(jsonCodec);
    expect(select(headers())).toBe(jsonCodec);
    expect(select(typed('image/png'))).toBe(jsonCodec);
  });

  it('prefers the first of two codecs for one type', () => {
    const own: Codec = { ...jsonCodec, contentType: 'application/json; v=2' };
    expect(createCodecSelector([own], jsonCodec)(typed('application/json'))).toBe(own);
  });
});
