import { DeadLetters, getDeadLettersToken, JetStreamService } from 'nestjs-nats-jetstream';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { buildGoProgram } from '../support/go-program.js';
import { billing, billingFeature } from './billing.js';
import { byName, tracesOfForeignPublish } from './order-traces.js';
import { Traced } from './traced.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

it('a message of the Go client continues its trace', { timeout: 300_000 }, async () => {
  const traced = new Traced();
  const state = { declined: true };
  traced.register();
  await using server = await NatsTestServer.start();
  await using go = await buildGoProgram(new URL('go-publisher/', import.meta.url));
  await using application = await startApplication(server.url, {
    imports: [JetStreamOtelModule.forRoot()],
    feature: billingFeature,
    providers: [billing(traced, state)],
  });
  await go.run(server.url, 'orders.4711.placed', '{"id":"4711"}', `00-${TRACE}-${PARENT}-01`);
  const stored = await (await application.app.get(JetStreamService).stream('ORDERS')).getMessage(1);
  expect(stored.headers?.keys()).toEqual(['Traceparent']);

  await traced.ended('process bills.*', 2);
  state.declined = false;
  const letters = application.app.get<DeadLetters>(getDeadLettersToken());
  expect(await letters.replayAll({})).toMatchObject({ replayed: 1 });
  await traced.ended('process bills.*', 3);
  await traced.ended('replay');

  expect(byName(traced.trees)).toEqual(tracesOfForeignPublish());
  const [processed] = traced.named('process orders.*.placed');
  expect(processed.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT, isRemote: true });
  expect(processed.links.map(({ context }) => context.spanId)).toEqual([PARENT]);
  const traces = new Set(
    traced.spans.filter(({ name }) => name !== 'replay').map((span) => span.spanContext().traceId),
  );
  // The other trace is that of the message that was replayed.
  expect(traces.size).toBe(2);
  expect(traces).toContain(TRACE);
});
