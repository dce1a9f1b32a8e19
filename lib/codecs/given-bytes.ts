import { types } from 'node:util';
import { InvalidArgumentError } from '../errors/index.js';

/**
 * The bytes that a caller passed; `undefined` for any other value. Bytes of another realm are accepted too, for example
 * in tests that run in their own context. No code of the value is called, because it may be a revoked proxy.
 *
 * @throws {@link InvalidArgumentError} if their memory is detached, for example because it was transferred to a worker
 */
export function givenBytes(value: unknown): Uint8Array | undefined {
  if (!types.isUint8Array(value)) return undefined;
  if (value.length === 0 && isDetached(value)) {
    throw new InvalidArgumentError(
      'data',
      'the ArrayBuffer of these bytes was transferred elsewhere. Copy the bytes before you transfer it',
    );
  }
  return value;
}

/** Node 20 has no property for this, but creating a view of detached memory fails. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    return new Uint8Array(buffer).length < 0;
  } catch {
    return true;
  }
}
