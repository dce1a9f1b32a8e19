import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamService, JsConsumer, OnJetStreamEvent, type JetStreamEvent } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

it('a permission that is missing is reported once, however often it is missed', async () => {
  const deliveries: number[] = [];
  const events: JetStreamEvent[] = [];
  @Injectable()
  class Unacknowledged {
    @JsConsumer({ stream: 'TASKS', durable: 'worker', ackWait: 100 })
    onTask(@Payload() id: number): void {
      deliveries.push(id);
    }

    @OnJetStreamEvent('permission-denied')
    onDenied(event: JetStreamEvent): void {
      events.push(event);
    }
  }
  const user = '{ user: u, password: p, permissions: { publish: { allow: ">", deny: "$JS.ACK.>" } } }';
  await using server = await NatsTestServer.start({
    config: `no_auth_user: u\nauthorization { users: [${user}] }`,
  });
  await using application = await startApplication(server.url, {
    feature: { streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' }] },
    providers: [Unacknowledged],
  });
  await application.app.get(JetStreamService).publish('tasks', 1);
  await eventually(
    () => deliveries,
    (list) => list.length >= 3,
  );
  expect(events).toMatchObject([{ type: 'permission-denied', connection: 'default' }]);
  expect(application.logs.of('error', 'NatsConnection')).toEqual([
    expect.stringMatching(
      /^Connection "default": no permission to publish to "\$JS\.ACK\.TASKS\.worker\..*": messages may not come/,
    ),
  ]);
});

it('a handler needs no more than the guide says', async () => {
  const handled: number[] = [];
  @Injectable()
  class Tasks {
    @JsConsumer({ stream: 'TASKS', durable: 'worker' })
    onTask(@Payload() id: number): void {
      handled.push(id);
    }
  }
  const owner = '{ user: owner, password: p }';
  const publish = '["$JS.API.CONSUMER.>", "$JS.API.STREAM.INFO.TASKS", "$JS.ACK.>"]';
  const user = `{ user: u, password: p, permissions: { publish: ${publish}, subscribe: "_INBOX.>" } }`;
  await using server = await NatsTestServer.start({
    config: `no_auth_user: u\nauthorization { users: [${owner}, ${user}] }`,
  });
  const nc = await connect({ servers: server.url, user: 'owner', pass: 'p' });
  const { streams, consumers } = await jetstreamManager(nc);
  await streams.add({ name: 'TASKS', subjects: ['tasks'], storage: 'memory' });
  await using application = await startApplication(server.url, { providers: [Tasks] });
  nc.publish('tasks', '1');
  await eventually(
    () => consumers.info('TASKS', 'worker'),
    ({ ack_floor }) => ack_floor.stream_seq === 1,
  );
  await nc.close();
  expect(handled).toEqual([1]);
  expect(application.logs.of('error')).toEqual([]);
});
