import { Buffer } from 'node:buffer';
import { Controller, Injectable } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import {
  InvalidReplyError,
  JetStreamModule,
  NatsSubscribeContext,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawPublisher } from '../connection/raw-publisher.js';
import { connectOver } from '../connection/connect-over.js';
import { failure } from '../microservice/microservice.js';
import { HOSTILE_BLOCKS } from '../jetstream/streams/hostile-headers.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

const BLOCKS = Object.entries(HOSTILE_BLOCKS).map(
  ([name, block]) => [name, block, block.startsWith('NATS/1.0')] as const,
);
const PROBLEM = 'the header block does not begin with NATS/1.0';

const handled: string[] = [];

@Injectable()
class Core {
  @NatsSubscribe('core.payload')
  payload(@Payload() data: unknown, @Ctx() { headers }: NatsSubscribeContext): void {
    handled.push(`payload ${JSON.stringify(data)} ${headers === undefined ? '' : headers.keys().length > 0}`);
  }

  @NatsSubscribe('core.nothing')
  nothing(): void {
    handled.push('nothing');
  }
}

@Controller()
class Service {
  @MessagePattern('service.echo')
  echo(@Payload() data: unknown): unknown {
    handled.push('echo');
    return data;
  }

  @EventPattern('service.event', { mode: 'core' })
  event(@Payload() _: unknown): void {
    handled.push('event');
  }
}

describe.each(['direct', 'client'])(
  'a hostile block of headers on core NATS, through the %s wire',
  (wire) => {
    let server: NatsTestServer;
    let nc: NatsConnection;
    let raw: RawPublisher;
    let logs: LogRecorder;
    let peer: NatsConnection;
    let answers: AsyncIterator<Msg, unknown>;
    let client: JetStreamClient;
    const closing: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      server = await NatsTestServer.start();
      nc = await connectOver(wire, { servers: server.url });
      const connection = nc;
      logs = new LogRecorder();
      const app = await Test.createTestingModule({
        imports: [JetStreamModule.forRoot({ connection })],
        providers: [Core],
        controllers: [Service],
      })
        .setLogger(logs)
        .compile();
      const microservice = app.createNestMicroservice({
        strategy: new JetStreamServer({ name: 's', connection }),
      });
      await microservice.listen();
      client = new JetStreamClient({ connection, timeout: 5_000 });
      await client.connect();
      raw = await RawPublisher.connect(server.url);
      peer = await connect({ servers: server.url });
      answers = peer.subscribe('answers')[Symbol.asyncIterator]();
      closing.push(
        () => client.close(),
        () => microservice.close(),
        () => raw[Symbol.asyncDispose](),
        () => peer.close(),
        () => nc.close(),
        () => server.stop(),
      );
    });
    afterAll(async () => {
      for (const close of closing) await close();
    });
    beforeEach(() => {
      handled.length = 0;
      logs.lines.length = 0;
    });

    describe.each(BLOCKS)('%s', (_, block, valid) => {
      const bytes = Buffer.from(block, 'latin1');

      it.each(['core.payload', 'core.nothing', 'service.event'])(
        'does not harm a handler of %s, and is an invalid payload if its version is wrong',
        async (subject) => {
          await raw.publish(subject, bytes, '1');
          await raw.publish(subject, 'NATS/1.0\r\nA: b\r\n\r\n', '2');
          await eventually(
            () => handled.length + logs.of('error').length,
            (count) => count === 2,
          );
          expect(handled).toHaveLength(valid ? 2 : 1);
          const refused = logs.of('error').filter((line) => line.includes(PROBLEM) && line.includes(subject));
          expect(refused).toHaveLength(valid ? 0 : 1);
        },
      );

      it('of a request is answered, with an error if its version is wrong', async () => {
        await raw.publish('service.echo', bytes, '{"pattern":"service.echo","data":7,"id":"1"}', 'answers');
        const { value } = (await answers.next()) as IteratorResult<Msg, undefined>;
        const packet: unknown = JSON.parse(value?.string() ?? '');
        expect(packet).toMatchObject(
          valid ? { response: 7 } : { err: { status: 'error', message: PROBLEM } },
        );
        expect(handled).toHaveLength(valid ? 1 : 0);
      });

      it('of a reply does no harm, and is an InvalidReplyError if its version is wrong', async () => {
        const asked = peer.subscribe('peer', { max: 1 });
        await peer.flush();
        const reply = lastValueFrom(client.send('peer', 1));
        const outcome = valid ? reply : failure(reply);
        for await (const { reply: to } of asked) {
          await raw.publish(to ?? '', bytes, '{"response":7,"isDisposed":true}');
        }
        const error: unknown = expect.any(InvalidReplyError);
        expect(await outcome).toEqual(valid ? 7 : error);
      });

      it('does not affect the connection', async () => {
        expect(nc.isClosed()).toBe(false);
        expect(nc.stats().inMsgs).toBeGreaterThan(0);
        expect(logs.of('error').filter((line) => line.includes('cannot be parsed'))).toEqual([]);
      });
    });
  },
);
