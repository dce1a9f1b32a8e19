import { Injectable } from '@nestjs/common';
import { JetStreamService, JsConsumer, PublishTo } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { ModuleProcess } from '../idempotence/module-process.js';
import { startApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';

describe.each(['2.15', '2.9'])('@PublishTo on nats-server %s', (version) => {
  it('publishes only the missing value after its process was killed between two', async () => {
    await using server = await NatsTestServer.start({ version });
    await using producer = await startApplication(server.url, {
      feature: {
        streams: [
          { name: 'ORDERS', subjects: ['orders'], storage: 'memory' },
          { name: 'PARTS', subjects: ['parts'], storage: 'memory' },
        ],
      },
    });
    const jetstream = producer.app.get(JetStreamService);
    await jetstream.publish('orders', { id: 1 });
    await using killed = new ModuleProcess(new URL('./fixtures/parts.ts', import.meta.url), server.url);
    await killed.printed('two');
    await killed.kill();

    @Injectable()
    class Orders {
      @JsConsumer({ stream: 'ORDERS', durable: 'parts', ackWait: 1_000 })
      @PublishTo('parts')
      *onOrder(): Generator<{ part: number; by: string }, void, undefined> {
        for (const part of [1, 2, 3]) yield { part, by: 'second' };
      }
    }
    await using _ = await startApplication(server.url, { providers: [Orders] });
    await eventually(
      async () => (await jetstream.consumer('ORDERS', 'parts')).info(),
      ({ numAckPending, numPending }) => numAckPending === 0 && numPending === 0,
    );
    const stream = await jetstream.stream('PARTS');
    const { messages } = (await stream.info()).state;
    const parts = await Promise.all(Array.from({ length: messages }, (__, i) => stream.getMessage(i + 1)));
    expect(parts.map((part) => part.json())).toEqual([
      { part: 1, by: 'killed' },
      { part: 2, by: 'killed' },
      { part: 3, by: 'second' },
    ]);
  }, 120_000);
});
