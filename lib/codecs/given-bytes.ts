import { types } from 'node:util';
import { InvalidArgumentError } from '../errors/index.js';

/**
 * The bytes that a caller gave, `undefined` if it gave anything else. Bytes of another realm are bytes too, as they are in
 * tests that run in a context of their own; and nothing of the value is called, which may be a revoked proxy.
 *
 * @throws {@link InvalidArgumentError} if their memory is gone, because it was transferred to a worker for example
 */
export function givenBytes(value: unknown): Uint8Array | undefined {
  if (!types.isUint8Array(value)) return undefined;
  if (value.length === 0 && isDetached(value)) {
    throw new InvalidArgumentError(
      'data',
      'the memory of these bytes was transferred elsewhere. Copy them before you transfer them',
    );
  }
  return value;
}

/** Node 20 has no property for that: memory that is gone cannot be viewed again. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    return new Uint8Array(buffer).length < 0;
  } catch {
    return true;
  }
}
