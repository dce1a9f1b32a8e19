/**
 * Measures what the metrics of `nestjs-nats-jetstream/metrics` cost for each message: the two calls of their instrument with
 * real messages of a server, without network and handler.
 *
 * `npm run prebench && node bench/dist/metrics-cost.js`
 */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamModule, JetStreamService, type Ending, type JetStreamMessage } from 'nestjs-nats-jetstream';
import { jetStreamPrometheusMetrics } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';

const MESSAGES = 1_000;
const REPEATS = 3_000;
const ROUNDS = 7;
const NANOS_PER_MILLISECOND = 1_000_000;

await using server = await NatsTestServer.start();

@Module({ imports: [JetStreamModule.forRoot({ connection: { servers: server.url } })] })
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const jetstream = app.get(JetStreamService);
await jetstream.createStream({ name: 'TASKS', subjects: ['tasks.*'], storage: 'memory' });
for (let id = 0; id < MESSAGES; id++) await jetstream.publish(`tasks.${id}`, id);
const consumer = await jetstream.createConsumer('TASKS', { durable: 'worker' });
const messages: JetStreamMessage[] = [];
for await (const message of consumer.fetch(MESSAGES)) messages.push(message);

const metrics = jetStreamPrometheusMetrics({ registry: new Registry() });
const instrument = metrics.handler({
  handler: 'Tasks.onTask',
  form: 'consumer',
  connection: 'default',
  source: 'TASKS',
  consumer: 'worker',
  patterns: ['tasks.*'],
});
const ending: Ending = { outcome: 'acked', failed: false, duration: 0.2 };

const rounds: number[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const startedAt = performance.now();
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const message of messages) {
      instrument.started?.(message);
      instrument.ended?.(message, ending);
    }
  }
  // The first round is a warm-up.
  if (round > 0) {
    const elapsed = performance.now() - startedAt;
    rounds.push((elapsed * NANOS_PER_MILLISECOND) / (REPEATS * messages.length));
  }
}
rounds.sort((a, b) => a - b);
const [fastest = NaN] = rounds;
const median = rounds[Math.floor(rounds.length / 2)] ?? NaN;
console.log(
  `metrics: ${median.toFixed(0)} ns a message (median of ${ROUNDS} rounds of ${REPEATS * messages.length}; ` +
    `fastest ${fastest.toFixed(0)} ns, slowest ${(rounds.at(-1) ?? NaN).toFixed(0)} ns)`,
);
metrics.close();
await app.close();
