import { headers } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { bytesCodec, createCodecSelector, jsonCodec, textCodec, type Codec } from '../../lib/codecs/index.js';
import { decodeValue, encodePayload, parseJson } from '../../lib/codecs/index.js';
import { JetStreamError, PayloadDecodingError, PayloadEncodingError } from '../../lib/errors/index.js';
import { msgpackCodec } from '../../lib/msgpack/index.js';

describe('jsonCodec', () => {
  it.each([[{ a: [1, 'ü', null] }], ['text'], [0], [null], [undefined]])('keeps %j', (value) => {
    expect(jsonCodec.decode(jsonCodec.encode(value))).toEqual(value);
  });

  it('encodes as plain JSON in UTF-8, and undefined as an empty payload', () => {
    expect(new TextDecoder().decode(jsonCodec.encode({ name: 'Grüße' }))).toBe('{"name":"Grüße"}');
    expect(jsonCodec.encode(undefined)).toHaveLength(0);
  });

  it('throws for payloads that are not JSON', () => {
    expect(() => jsonCodec.decode(new TextEncoder().encode('{"a":'))).toThrow(PayloadDecodingError);
  });

  it('rejects values that JSON cannot represent with an error of this library', () => {
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

  it('rejects other values', () => {
    expect(() => (textCodec as Codec).encode(5)).toThrow(/a string, not number/);
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

  it('rejects other values', () => {
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

  it('writes standard MessagePack', () => {
    // The specification's own example.
    expect([...msgpackCodec.encode({ compact: true, schema: 0 })]).toEqual([
      0x82, 0xa7, 0x63, 0x6f, 0x6d, 0x70, 0x61, 0x63, 0x74, 0xc3, 0xa6, 0x73, 0x63, 0x68, 0x65, 0x6d, 0x61,
      0x00,
    ]);
    // The same shape twice must not become a reference to the first one.
    expect(msgpackCodec.encode({ compact: true, schema: 0 })).toEqual(
      msgpackCodec.encode({ compact: true, schema: 0 }),
    );
  });

  it('does not reuse the memory of returned payloads', () => {
    const first = msgpackCodec.encode({ a: 'first' });
    const copy = [...first];
    for (let i = 0; i < 1_000; i++) msgpackCodec.encode({ a: `other ${i}` });
    expect([...first]).toEqual(copy);
  });

  it('throws for payloads that are not MessagePack', () => {
    expect(() => msgpackCodec.decode(new Uint8Array([0x82, 0xa7, 0x63]))).toThrow(
      /end of (MessagePack )?data/i,
    );
  });
});

describe('a failing codec causes an error of this library', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const failing = {
    get value(): never {
      throw new RangeError('not today');
    },
  };
  const throwing = (thrown: unknown): Codec => ({
    contentType: 'text/x',
    encode: () => {
      throw thrown;
    },
    decode: () => {
      throw thrown;
    },
  });
  const endless = {
    get next(): string {
      return JSON.stringify(this);
    },
  };
  const deep = (depth: number): unknown => {
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };

  it.each<[string, Codec, unknown]>([
    ['jsonCodec: a cycle', jsonCodec, cycle],
    ['jsonCodec: a bigint', jsonCodec, 1n],
    ['jsonCodec: a getter that throws', jsonCodec, failing],
    ['jsonCodec: a value that nests infinitely', jsonCodec, endless],
    ['textCodec: a number', textCodec, 1],
    ['bytesCodec: a text', bytesCodec, 'x'],
    ['msgpackCodec: a cycle', msgpackCodec, cycle],
    ['msgpackCodec: a bigint beyond 64 bits', msgpackCodec, 2n ** 70n],
    ['msgpackCodec: a getter that throws', msgpackCodec, failing],
    ['msgpackCodec: a deep value', msgpackCodec, deep(200_000)],
    ['a codec that throws an error', throwing(new TypeError('no')), 1],
    ['a codec that throws a text', throwing('no'), 1],
    ['a codec that throws nothing', throwing(undefined), 1],
    ['a codec that throws an error of this library', throwing(new PayloadEncodingError('x', 'no')), 1],
  ])('encode: %s', (name, codec, value) => {
    expect(() => encodePayload(codec, value)).toThrow(PayloadEncodingError);
    // The codecs of the library throw this error themselves.
    const own = name.includes('Codec: ') ? () => codec.encode(value) : () => encodePayload(codec, value);
    expect(own).toThrow(PayloadEncodingError);
    expect(
      codec.decode === msgpackCodec.decode && msgpackCodec.decode(msgpackCodec.encode({ a: 1 })),
    ).toEqual(codec === msgpackCodec ? { a: 1 } : false);
  });

  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
  it.each<[string, Codec, Uint8Array]>([
    ['jsonCodec: half a value', jsonCodec, bytes(0x7b)],
    ['jsonCodec: bytes that are not UTF-8', jsonCodec, bytes(0xff, 0xfe)],
    ['jsonCodec: two values', jsonCodec, bytes(0x31, 0x20, 0x31)],
    ['msgpackCodec: half a map', msgpackCodec, bytes(0x82, 0xa7, 0x63)],
    ['msgpackCodec: two values', msgpackCodec, bytes(0x01, 0x02)],
    ['msgpackCodec: an array of four billion', msgpackCodec, bytes(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['msgpackCodec: a map of four billion', msgpackCodec, bytes(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['msgpackCodec: bytes of four billion', msgpackCodec, bytes(0xc6, 0xff, 0xff, 0xff, 0xff)],
    ['msgpackCodec: a text of four billion', msgpackCodec, bytes(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ['msgpackCodec: an unknown extension', msgpackCodec, bytes(0xd4, 0x55, 0x00)],
    ['msgpackCodec: arrays in arrays', msgpackCodec, new Uint8Array(500_000).fill(0x91)],
    ['a codec that throws an error', throwing(new TypeError('no')), bytes(1)],
    ['a codec that throws a text', throwing('no'), bytes(1)],
    ['a codec that throws nothing', throwing(undefined), bytes(1)],
  ])('decode: %s', (name, codec, data) => {
    const error = thrownBy(() => decodeValue(codec, data));
    expect(error).toBeInstanceOf(PayloadDecodingError);
    const own = name.includes('Codec: ') ? () => codec.decode(data) : () => decodeValue(codec, data);
    expect(own).toThrow(PayloadDecodingError);
    expect(msgpackCodec.decode(msgpackCodec.encode({ a: 1 }))).toEqual({ a: 1 });
  });

  it('has the error of the codec as its cause', () => {
    const cause = new TypeError('no');
    expect(thrownBy(() => decodeValue(throwing(cause), bytes(1)))).toMatchObject({ cause, codec: 'text/x' });
    expect(thrownBy(() => encodePayload(throwing(cause), 1))).toMatchObject({ cause, codec: 'text/x' });
    expect(thrownBy(() => parseJson(bytes(0x7b)))).toMatchObject({ cause: { name: 'SyntaxError' } });
    expect(thrownBy(() => msgpackCodec.decode(bytes(0x82)))).toMatchObject({ cause: { name: 'Error' } });
  });

  it('is the only error for random bytes', () => {
    for (let i = 0; i < 3_000; i++) {
      const data = Uint8Array.from({ length: 1 + (i % 40) }, () => Math.floor(Math.random() * 256));
      for (const codec of [jsonCodec, msgpackCodec, textCodec as Codec, bytesCodec as Codec]) {
        const error = thrownBy(() => decodeValue(codec, data));
        expect(error === undefined || error instanceof JetStreamError, String(error)).toBe(true);
      }
    }
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('createCodecSelector', () => {
  const select = createCodecSelector([textCodec, bytesCodec, msgpackCodec], jsonCodec);
  const typed = (contentType: string) => {
    const result = headers();
    result.set('Content-Type', contentType);
    return result;
  };

  it('chooses by Content-Type, ignoring its case and parameters', () => {
    expect(select(typed('text/plain'))).toBe(textCodec);
    expect(select(typed('Text/Plain; charset=utf-8'))).toBe(textCodec);
    expect(select(typed('application/msgpack'))).toBe(msgpackCodec);
    expect(select(typed('application/json'))).toBe(jsonCodec);
  });

  it('falls back if there is no header, or an unknown type', () => {
    expect(select(undefined)).toBe(jsonCodec);
    expect(select(headers())).toBe(jsonCodec);
    expect(select(typed('image/png'))).toBe(jsonCodec);
  });

  it('prefers the first of two codecs for one type', () => {
    const own: Codec = { ...jsonCodec, contentType: 'application/json; v=2' };
    expect(createCodecSelector([own], jsonCodec)(typed('application/json'))).toBe(own);
  });
});
