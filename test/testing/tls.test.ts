import { X509Certificate } from 'node:crypto';

import { connect } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';

import { openConnection } from '../../lib/connection/index.js';
import { NatsTestServer, type NatsTestTlsOptions } from '../../lib/testing/index.js';
import { CertificateAuthority } from '../../lib/testing/certificate-authority.js';

describe('a server with tls', () => {
  it.each<[string, true | NatsTestTlsOptions, string | undefined]>([
    ['true', true, undefined],
    ['true, on nats-server 2.9', true, '2.9'],
    ['handshakeFirst', { handshakeFirst: true }, undefined],
    ['verify', { verify: true }, undefined],
    ['verify and handshakeFirst', { verify: true, handshakeFirst: true }, '2.10'],
  ])('%s: accepts the connections of the client and of this library', async (_, tls, version) => {
    await using server = await NatsTestServer.start({ tls, version, users: [{ user: 'sue' }] });
    await using front = await server.proxy();
    const options = { ...server.connectionFor('sue'), timeout: 5_000 };
    for (const servers of [server.url, front.url]) {
      const client = await connect({ ...options, servers });
      expect(client.info?.tls_required).toBe(true);
      await client.close();
    }
    await (await openConnection('secure', options, {})).drain();
    await expect(
      connect({ servers: server.url, user: 'sue', timeout: 500, reconnect: false }),
    ).rejects.toThrow();
  });

  it('requires a certificate of its own authority with verify', async () => {
    await using server = await NatsTestServer.start({ tls: { verify: true } });
    const ca = server.tls?.ca ?? '';
    const refused = { servers: server.url, reconnect: false, timeout: 1_000 };
    await expect(connect({ ...refused, tls: { ca } })).rejects.toThrow();
    const stranger = new CertificateAuthority().forClient();
    await expect(connect({ ...refused, tls: { ca, ...stranger } })).rejects.toThrow();
    await (await connect(server.connectionFor())).close();
  });

  it('has no "tls" without the option', async () => {
    await using server = await NatsTestServer.start({ tls: false });
    expect(server.tls).toBeUndefined();
    await (await connect(server.connectionFor())).close();
  });
});

describe('certificates', () => {
  const authority = new CertificateAuthority();
  const ca = new X509Certificate(authority.certificate);

  it('are issued by their authority', () => {
    const client = new X509Certificate(authority.forClient().cert);
    expect(ca.ca).toBe(true);
    expect(ca.verify(ca.publicKey)).toBe(true);
    expect(client.ca).toBe(false);
    expect(client.checkIssued(ca)).toBe(true);
    expect(client.verify(ca.publicKey)).toBe(true);
    expect(client.verify(new X509Certificate(new CertificateAuthority().certificate).publicKey)).toBe(false);
    expect(client.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  it('name the hosts of a server', () => {
    const { cert } = authority.forServer({ hosts: ['localhost', '*.example.com', '127.0.0.1'] });
    const server = new X509Certificate(cert);
    expect(server.subjectAltName).toBe('DNS:localhost, DNS:*.example.com, IP Address:127.0.0.1');
    expect(server.checkHost('a.example.com')).toBe('*.example.com');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkIP('127.0.0.2')).toBeUndefined();
  });

  it.each(['2020-01-01T00:00:00Z', '2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z', '2126-01-02T03:04:05Z'])(
    'are valid until %s',
    (until) => {
      const validUntil = new Date(until);
      const { validFrom, validTo } = new X509Certificate(
        authority.forServer({ hosts: ['localhost'], validUntil }).cert,
      );
      expect(new Date(validTo)).toEqual(validUntil);
      expect(new Date(validFrom).getTime()).toBeLessThan(Math.min(Date.now(), validUntil.getTime()));
    },
  );

  it('are in order for many keys, whose numbers have different lengths', () => {
    for (let i = 0; i < 200; i++) {
      const { cert } = authority.forServer({ hosts: ['localhost'] });
      expect(new X509Certificate(cert).verify(ca.publicKey)).toBe(true);
    }
  });
});
