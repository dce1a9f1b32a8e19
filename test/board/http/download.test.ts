import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { JetStreamService, ObjectStoreService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attachment } from '../../../lib/board/http/file-name.js';
import { eventually } from '../../support/eventually.js';
import { PLATFORMS, serveBoard } from './serve-board.js';

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

const HOSTILE = Buffer.from('<script>alert(1)</script>\u0000\xff', 'latin1');

describe.each(PLATFORMS)('a download on %s', (platform) => {
  it('is a file that browsers do not show, byte for byte', async () => {
    await using board = await serveBoard(server.url, { platform });
    const { sequence } = await board.app.get(JetStreamService).publish('orders.raw', HOSTILE);
    const path = `/board/raw/message?stream=ORDERS&sequence=${sequence}`;
    const response = await board.get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="[\w.-]+"$/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-length')).toBe(String(HOSTILE.length));
    expect(response.headers.get('cache-control')).toMatch(/^no-store/);
    expect(Buffer.from(await response.arrayBuffer()).equals(HOSTILE)).toBe(true);
    const head = await board.get(path, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(board.logs.of('log', 'JetStreamBoard')[0]).toMatch(
      /^Board: download \(stream=ORDERS, sequence=\d+\) by a caller: done$/,
    );
  });

  it('may be opened by the address, and not by other sites', async () => {
    await using board = await serveBoard(server.url, { platform });
    const { sequence } = await board.app.get(JetStreamService).publish('orders.raw', HOSTILE);
    const status = async (site: string): Promise<number> => {
      const path = `/board/raw/message?stream=ORDERS&sequence=${sequence}`;
      return (await board.get(path, { headers: { 'sec-fetch-site': site } })).status;
    };
    expect(await status('none')).toBe(200);
    expect(await status('same-origin')).toBe(200);
    expect(await status('same-site')).toBe(403);
    expect(await status('cross-site')).toBe(403);
  });

  it('is refused if payloads are masked', async () => {
    await using board = await serveBoard(server.url, {
      platform,
      board: { payloads: { mask: () => ({ payload: 'hidden' }) } },
    });
    const { sequence } = await board.app.get(JetStreamService).publish('orders.raw', HOSTILE);
    const response = await board.get(`/board/raw/message?stream=ORDERS&sequence=${sequence}`);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('masked');
    expect((await board.view('session')).body).toMatchObject({ download: false });
  });

  it('of something that does not exist is a JSON failure', async () => {
    await using board = await serveBoard(server.url, { platform });
    for (const [path, status] of [
      ['message?stream=ORDERS&sequence=99999999', 404],
      ['message?stream=NOTHING&sequence=1', 404],
      ['message?stream=ORDERS&sequence=-1', 400],
      ['message?stream=ORDERS', 400],
      ['object?bucket=files&name=nothing', 404],
      ['secrets', 404],
    ] as const) {
      const response = await board.get(`/board/raw/${path}`);
      expect(response.status, path).toBe(status);
      expect(response.headers.get('content-disposition'), path).toBeNull();
      expect(response.headers.get('content-type'), path).toContain('application/json');
    }
  });

  it('of an object waits for a slow reader, and ends when it leaves', async () => {
    await using board = await serveBoard(server.url, { platform });
    const files = await board.app.get(ObjectStoreService).open('files');
    const size = 64 * 1_048_576;
    await files.put({ name: 'ü/large.bin' }, chunks(size));
    const { response, heap } = await slowly(
      `${board.url}/board/raw/object?bucket=files&name=${encodeURIComponent('ü/large.bin')}`,
    );
    expect(response.headers['content-disposition']).toContain("filename*=UTF-8''");
    // The rest was not read from the server in the meantime.
    expect(heap).toBeLessThan(40 * 1_048_576);
    response.destroy();
    await eventually(
      async () => (await board.view('session')).status,
      (status) => status === 200,
    );
    const whole = await board.get(`/board/raw/object?bucket=files&name=${encodeURIComponent('ü/large.bin')}`);
    expect((await whole.arrayBuffer()).byteLength).toBe(size);
    expect(board.logs.of('error')).toEqual([]);
  });
});

async function* chunks(size: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(1_048_576);
  for (let sent = 0; sent < size; sent += chunk.length) yield await Promise.resolve(chunk);
}

/** Reads the beginning of a response, and then nothing for a second. */
async function slowly(address: string): Promise<{ response: IncomingMessage; heap: number }> {
  const sent = request(address, { agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const before = process.memoryUsage().arrayBuffers;
  await once(response, 'readable');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return { response, heap: process.memoryUsage().arrayBuffers - before };
}

describe('the name of a file', () => {
  it.each([
    ['a.txt', 'attachment; filename="a.txt"'],
    ['', 'attachment; filename="download"'],
    ['../../etc/passwd', 'attachment; filename="__.._etc_passwd"'],
    ['..\\a.exe', 'attachment; filename="__a.exe"'],
    ['.htaccess', 'attachment; filename="_htaccess"'],
    [
      'a"; filename="b.exe',
      `attachment; filename="a__ filename__b.exe"; filename*=UTF-8''a_%3B%20filename%3D_b.exe`,
    ],
    ['a\r\nset-cookie', 'attachment; filename="a__set-cookie"'],
    ['a\u202egpj.exe', 'attachment; filename="a_gpj.exe"'],
    ['ü.txt', `attachment; filename="_.txt"; filename*=UTF-8''%C3%BC.txt`],
    ['a\ud800b', 'attachment; filename="a_b"'],
    ["it's (1)*.txt", `attachment; filename="it_s (1)_.txt"; filename*=UTF-8''it%27s%20%281%29_.txt`],
  ])('%j is safe', (name, header) => {
    expect(attachment(name)).toBe(header);
  });

  it('is short, and keeps its ending', () => {
    expect(attachment(`${'a'.repeat(10_000)}.json`)).toMatch(/^attachment; filename="a{115}\.json"$/);
  });
});
