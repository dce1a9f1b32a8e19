import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

import {
  bitString,
  boolean,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  taggedBytes,
  time,
  utf8String,
} from './der.js';

const DAY = 24 * 60 * 60 * 1_000;
/** How long certificates are valid, in milliseconds. */
const VALIDITY = 3_650 * DAY;

const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  serverAuthentication: '1.3.6.1.5.5.7.3.1',
  clientAuthentication: '1.3.6.1.5.5.7.3.2',
} as const;

/** A certificate and its private key, as PEM text. */
export interface CertificateWithKey {
  readonly cert: string;
  readonly key: string;
}

/** The content of a server's certificate. */
export interface ServerCertificateOptions {
  /** DNS names and IPv4 addresses. */
  readonly hosts: readonly string[];
  readonly validUntil?: Date | undefined;
}

/** A certificate authority of its own, for the certificates of a test server or cluster and of its clients. */
export class CertificateAuthority {
  /** Its own certificate, as PEM text. */
  readonly certificate: string;
  private readonly key: KeyObject;
  private readonly name = `nats-test-ca-${randomBytes(4).toString('hex')}`;

  constructor() {
    const { privateKey, publicKey } = newKeys();
    this.key = privateKey;
    this.certificate = this.sign(this.name, publicKey, undefined, [
      extension(OID.basicConstraints, sequence(boolean(true)), true),
      // Signs certificates and lists of revoked ones: bits 5 and 6.
      extension(OID.keyUsage, bitString(Buffer.of(0x06), 1), true),
    ]);
  }

  /** Issues a certificate for a server. */
  forServer({ hosts, validUntil }: ServerCertificateOptions): CertificateWithKey {
    const names = hosts.map((host) =>
      isIPv4(host)
        ? taggedBytes(7, Buffer.from(host.split('.').map(Number)))
        : taggedBytes(2, Buffer.from(host)),
    );
    return this.issue('nats-test-server', OID.serverAuthentication, validUntil, [
      extension(OID.subjectAlternativeName, sequence(...names)),
    ]);
  }

  /** Issues a certificate for a client. */
  forClient(): CertificateWithKey {
    return this.issue('nats-test-client', OID.clientAuthentication, undefined, []);
  }

  private issue(
    subject: string,
    usage: string,
    validUntil: Date | undefined,
    extensions: readonly Buffer[],
  ): CertificateWithKey {
    const { privateKey, publicKey } = newKeys();
    const cert = this.sign(subject, publicKey, validUntil, [
      extension(OID.basicConstraints, sequence(), true),
      // Signs handshakes: bit 0.
      extension(OID.keyUsage, bitString(Buffer.of(0x80), 7), true),
      extension(OID.extendedKeyUsage, sequence(objectIdentifier(usage))),
      ...extensions,
    ]);
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  /** Writes an X.509 certificate of version 3, according to RFC 5280, and signs it. */
  private sign(
    subject: string,
    publicKey: KeyObject,
    validUntil = new Date(Date.now() + VALIDITY),
    extensions: readonly Buffer[],
  ): string {
    const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
    // It also begins before its end if that is in the past.
    const validFrom = new Date(Math.min(Date.now(), validUntil.getTime()) - DAY);
    const content = sequence(
      tagged(0, integer(Buffer.of(2))),
      integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
      algorithm,
      nameOf(this.name),
      sequence(time(validFrom), time(validUntil)),
      nameOf(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      tagged(3, sequence(...extensions)),
    );
    return toPem(sequence(content, algorithm, bitString(sign('sha256', content, this.key))));
  }
}

function newKeys(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function extension(identifier: string, value: Buffer, isCritical = false): Buffer {
  return sequence(objectIdentifier(identifier), ...(isCritical ? [boolean(true)] : []), octetString(value));
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(OID.commonName), utf8String(commonName))));
}

function toPem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
