import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { InvalidObjectInfoError } from '../errors/index.js';

/** The SHA-256 digest of an object, computed while its bytes pass through (ADR-20). */
export class ObjectDigest {
  private readonly hash: Hash = createHash('sha256');

  update(data: Uint8Array): void {
    this.hash.update(data);
  }

  /** The digest in its text form: `SHA-256=` and base64url with padding. Can be called once. */
  value(): string {
    // Node's base64url omits the padding that all other clients write.
    return PREFIX + this.hash.digest('base64').replaceAll('+', '-').replaceAll('/', '_');
  }
}

/**
 * Converts a digest from any client to the form of {@link ObjectDigest.value}: older JavaScript clients wrote
 * hexadecimal, and padding or the alphabet of base64 differ.
 *
 * @throws {@link InvalidObjectInfoError} if it is not a SHA-256 digest
 */
export function normalizeDigest(digest: string, bucket: string, object: string): string {
  const value = digest.slice(PREFIX.length);
  const bytes = Buffer.from(value, /^[0-9A-Fa-f]{64}$/.test(value) ? 'hex' : 'base64');
  if (digest.slice(0, PREFIX.length).toUpperCase() !== PREFIX || bytes.length !== 32) {
    throw new InvalidObjectInfoError(bucket, object, `"${digest}" is not a SHA-256 digest`);
  }
  return PREFIX + bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

const PREFIX = 'SHA-256=';
