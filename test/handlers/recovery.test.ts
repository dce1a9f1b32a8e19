import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Handlers, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const handled: number[] = [];

@Injectable()
class Tasks {
  @JsConsumer({ stream: 'TASKS', durable: 'worker' })
  onTask(@Payload() id: number): void {
    handled.push(id);
  }
}

describe('a handler recovers', () => {
  let server: NatsTestServer;
  // In memory, because streams are deleted here, and a server needs time to remove the files of a deleted stream.
  const feature = { streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' as const }] };

  beforeEach(async () => {
    handled.length = 0;
    server = await NatsTestServer.start();
  });
  afterEach(() => server.stop());

  it('when its consumer is deleted: creates it again and receives the missed messages', async () => {
    await using application = await startApplication(server.url, { feature, providers: [Tasks] });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('tasks', 1);
    await eventually(
      () => handled.length,
      (n) => n === 1,
    );
    const stream = await jetstream.stream('TASKS');
    await stream.deleteConsumer('worker');
    await stream.purge();
    await jetstream.publish('tasks', 2);
    await eventually(
      () => handled.length,
      (n) => n === 2,
    );
    expect(handled).toEqual([1, 2]);
    expect(application.logs.of('error', 'JsConsumer')).toEqual([
      expect.stringContaining('Tasks.onTask: Consumer "worker" of stream "TASKS" was deleted'),
    ]);
    expect(application.logs.of('log', 'JsConsumer').at(-1)).toBe(
      'Tasks.onTask consumes "worker" of stream "TASKS" again',
    );
  });

  it('when the server is restarted while an ordered handler has a full buffer', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const seen: number[] = [];
    @Injectable()
    class Projection {
      @JsConsumer({ stream: 'TASKS', ordered: true, namePrefix: 'projection' })
      async project(@Payload() id: number): Promise<void> {
        seen.push(id);
        if (seen.length > 40) await gate;
      }
    }
    const lasting = { streams: [{ name: 'TASKS', subjects: ['tasks'] }] };
    await using writer = await startApplication(server.url, { feature: lasting });
    const jetstream = writer.app.get(JetStreamService);
    for (let id = 0; id < 200; id++) await jetstream.publish('tasks', id);
    await using application = await startApplication(server.url, { providers: [Projection] });
    await eventually(
      () => application.app.get(Handlers).get('Projection.project'),
      ({ waiting }) => waiting > 20,
    );
    await server.restart();
    await eventually(
      () => jetstream.consumer('TASKS', 'projection_2').catch(() => undefined),
      (consumer) => consumer !== undefined,
    );
    open();
    await eventually(
      () => seen.length,
      (n) => n === 200,
    );
    expect(seen).toEqual(Array.from({ length: 200 }, (_, id) => id));
  });

  it('when its stream is deleted: waits for it with backoff', async () => {
    await using application = await startApplication(server.url, { feature, providers: [Tasks] });
    const jetstream = application.app.get(JetStreamService);
    // The server notifies waiting pull requests of the deletion; otherwise only missing heartbeats would reveal it.
    const consumer = await jetstream.consumer('TASKS', 'worker');
    await eventually(
      () => consumer.info(),
      ({ numWaiting }) => numWaiting > 0,
    );
    await jetstream.deleteStream('TASKS');
    await eventually(
      () => application.logs.of('warn', 'JsConsumer'),
      (warnings) => warnings.some((warning) => warning.includes('cannot consume yet, retrying in')),
    );
    await jetstream.createStream(feature.streams[0]);
    await jetstream.publish('tasks', 1);
    await eventually(
      () => handled.length,
      (n) => n === 1,
    );
    expect(handled).toEqual([1]);
  });

  it('when the server is restarted, gracefully or not: unsettled messages are redelivered', async () => {
    await using application = await startApplication(server.url, {
      feature: { streams: [{ name: 'TASKS', subjects: ['tasks'] }] },
      providers: [Tasks],
    });
    const jetstream = application.app.get(JetStreamService);
    for (let id = 1; id <= 10; id++) {
      if (id === 4) await server.restart();
      if (id === 8) {
        await server.kill();
        await server.restart();
      }
      await jetstream.publish('tasks', id);
    }
    await eventually(
      () => [...new Set(handled)].sort((a, b) => a - b),
      (ids) => ids.length === 10,
    );
    expect(application.logs.of('log', 'NatsConnection').some((line) => line.includes('reconnected'))).toBe(
      true,
    );
  });
});
