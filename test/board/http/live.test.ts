import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { Handlers, JetStreamConnections, JetStreamEvents, Schedules } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BoardServer } from '../../../lib/board/http/index.js';
import { LIVE_TIMES } from '../../../lib/board/http/live-group.js';
import { ApplicationSource } from '../../../lib/board/module/application-source.js';
import { eventually } from '../../support/eventually.js';
import { EventStream } from './event-stream.js';
import { PLATFORMS, serveBoard, type ServedBoard } from './serve-board.js';

const HANDLER = 'Billing.onOrder';

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

const open = ({ url }: ServedBoard, headers?: Readonly<Record<string, string>>): Promise<EventStream> =>
  EventStream.open(`${url}/board/live`, headers);

/** Emits an event of the application. */
function emit({ app }: ServedBoard, name: string): void {
  app.get(JetStreamEvents).emit({
    type: 'resource-recreated',
    connection: 'default',
    resource: 'stream',
    name,
    time: new Date(),
  });
}

describe.each(PLATFORMS)('the event stream on %s', (platform) => {
  it('sends the handlers, events and jobs, with headers that keep proxies from waiting', async () => {
    await using board = await serveBoard(server.url, { platform, board: { readOnly: false } });
    await using stream = await open(board);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers.get('cache-control')).toBe('no-store, no-transform');
    expect(stream.response.headers.get('x-accel-buffering')).toBe('no');
    const { data } = await stream.next('handlers');
    expect(data.rows).toEqual([expect.objectContaining({ handler: HANDLER })]);
    await board.app.get(Handlers).pause(HANDLER);
    await stream.next('event', (event) => event.data.type === 'handler-paused');
    await stream.next('handlers', (event) => JSON.stringify(event.data).includes('"paused"'));
    await board.act('search', { selection: {}, text: 'nothing' });
    await stream.next('jobs', (event) => JSON.stringify(event.data).includes('"search"'));
    const action = await stream.next('event', (event) => event.data.type === 'action');
    expect(action.data.text).toMatch(/^search.*: done$/);
    expect(stream.comments).toEqual(['retry: 2000']);
  });

  it('ends when the access ends, and the browser does not connect again', async () => {
    let isAllowed = true;
    await using board = await serveBoard(server.url, { platform, board: { access: () => isAllowed } });
    await using stream = await open(board);
    await using other = await open(board);
    await stream.next('handlers');
    isAllowed = false;
    const { data } = await stream.next('end');
    expect(data).toEqual({ reason: 'Your access has ended.' });
    await stream.ended();
    await other.ended();
    expect((await open(board)).response.status).toBe(403);
  });

  it('ends for one reader only, if only its access ends', async () => {
    const refused = new Set<string>();
    await using board = await serveBoard(server.url, {
      platform,
      board: {
        access: ({ request }) =>
          !refused.has((request as { headers: Record<string, string> }).headers['x-user'] ?? ''),
      },
    });
    await using ann = await open(board, { 'x-user': 'ann' });
    await using bob = await open(board, { 'x-user': 'bob' });
    refused.add('bob');
    await bob.ended();
    const { length } = ann.events;
    await eventually(
      () => ann.events.length,
      (now) => now > length,
    );
    expect(ann.hasEnded).toBe(false);
  });

  it('ends when the application stops, which it does not delay', async () => {
    const board = await serveBoard(server.url, { platform });
    await using stream = await open(board);
    await stream.next('handlers');
    const start = performance.now();
    await board.app.close();
    expect(performance.now() - start).toBeLessThan(5_000);
    await stream.ended();
    expect(stream.events.filter(({ name }) => name === 'end')).toEqual([]);
  });

  it('continues behind the last event that the browser has', async () => {
    await using board = await serveBoard(server.url, { platform });
    await using first = await open(board);
    emit(board, 'ONE');
    const one = await first.next('event');
    await first[Symbol.asyncDispose]();
    emit(board, 'TWO');
    emit(board, 'THREE');
    await using second = await open(board, { 'last-event-id': one.id ?? '' });
    await second.next('event', (event) => String(event.data.text).includes('THREE'));
    expect(second.events.filter(({ name }) => name === 'event').map(({ data }) => data.text)).toEqual([
      'stream "TWO" was created again, without its content',
      'stream "THREE" was created again, without its content',
    ]);
    for (const id of ['x', '', `${'0'.repeat(12)}.1`, '9'.repeat(5_000)]) {
      await using third = await open(board, { 'last-event-id': id });
      await third.next('handlers');
      expect(third.events.filter(({ name }) => name === 'event')).toEqual([]);
    }
  });

  it('refuses unknown parameters and connections', async () => {
    await using board = await serveBoard(server.url, { platform });
    for (const query of ['?connection=other', '?a=b', '?connection=a&connection=b', '?__proto__=1'])
      expect((await board.get(`/board/live${query}`)).status, query).toBe(400);
    await using stream = await EventStream.open(`${board.url}/board/live?connection=default`);
    await stream.next('handlers');
  });

  it('has at most 100 readers', async () => {
    await using board = await serveBoard(server.url, { platform });
    const streams = await Promise.all(Array.from({ length: 100 }, () => open(board)));
    expect(streams.filter(({ response }) => response.status !== 200)).toEqual([]);
    const refused = await board.get('/board/live');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '30']);
    await streams[0]?.[Symbol.asyncDispose]();
    await eventually(
      async () => {
        await using stream = await open(board);
        return stream.response.status;
      },
      (status) => status === 200,
    );
    await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  });

  it('needs a bounded amount of memory for a reader that does not read', { timeout: 60_000 }, async () => {
    await using board = await serveBoard(server.url, { platform });
    const sockets: Socket[] = [];
    const http = board.app.getHttpServer() as Server;
    http.on('connection', (socket) => sockets.push(socket));
    const { hostname, port } = new URL(board.url);
    const reader = connect(Number(port), hostname);
    reader.write(`GET /board/live HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`);
    await once(reader, 'data');
    reader.pause();
    const text = 'x'.repeat(10_000);
    let waiting = 0;
    // 200 MB in all; what the system buffers for a connection is far less.
    for (let i = 0; i <= 20_000; i++) {
      emit(board, `${text}${i}`);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      waiting = Math.max(waiting, sockets[0]?.writableLength ?? 0);
    }
    expect(waiting).toBeGreaterThan(0);
    expect(waiting).toBeLessThan(1_000_000);
    // The newest events are not lost.
    let received = '';
    reader.on('data', (data) => (received += data.toString()));
    reader.resume();
    await eventually(
      () => received.includes('x20000'),
      (isThere) => isThere,
    );
    expect(received.length).toBeLessThan(60_000_000);
    reader.destroy();
  });
});

describe('the guards', () => {
  it('run again for pages that stay open, because the stream is closed regularly', async () => {
    let isAllowed = true;
    await using board = await serveBoard(server.url, {
      board: { guards: [{ canActivate: () => isAllowed }] },
      override: (module) =>
        module.overrideProvider(BoardServer).useFactory({
          inject: [ModuleRef, DiscoveryService, JetStreamConnections, Handlers, Schedules, JetStreamEvents],
          factory: (...services: ConstructorParameters<typeof ApplicationSource>) =>
            new BoardServer(new ApplicationSource(...services), {}, { ...LIVE_TIMES, longest: 5_000 }),
        }),
    });
    await using stream = await open(board);
    await stream.next('handlers');
    isAllowed = false;
    await stream.ended();
    // The browser connects again, and gets the refusal of the guard.
    expect(stream.events.filter(({ name }) => name === 'end')).toEqual([]);
    expect((await open(board)).response.status).toBe(403);
  });
});

describe('a board that is not open', () => {
  it('reads nothing', async () => {
    await using board = await serveBoard(server.url);
    const handlers = board.app.get(Handlers);
    const list = handlers.list.bind(handlers);
    let calls = 0;
    handlers.list = () => {
      calls++;
      return list();
    };
    const stream = await open(board);
    await stream.next('handlers');
    const { length } = stream.events;
    await eventually(
      () => stream.events.length,
      (now) => now > length,
    );
    expect(calls).toBeGreaterThan(1);
    await stream[Symbol.asyncDispose]();
    // An answer may have been in progress; afterwards, a period passes.
    await new Promise((resolve) => setTimeout(resolve, 500));
    calls = 0;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(calls).toBe(0);
  });
});
