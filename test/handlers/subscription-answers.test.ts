import { Injectable } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import { JetStreamService, NatsContext, Subscribe } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

let results: unknown[] = [];
let answer: unknown = 'answer';

@Injectable()
class Deputy {
  @Subscribe('deputy')
  on(@Ctx() context: NatsContext): void {
    try {
      results.push(context.respond(answer as string));
    } catch (error) {
      results.push((error as Error).name);
    }
  }
}

describe('answers of @Subscribe', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let peer: NatsConnection;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    peer = await connect({ servers: server.url });
    application = await startApplication(server.url, {
      providers: [Deputy],
      feature: { streams: [{ name: 'KEEP', subjects: ['keep'] }] },
    });
  });
  afterAll(async () => {
    await peer.close();
    await application.app.close();
    await server.stop();
  });
  beforeEach(() => {
    results = [];
    answer = 'answer';
  });

  const result = async (reply: string): Promise<unknown> => {
    peer.publish('deputy', '1', { reply });
    const [first] = await eventually(
      () => results,
      (all) => all.length > 0,
    );
    return first;
  };

  it.each([
    ['the JetStream API', '$JS.API.STREAM.DELETE.KEEP'],
    ['a bucket', '$KV.config.key'],
    ['a wildcard', 'a.*'],
    ['more than a line holds', 'x'.repeat(4_070)],
  ])('are not sent to %s', async (_, reply) => {
    expect(await result(reply)).toBe(false);
    const stream = await application.app.get(JetStreamService).stream('KEEP');
    expect(stream.cachedInfo.config.name).toBe('KEEP');
  });

  it.each([undefined, '', new Uint8Array(0)])('are never empty: %j', async (empty) => {
    answer = empty;
    expect(await result('_INBOX.peer')).toBe('InvalidArgumentError');
  });

  it('reach an inbox', async () => {
    expect((await peer.request('deputy', '1')).string()).toBe('answer');
  });
});
