/** The tags of DER that certificates use. */
const TAGS = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The first year that `UTCTime` cannot express in certificates. */
const GENERALIZED_SINCE = 2050;

/** A value in DER, the encoding of certificates: tag, length, content. */
function encode(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = bytesOf(body.length);
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return encode(TAGS.sequence, ...items);
}

export function set(...items: readonly Uint8Array[]): Buffer {
  return encode(TAGS.set, ...items);
}

export function boolean(value: boolean): Buffer {
  return encode(TAGS.boolean, Buffer.of(value ? 0xff : 0));
}

/** A positive integer of any size. */
export function integer(bytes: Uint8Array): Buffer {
  // With a first bit of 1 it would be negative.
  const isNegative = (bytes[0] ?? 0) >= 0x80;
  return encode(TAGS.integer, Buffer.alloc(isNegative ? 1 : 0), bytes);
}

/** @param unused the number of bits at the end that do not count */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return encode(TAGS.bitString, Buffer.of(unused), bytes);
}

export function octetString(bytes: Uint8Array): Buffer {
  return encode(TAGS.octetString, bytes);
}

export function utf8String(text: string): Buffer {
  return encode(TAGS.utf8String, Buffer.from(text));
}

/** @param dotted such as `2.5.29.17` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  return encode(TAGS.objectIdentifier, Buffer.from([first * 40 + second, ...others].flatMap(base128)));
}

export function time(date: Date): Buffer {
  const text = `${date.toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`;
  return date.getUTCFullYear() < GENERALIZED_SINCE
    ? encode(TAGS.utcTime, Buffer.from(text.slice(2)))
    : encode(TAGS.generalizedTime, Buffer.from(text));
}

/** A value whose meaning depends on where it is, around other values. */
export function tagged(number: number, ...content: readonly Uint8Array[]): Buffer {
  return encode(0xa0 | number, ...content);
}

/** A value whose meaning depends on where it is. */
export function taggedBytes(number: number, bytes: Uint8Array): Buffer {
  return encode(0x80 | number, bytes);
}

/** A number in as few bytes as possible, the highest first. */
function bytesOf(value: number): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

/** A number in groups of 7 bits, the highest first; all but the last are marked. */
function base128(value: number): number[] {
  const groups = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    groups.unshift(0x80 | (rest % 128));
  }
  return groups;
}
