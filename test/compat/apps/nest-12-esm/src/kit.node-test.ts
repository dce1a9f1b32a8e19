import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineMessage } from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { Readings } from './readings.js';

const ReadingTaken = defineMessage({ subject: 'readings.:sensor' });

test('a test kit follows a reading in node:test', async (context) => {
  const kit = await JetStreamTestKit.start({ imports: [AppModule.on('nats://production.invalid')] });
  context.after(() => kit.close());
  const spy = kit.spyOn('Readings.onLatest');
  const mocked = context.mock.method(kit.get(Readings), 'onReading');
  const flow = await kit.publish(ReadingTaken, { sensor: 'k1' }, { sensor: 'k1', degrees: 20 }).settled();
  assert.deepEqual(flow.handled.map(({ handler, outcome }) => `${handler}: ${outcome}`).sort(), [
    'Readings.onLatest: left',
    'Readings.onReading: acked',
  ]);
  assert.equal(spy.calls.length, 1);
  assert.equal(mocked.mock.callCount(), 1);
  assert.deepEqual((await kit.handled(ReadingTaken)).params, { sensor: 'k1' });
});
