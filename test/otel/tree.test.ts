import { DeadLetters, getDeadLettersToken, JetStreamService } from 'nestjs-nats-jetstream';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { billing, billingFeature } from './billing.js';
import { byName, tracesOfRequest } from './order-traces.js';
import { Traced } from './traced.js';

const state = { declined: true };
const traced = new Traced();

describe.each(['2.15', '2.10', '2.9'])('the trace of a message on nats-server %s', (version) => {
  let server: NatsTestServer;

  beforeAll(async () => {
    traced.register();
    traced.reset();
    state.declined = true;
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  it('follows it from the request to the handlers, their failures, the dead letter and its replay', async () => {
    await using application = await startApplication(server.url, {
      imports: [JetStreamOtelModule.forRoot()],
      feature: billingFeature,
      providers: [billing(traced, state)],
    });
    await traced.inSpan('POST /orders', () =>
      application.app.get(JetStreamService).publish('orders.4711.placed', { id: '4711' }),
    );
    await traced.ended('process bills.*', 2);
    state.declined = false;
    const letters = application.app.get<DeadLetters>(getDeadLettersToken());
    const { replayed } = await letters.replayAll({});
    expect(replayed).toBe(1);
    await traced.ended('process bills.*', 3);
    await traced.ended('replay');

    expect(byName(traced.trees)).toEqual(tracesOfRequest({ span: 'POST /orders', kind: 'INTERNAL' }));
  });

  it('links handled messages to their publish, also that of a replay', () => {
    const publishes = new Map(traced.named('publish').map((span) => [span.spanContext().spanId, span.name]));
    const linked = traced
      .named('process')
      .map(({ name, links }) => [name, links.map(({ context }) => publishes.get(context.spanId))]);
    expect(linked.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))).toEqual([
      ['process bills.*', ['publish bills.*']],
      ['process bills.*', ['publish bills.*']],
      ['process bills.*', ['publish bills.*']],
      ['process orders.*.placed', ['publish orders.*.placed']],
    ]);
  });

  it('has the attributes of the conventions', () => {
    const [publish] = traced.named('publish orders.*.placed');
    const [processed] = traced.named('process orders.*.placed');
    const [letter] = traced.named('dead-letter');
    const [host, port] = server.url.replace(/^nats:\/\//, '').split(':');
    const common = {
      'messaging.system': 'nats',
      'messaging.destination.name': 'orders.4711.placed',
      'messaging.destination.template': 'orders.*.placed',
      'messaging.message.body.size': 13,
      'messaging.nats.stream.name': 'ORDERS',
      'messaging.nats.message.stream_sequence': 1,
      'server.address': host,
      'server.port': Number(port),
    };
    expect(publish.attributes).toEqual({
      ...common,
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
    });
    expect(processed.attributes).toEqual({
      ...common,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.consumer.group.name': 'billing',
      'messaging.nats.handler': 'Billing.onPlaced',
      'messaging.nats.message.consumer_sequence': 1,
      'messaging.nats.message.delivery_count': 1,
      'messaging.nats.message.outcome': 'acked',
    });
    expect(letter.attributes).toMatchObject({
      'messaging.nats.message.reason': 'deliveries used up',
      'messaging.destination.name': 'bills.4711',
    });
    expect(processed.instrumentationScope).toMatchObject({ name: 'nestjs-nats-jetstream', version: '0.1.0' });
  });

  it('says how long a retry is delayed', () => {
    const [first] = traced.named('process bills.*');
    const retried = first.events.find(({ name }) => name === 'retried');
    expect(retried?.attributes).toEqual({ 'messaging.nats.message.delay': 10 });
    const thrown = first.events.find(({ name }) => name === 'exception');
    expect(thrown?.attributes).toMatchObject({
      'exception.type': 'CardDeclined',
      'exception.message': 'no money',
    });
  });
});
