import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  getDeadLettersToken,
  getKeyValueToken,
  getObjectStoreToken,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsSubject,
  type KeyValue,
  KvWatch,
  NatsSubscribe,
  type ObjectStore,
  ObjectWatch,
  PublishTo,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Measured } from './measured.js';
import { Traced } from './traced.js';

const ROUNDS = 25;
const traced = new Traced();
let handled = 0;

@Injectable()
class Single {
  @JsConsumer({ stream: 'ALL', durable: 'single', filterSubjects: ['one.>', 'two.*.x'], deadLetter: true })
  @PublishTo((_, { subject }) => `copy.${subject.split('.')[1]}`)
  handle(@Payload() text: string, @JsSubject() subject: string): string {
    handled++;
    if (text === 'refuse') throw new TerminateMessage(`no ${subject}`);
    return text;
  }

  @JsConsumer({ stream: 'ALL', durable: 'whole' })
  whole(@Payload() _: unknown): void {
    handled++;
  }

  @JsConsumer({ stream: 'ALL', durable: 'batch', batch: { size: 5, maxWait: 50 } })
  batch(@Payload() _: unknown[]): void {
    handled++;
  }

  @NatsSubscribe('core.>')
  core(@Payload() _: unknown): void {
    handled++;
  }

  @KvWatch('settings')
  setting(): void {}

  @ObjectWatch('files')
  file(): void {}
}

@Injectable()
@JsConsumer({ stream: 'ALL', durable: 'router' })
class Router {
  @JsHandler('one.*.y')
  y(@Payload() _: unknown): void {}

  @JsHandler('>')
  rest(@Payload() _: unknown): void {}
}

it('no span name and no metric attribute has a token of a subject, key or object', async () => {
  traced.register();
  await using server = await NatsTestServer.start();
  const measured = new Measured();
  const { meterProvider } = measured;
  await using application = await startApplication(server.url, {
    imports: [
      JetStreamOtelModule.forRoot({ tracing: { keyValue: true, settle: true }, metrics: { meterProvider } }),
    ],
    feature: {
      streams: [
        { name: 'ALL', subjects: ['one.>', 'two.*.*'], storage: 'memory' },
        { name: 'COPY', subjects: ['copy.*'], storage: 'memory' },
      ],
      keyValues: [{ bucket: 'settings', storage: 'memory' }],
      objectStores: [{ bucket: 'files', storage: 'memory' }],
    },
    providers: [Single, Router],
  });
  const jetstream = application.app.get(JetStreamService);
  const settings = application.app.get<KeyValue>(getKeyValueToken('settings'));
  const files = application.app.get<ObjectStore>(getObjectStoreToken('files'));
  const nc = await connect({ servers: server.url });
  const tokens: string[] = [];
  const token = (): string => {
    const text = `t${randomUUID().slice(0, 8)}`;
    tokens.push(text);
    return text;
  };
  for (let round = 0; round < ROUNDS; round++) {
    await jetstream.publish(`one.${token()}.y`, round % 5 === 0 ? '"refuse"' : '"x"');
    await jetstream.publish(`one.${token()}.${token()}.${token()}`, '"x"');
    await jetstream.publish(`two.${token()}.x`, '"x"');
    await jetstream.publish(`two.${token()}.${token()}`, '"x"');
    await jetstream
      .publish(`nowhere.${token()}`, '"x"', { timeout: 200, retry: { attempts: 0 } })
      .catch(() => undefined);
    await settings.put(token(), 'x');
    await settings.get(token());
    await files.putString(token(), 'x');
    nc.publish(`core.${token()}`, '"x"');
  }
  await eventually(
    () => handled,
    (count) => count >= ROUNDS * 8,
  );
  await application.app.get<DeadLetters>(getDeadLettersToken()).replayAll({});
  const names = [...new Set(traced.spans.map(({ name }) => name))];
  const points = await measured.points();
  expect(names.length).toBeGreaterThan(12);
  expect(points.length).toBeGreaterThan(20);
  const texts = [...names, ...points.map((point) => JSON.stringify(point))];
  expect(texts.filter((text) => tokens.some((each) => text.includes(each)))).toEqual([]);
  await nc.close();
  await meterProvider.shutdown();
});
