import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { exporter, registerTelemetry } from './telemetry.js';
import { treeOf } from './trace-tree.js';

/** The metrics of the scrape that are printed. */
const SHOWN = /^nats_jetstream_(deliveries|dead_letters)\w*\{/;

registerTelemetry();
// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const app = await NestFactory.create(
  AppModule.on(process.env.NATS_URL ?? server?.url ?? ''),
  // The failures are intended, so the library's log lines about them are omitted.
  { logger: ['fatal'] },
);
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

await fetch(`${url}/orders`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ id: 4711, city: 'Atlantis' }),
});
const spans = exporter.getFinishedSpans.bind(exporter);
const outcomes = (): unknown[] =>
  spans().map(({ attributes }) => attributes['messaging.nats.message.outcome']);
while (!outcomes().includes('dead-lettered')) await delay(20);

console.log('one trace:');
const request = spans().find(({ name }) => name.startsWith('POST'));
const { traceId } = request?.spanContext() ?? {};
console.log(treeOf(spans().filter((span) => span.spanContext().traceId === traceId)));

console.log('\nfrom the scrape of /metrics:');
const scrape = await (await fetch(`${url}/metrics`)).text();
console.log(
  scrape
    .split('\n')
    .filter((line) => SHOWN.test(line) && !line.endsWith(' 0'))
    .join('\n'),
);

await app.close();
await server?.stop();
