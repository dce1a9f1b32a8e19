import { Logger } from '@nestjs/common';
import { credsAuthenticator, type NodeConnectionOptions, type TlsOptions } from '@nats-io/transport-node';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openConnection } from '../../lib/connection/index.js';
import { Redactor } from '../../lib/connection/redact.js';
import { ConnectionFailedError } from '../../lib/errors/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { LogRecorder } from '../support/log-recorder.js';

let server: NatsTestServer;
let logs: LogRecorder;

beforeAll(async () => {
  server = await NatsTestServer.start({ users: [{ user: 'u', password: 'right' }] });
});
beforeEach(() => {
  logs = new LogRecorder();
  Logger.overrideLogger(logs);
});
afterEach(() => Logger.overrideLogger(false));
afterAll(() => server.stop());

async function failure(
  options: NodeConnectionOptions & { wire?: 'auto' | 'client' },
): Promise<ConnectionFailedError> {
  const outcome: unknown = await openConnection('main', options, {}).catch((error: unknown) => error);
  if (outcome instanceof ConnectionFailedError) return outcome;
  throw new Error(`it should have failed, but: ${String(outcome)}`);
}

/** Writes the certificates for clients to files, which are removed with the server. */
async function tlsFiles({
  storeDir,
  tls,
}: NatsTestServer): Promise<Record<'caFile' | 'certFile' | 'keyFile', string>> {
  const write = async (name: string, text = ''): Promise<string> => {
    const path = join(storeDir, name);
    await writeFile(path, text);
    return path;
  };
  return {
    caFile: await write('ca.pem', tls?.ca),
    certFile: await write('cert.pem', tls?.cert),
    keyFile: await write('key.pem', tls?.key),
  };
}

async function unusedPort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** The client's own link treats `localhost` as an IP address, and a missing client certificate causes a timeout. */
const overLinksOfTheClient = process.env.TEST_WIRE === 'client';

describe('a connection that cannot succeed fails at once, even if it waits for servers:', () => {
  it.each([
    ['a port that is not a number', 'nats://127.0.0.1:notaport'],
    ['a port that is too large', 'nats://127.0.0.1:99999'],
    ['a port of 0', '127.0.0.1:0'],
    ['a negative port', '127.0.0.1:-1'],
    ['an empty port', 'nats://127.0.0.1:'],
    ['no host', 'nats://'],
    ['an empty address', ''],
    ['blanks', ' '],
    ['a blank in the host', 'nats://some host:4222'],
    ['several addresses in one text', 'nats://127.0.0.1:4222,nats://127.0.0.1:4223'],
    ['a host with forbidden characters', 'nats://a^b:4222'],
    ['web sockets', 'ws://127.0.0.1:4222'],
    ['a bad address next to a good one', ['nats://127.0.0.1:4222', 'nats://127.0.0.1:x']],
    ['a bad address with credentials', 'nats://u:p@ss@127.0.0.1:x'],
  ])('%s', async (_, servers) => {
    const error = await failure({ servers });
    expect(error.connection).toBe('main');
    expect(error.code).not.toBe('UNKNOWN');
    expect(error.message).toMatch(/Check the address/);
  });

  it('wrong credentials', async () => {
    const error = await failure({ servers: server.url, user: 'u', pass: 'wrong' });
    expect(error).toMatchObject({ code: 'AUTHORIZATION_VIOLATION', cause: { name: 'AuthorizationError' } });
  });

  it('an expired certificate of the server', async () => {
    await using secure = await NatsTestServer.start({ tls: { validUntil: new Date('2020-01-01') } });
    expect(await failure(secure.connectionFor())).toMatchObject({ code: 'CERT_HAS_EXPIRED' });
  });

  it('an unknown certificate, one of another host, or TLS on a server without it', async () => {
    await using secure = await NatsTestServer.start({ tls: true });
    expect((await failure({ servers: secure.url })).code).toMatch(/^(DEPTH_ZERO_)?SELF_SIGNED_CERT/);
    const plain = await failure({ servers: server.url, tls: {}, user: 'u', pass: 'right' });
    expect(plain.message).toContain("does not support 'tls'");
  });

  it.skipIf(overLinksOfTheClient).each([
    ['after the greeting', false],
    ['at once', true],
  ])('the certificate is verified for the connected address, with TLS %s', async (_, handshakeFirst) => {
    for (const [host, other] of [
      ['127.0.0.1', 'localhost'],
      ['localhost', '127.0.0.1'],
    ] as const) {
      await using secure = await NatsTestServer.start({ tls: { hosts: [host], handshakeFirst } });
      const { port } = secure;
      const tls = { caFile: (await tlsFiles(secure)).caFile, handshakeFirst };
      await (await openConnection('main', { servers: `${host}:${port}`, tls }, {})).drain();
      const error = await failure({ servers: `${other}:${port}`, resolve: false, tls });
      expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      expect(error.message).toContain('that the certificate of the server lists');
    }
  });

  it.skipIf(overLinksOfTheClient).each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a client certificate that is missing, with %s',
    async (maxVersion) => {
      await using secure = await NatsTestServer.start({ tls: { verify: true } });
      const began = performance.now();
      const error = await failure({
        servers: secure.url,
        tls: { caFile: (await tlsFiles(secure)).caFile, maxVersion } as TlsOptions,
      });
      expect(error.message).toContain('Provide a client certificate');
      expect(performance.now() - began).toBeLessThan(5_000);
    },
  );

  it.skipIf(overLinksOfTheClient).each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a client certificate of another CA, with %s',
    async (maxVersion) => {
      await using secure = await NatsTestServer.start({ tls: { verify: true } });
      await using other = await NatsTestServer.start({ tls: true });
      const error = await failure({
        servers: secure.url,
        tls: {
          ...(await tlsFiles(other)),
          caFile: (await tlsFiles(secure)).caFile,
          maxVersion,
        } as TlsOptions,
      });
      expect(error.message).toContain('Provide a client certificate that the server accepts');
      expect(error.message).not.toContain('openssl');
    },
  );

  it.skipIf(overLinksOfTheClient)(
    'a client certificate of another CA, with TLSv1.3, in each of 30 attempts',
    async () => {
      await using secure = await NatsTestServer.start({ tls: { verify: true } });
      await using other = await NatsTestServer.start({ tls: true });
      const tls = { ...(await tlsFiles(other)), caFile: (await tlsFiles(secure)).caFile };
      for (let i = 0; i < 30; i++) {
        const { code } = await failure({ servers: secure.url, tls, waitOnFirstConnect: false });
        expect(code).toMatch(/^ERR_SSL_/);
      }
    },
  );

  it.each([
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'Provide a client certificate: '],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'Provide a client certificate: '],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'Provide a client certificate: '],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'Provide a client certificate that'],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'Provide a client certificate that'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'Provide a client certificate that'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'remove tls.handshakeFirst'],
    ['ERR_SSL_SOMETHING_NEW', 'Check the address, the credentials and TLS'],
  ])('%s is reported with advice (codes differ between versions of Node)', (code, advice) => {
    expect(new ConnectionFailedError('main', 'nats://a', 'no', code).message).toContain(advice);
  });

  it('the address of a web server', async () => {
    const error = await failure({ servers: 'http://me:secret@127.0.0.1:8222' });
    expect(error.message).toContain('"127.0.0.1:8222" has the scheme of a web server');
    expect(inspect(error)).not.toContain('secret');
  });

  it('a missing certificate file', async () => {
    await using secure = await NatsTestServer.start({ tls: true });
    const error = await failure({ servers: secure.url, tls: { caFile: '/nowhere/ca.pem' } });
    expect(error.message).toContain('/nowhere/ca.pem');
  });

  it('an authenticator that throws', async () => {
    const error = await failure({ servers: server.url, authenticator: credsAuthenticator(Buffer.from('x')) });
    expect(error.message).toMatch(/credentials/);
  });

  it('options that the client refuses', async () => {
    const error = await failure({ servers: server.url, port: 4222 });
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});

it('waits for an unreachable server, and fails with its own error without waiting', async () => {
  const port = await unusedPort();
  const servers = `nats://127.0.0.1:${port}`;
  expect(await failure({ servers, waitOnFirstConnect: false })).toMatchObject({
    code: 'ECONNREFUSED',
    cause: { name: 'ConnectionError' },
  });
  const opening = openConnection('main', { servers, reconnectTimeWait: 20 }, {});
  await vi.waitFor(() => expect(logs.of('warn')).toHaveLength(1));
  await using _ = await NatsTestServer.start({ port });
  await (await opening).drain();
});

it('waits for a server that accepts links without responding, which is logged once', async () => {
  const front = createServer((socket) => socket.on('error', () => undefined));
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const servers = `nats://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const controller = new AbortController();
  const opening = openConnection('main', { servers, timeout: 6_000 }, {}, controller.signal).catch(
    (error: unknown) => error,
  );
  try {
    await vi.waitFor(() => expect(logs.of('warn')).toHaveLength(1), { timeout: 8_000 });
    expect(logs.of('warn')[0]).toContain(`connecting to ${servers} takes longer than 5 s`);
  } finally {
    controller.abort();
    front.close();
  }
  expect(await opening).toMatchObject({ code: 'ABORTED' });
});

it('logs misspelled options in "tls", but not options of Node', async () => {
  const tls = {
    certfile: '/a',
    ca_file: '/b',
    handshakefirst: false,
    servername: 'a',
    ciphers: 'b',
    crl: 'c',
  };
  await failure({ servers: server.url, tls: tls as TlsOptions, user: 'u', pass: 'right' });
  expect(logs.of('warn')).toEqual([
    'Connection "main": the client has no option "tls.certfile"; did you mean "tls.certFile"?',
    'Connection "main": the client has no option "tls.ca_file"; did you mean "tls.caFile"?',
    'Connection "main": the client has no option "tls.handshakefirst"; did you mean "tls.handshakeFirst"?',
  ]);
});

describe.each(['auto', 'client'] as const)('on the %s wire', (wire) => {
  // Like a load balancer or a forwarded port whose server is not running yet.
  it.each([
    ['closes', (socket: Socket) => socket.end()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ])('waits for a server behind an address that accepts links and %s them', async (_, refuse) => {
    const { port } = new URL(server.url);
    let ready = false;
    const front = createServer((socket) => {
      socket.on('error', () => undefined);
      if (!ready) return void refuse(socket);
      const behind = connect({ port: Number(port) });
      behind.on('error', () => undefined).on('close', () => socket.destroy());
      socket.on('close', () => behind.destroy());
      socket.pipe(behind).pipe(socket);
    });
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    const servers = `nats://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const options = { servers, wire, user: 'u', pass: 'right', reconnectTimeWait: 20 };
    try {
      expect(await failure({ ...options, waitOnFirstConnect: false })).toMatchObject({ connection: 'main' });
      const opening = openConnection('main', options, {});
      await vi.waitFor(() => expect(logs.of('warn')).toHaveLength(1));
      ready = true;
      await (await opening).drain();
      expect(logs.of('warn')[0]).toContain('no NATS server at nats://127.0.0.1');
    } finally {
      front.close();
    }
  });

  it('prints no credentials in debug mode', async () => {
    const printed: unknown[] = [];
    const spies = (['info', 'log', 'debug'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation((...args) => void printed.push(args)),
    );
    const options = { servers: server.url, wire, user: 'u', pass: 'right', debug: true };
    try {
      await (await openConnection('main', options, {})).drain();
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    expect(inspect(printed)).not.toContain('right');
    expect(inspect(logs.lines)).not.toContain('right');
    const warnings = logs.of('warn').filter((line) => line.includes('"debug"'));
    expect(warnings).toHaveLength(wire === 'client' ? 1 : 0);
  });
});

const SEED = 'SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4';
const TOKEN = 'eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5In0.eyJqdGkiOiJBQUEifQ.c2lnbmF0dXJl';

describe('credentials are in no error and no log:', () => {
  const cases: [string, (port: number) => NodeConnectionOptions, string[]][] = [
    ['an @ in the password', (p) => ({ servers: `nats://user:p@ssw0rd@127.0.0.1:${p}` }), ['ssw0rd', 'user']],
    [
      'a / in the password',
      (p) => ({ servers: `nats://user:pa/ss@127.0.0.1:${p}` }),
      ['pa/ss', '/ss', 'user'],
    ],
    ['a : in the password', (p) => ({ servers: `nats://user:pa:ss@127.0.0.1:${p}` }), ['pa:ss', 'user']],
    ['a # and a ? in it', (p) => ({ servers: `nats://user:pa#s?s@127.0.0.1:${p}` }), ['pa#', 's?s']],
    ['an encoded password', (p) => ({ servers: `nats://user:p%40ssw@127.0.0.1:${p}` }), ['p%40ssw', 'p@ssw']],
    ['a token in the address', (p) => ({ servers: `nats://s3cr3t@127.0.0.1:${p}` }), ['s3cr3t']],
    ['a token without a scheme', (p) => ({ servers: `s3cr3t@127.0.0.1:${p}` }), ['s3cr3t']],
    ['a user without a scheme', (p) => ({ servers: `user:s3cr3t@127.0.0.1:${p}` }), ['s3cr3t', 'user']],
    ['another scheme', (p) => ({ servers: `TLS://user:s3cr3t@127.0.0.1:${p}` }), ['s3cr3t', 'user']],
    [
      'several servers',
      (p) => ({ servers: [`a:one1@127.0.0.1:${p}`, `nats://b:tw@o2@127.0.0.1:${p}`] }),
      ['one1', 'o2@'],
    ],
    ['options', (p) => ({ port: p, user: 'the-user', pass: 'the-pass' }), ['the-user', 'the-pass']],
    ['a token', (p) => ({ port: p, token: 'the-token' }), ['the-token']],
    ['a bad port', () => ({ servers: 'nats://user:p@s/s@127.0.0.1:x' }), ['p@s', 's/s', 'user']],
    ['a bad host', () => ({ servers: 'nats://user:pa/ss@a^b:4222' }), ['pa/ss', '/ss@', 'user']],
  ];

  it.each(cases)('%s', async (_, options, hidden) => {
    const error = await failure({ ...options(await unusedPort()), waitOnFirstConnect: false });
    const shown = inspect(error, { depth: 10, showHidden: true });
    for (const secret of hidden) expect(shown).not.toContain(secret);
    expect(error.message).toMatch(/127\.0\.0\.1|a\^b/);
  });

  it.each([
    ['a seed', `bad seed ${SEED} given`, SEED],
    ['a JWT', `jwt ${TOKEN}`, TOKEN],
    ['an address', 'dial nats://me:pa/s@s@host:4222: refused', 'pa/s'],
    ['the password of an option', 'refused pass-word', 'pass-word'],
    ['the token of an option', 'auth t0ken, refused', 't0ken'],
  ])('%s in the messages of the client, and in its causes', (_, text, secret) => {
    const redactor = new Redactor({ user: 'me', pass: 'pass-word', token: 't0ken' });
    const cause = Object.assign(new TypeError(text), { input: text, code: 'ERR_INVALID_URL' });
    const error = redactor.error(new Error('outer', { cause: new Error(text, { cause }) }));
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
    expect(redactor.text(new Error(text))).not.toContain(secret);
    expect(error).toMatchObject({
      message: 'outer',
      cause: { cause: { name: 'TypeError', code: 'ERR_INVALID_URL' } },
    });
  });

  it('an error without credentials stays unchanged', () => {
    const error = new RangeError('plain');
    expect(new Redactor({ pass: 'secret' }).error(error)).toBe(error);
  });

  it('while waiting for a server, and in the line that reports the connection', async () => {
    const port = await unusedPort();
    const servers = [`nats://me:p@ss/word@127.0.0.1:${port}`];
    const opening = openConnection('main', { servers, reconnectTimeWait: 20 }, {});
    await vi.waitFor(() => expect(logs.of('warn')).toHaveLength(2));
    expect(logs.of('warn')[0]).toContain('credentials in "servers" are ignored');
    await using _ = await NatsTestServer.start({ port });
    await (await opening).drain();
    expect(inspect(logs.lines)).not.toMatch(/ss\/word|p@ss|me:/);
  });
});
