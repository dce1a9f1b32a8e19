import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { type EventExtras, JetStreamRecord, type RequestExtras } from 'nestjs-nats-jetstream/microservice';
import { jetStreamTracing } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { NEVER, type Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, connectClient, emit, failure, startMicroservice } from '../microservice/microservice.js';
import { Traced } from './traced.js';

const traced = new Traced();

@Controller()
class Prices {
  @MessagePattern('prices.*', { mode: 'core' } satisfies RequestExtras)
  async price(@Payload() item: string): Promise<string> {
    await traced.inSpan('SELECT', () => Promise.resolve());
    if (item === 'unknown') throw new RpcException('no such item');
    return `price of ${item}`;
  }

  @MessagePattern('jobs.*', { mode: 'jetstream' } satisfies RequestExtras)
  job(@Payload() name: string): string {
    return `${name} is done`;
  }

  @MessagePattern('never.*', { mode: 'core' } satisfies RequestExtras)
  never(): Observable<string> {
    return NEVER;
  }

  @EventPattern('sold.*', { mode: 'jetstream' } satisfies EventExtras)
  onSold(@Payload() _: unknown): void {}

  @EventPattern('seen.*', { mode: 'core' } satisfies EventExtras)
  onSeen(@Payload() _: unknown): void {}
}

const instruments = [jetStreamTracing()];
const streams = [
  { name: 'JOBS', subjects: ['jobs.>'], storage: 'memory' as const },
  { name: 'SOLD', subjects: ['sold.*'], storage: 'memory' as const },
];

describe('tracing of microservices', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    traced.register();
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => traced.reset());

  it('follows a request to its service', async () => {
    await using _ = await startMicroservice(server.url, {
      controllers: [Prices],
      server: { instruments, streams },
    });
    await using client = await connectClient(server.url, { instruments });
    await traced.inSpan('GET /prices', () => ask(client, 'prices.eu', 'tea'));
    await traced.ended('request');
    expect(traced.trees).toEqual([
      {
        span: 'GET /prices',
        kind: 'INTERNAL',
        children: [
          {
            span: 'request',
            kind: 'CLIENT',
            children: [
              {
                span: 'process prices.*',
                kind: 'SERVER',
                children: [{ span: 'SELECT', kind: 'INTERNAL' }],
              },
            ],
          },
        ],
      },
    ]);
  });

  it('marks a request that failed on both sides', async () => {
    await using _ = await startMicroservice(server.url, {
      controllers: [Prices],
      server: { instruments, streams },
    });
    await using client = await connectClient(server.url, { instruments });
    await failure(ask(client, 'prices.eu', 'unknown'));
    const [request] = await traced.ended('request');
    const [processed] = await traced.ended('process');
    expect(request.status.code).toBe(2);
    // The filter of Nest turns exceptions into plain objects.
    expect(processed.status).toEqual({ code: 2, message: 'no such item' });
    expect(processed.attributes).toMatchObject({
      'error.type': '_OTHER',
      'messaging.nats.message.outcome': 'failed',
    });
  });

  it('follows events of core NATS and of streams, and durable requests', async () => {
    await using _ = await startMicroservice(server.url, {
      controllers: [Prices],
      server: { instruments, streams },
    });
    await using client = await connectClient(server.url, { instruments });
    await using durable = await connectClient(server.url, { instruments, mode: 'jetstream' });
    await traced.inSpan('core event', () =>
      emit(client, 'seen.1', new JetStreamRecord('x', { mode: 'core' })),
    );
    await traced.ended('process seen.*');
    await traced.inSpan('durable event', () => emit(durable, 'sold.1', 'x'));
    await traced.ended('process sold.*');
    await traced.inSpan('durable request', () => ask(durable, 'jobs.1', 'sweeping'));
    await traced.ended('process jobs.*');
    const publish = { span: 'publish', kind: 'PRODUCER' };
    expect(traced.trees).toEqual([
      {
        span: 'core event',
        kind: 'INTERNAL',
        children: [{ ...publish, children: [{ span: 'process seen.*', kind: 'CONSUMER' }] }],
      },
      {
        span: 'durable event',
        kind: 'INTERNAL',
        children: [{ ...publish, children: [{ span: 'process sold.*', kind: 'CONSUMER', delivery: 1 }] }],
      },
      {
        span: 'durable request',
        kind: 'INTERNAL',
        children: [
          {
            span: 'request',
            kind: 'CLIENT',
            children: [publish, { span: 'process jobs.*', kind: 'SERVER', delivery: 1 }],
          },
        ],
      },
    ]);
  });

  it('ends the spans of a packet that cannot be read', async () => {
    await using _ = await startMicroservice(server.url, {
      controllers: [Prices],
      server: { instruments, streams },
    });
    await using client = await connectClient(server.url);
    client.unwrap<{ publish(subject: string, data: string): void }>().publish('prices.eu', 'not JSON');
    const [span] = await traced.ended('process');
    expect(span.name).toBe('process prices.*');
    expect(span.status.code).toBe(2);
  });

  it('ends the span of a request that is still handled when the service stops', async () => {
    const { app } = await startMicroservice(server.url, {
      controllers: [Prices],
      server: { instruments, streams, shutdownTimeout: 100 },
    });
    await using client = await connectClient(server.url, { instruments });
    const failed = failure(ask(client, 'never.1', 'x'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await app.close();
    await failed;
    await traced.ended('request');
    expect(traced.counts).toMatchObject({ started: 2, ended: 2 });
  });
});
