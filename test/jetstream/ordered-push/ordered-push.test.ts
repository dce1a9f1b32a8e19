import { headers, type NatsConnection } from '@nats-io/transport-node';
import { jetstream, jetstreamManager, StorageType, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, JetStreamConnection } from '../../../lib/connection/index.js';
import { StreamNotFoundError, UnsupportedServerFeatureError } from '../../../lib/errors/index.js';
import {
  JetStreamApi,
  OrderedPush,
  type OrderedPushConfig,
  type OrderedPushOwner,
} from '../../../lib/jetstream/index.js';
import { Requests } from '../../../lib/requests/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { eventually, startServer, uniqueName } from '../../key-value/support.js';

describe.each(['2.15', '2.10', '2.9'])('an ordered push consumer on nats-server %s', (version) => {
  let server: NatsTestServer;
  let nc: NatsConnection;
  let jsm: JetStreamManager;
  let api: JetStreamApi;
  let stream: string;
  const pushes: OrderedPush[] = [];

  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(() => server.stop());

  beforeEach(async () => {
    stream = uniqueName('S');
    nc = await connect({ servers: server.url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
    jsm = await jetstreamManager(nc);
    const connection = new JetStreamConnection('default', nc);
    api = new JetStreamApi(connection, new Requests(connection));
    await jsm.streams.add({ name: stream, subjects: ['s.>'], storage: StorageType.File });
  });
  afterEach(async () => {
    for (const push of pushes.splice(0)) push.stop();
    await jsm.streams.delete(stream).catch(() => undefined);
    await nc.close();
  });

  async function start(config: Partial<OrderedPushConfig> = {}, owner: Partial<OrderedPushOwner> = {}) {
    const received: number[] = [];
    const texts: string[] = [];
    const events: string[] = [];
    const push = new OrderedPush(
      api,
      { stream, ...config },
      {
        onMessage(message, sequence) {
          received.push(sequence);
          texts.push(message.text());
        },
        onStart: ({ pending, restarted }) => events.push(`start ${pending}${restarted ? ' restarted' : ''}`),
        onIdle: () => events.push('idle'),
        onReset: (reason) => events.push(reason),
        onError: (error) => events.push(`error ${error.name}`),
        ...owner,
      },
    );
    pushes.push(push);
    await push.start();
    return { push, received, texts, events };
  }

  async function publish(count: number, from = 1) {
    const js = jetstream(nc);
    for (let i = from; i < from + count; i++) await js.publish(`s.${i % 10}`, `${i}`);
  }

  const consumers = async () => (await jsm.consumers.list(stream).next()).length;

  it('delivers stored and new messages in order', async () => {
    await publish(50);
    const { received, texts, events } = await start();
    await publish(50, 51);
    await eventually(() => expect(received).toHaveLength(100));
    expect(received).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(texts[99]).toBe('100');
    expect(events[0]).toBe('start 50');
  });

  it('filters, takes the last of each subject, only new ones, headers only, from a sequence', async () => {
    await publish(30);
    const one = await start({ filterSubjects: ['s.1'] });
    const last = await start({ start: { policy: 'last_per_subject' }, filterSubjects: ['s.>'] });
    const fresh = await start({ start: { policy: 'new' } });
    const withoutPayload = await start({ headersOnly: true });
    const from = await start({ start: { startSequence: 29 } });
    await publish(1, 31);
    await eventually(() => {
      expect(one.received).toEqual([1, 11, 21, 31]);
      expect(last.received).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
      expect(fresh.received).toEqual([31]);
      expect(withoutPayload.received).toHaveLength(31);
      expect(from.received).toEqual([29, 30, 31]);
    });
    expect(withoutPayload.texts.join('')).toBe('');
  });

  it.skipIf(version === '2.9')('accepts several filters', async () => {
    await publish(20);
    const { received } = await start({ filterSubjects: ['s.1', 's.2'] });
    await eventually(() => expect(received).toEqual([1, 2, 11, 12]));
  });

  it.runIf(version === '2.9')('rejects several filters if the server is too old', async () => {
    await expect(start({ filterSubjects: ['s.1', 's.2'] })).rejects.toThrow(UnsupportedServerFeatureError);
  });

  it('rejects a stream that does not exist and leaves no consumer behind', async () => {
    const failing = start({ stream: 'MISSING' });
    await expect(failing).rejects.toThrow(StreamNotFoundError);
    await expect(failing).rejects.toThrow('MISSING');
  });

  it('deletes its consumer when stopped, and delivers nothing more', async () => {
    const { push, received } = await start();
    expect(await consumers()).toBe(1);
    push.stop();
    push.stop();
    await publish(3);
    await eventually(async () => expect(await consumers()).toBe(0));
    expect(received).toEqual([]);
  });

  it('continues after a lost consumer without gaps or repeats', async () => {
    const { received, events } = await start({ heartbeat: 100 });
    await publish(10);
    await eventually(() => expect(received).toHaveLength(10));
    const [{ name }] = await jsm.consumers.list(stream).next();
    await jsm.consumers.delete(stream, name);
    await publish(10, 11);
    await eventually(() => expect(received).toEqual(Array.from({ length: 20 }, (_, i) => i + 1)));
    expect(events).toContain('silence');
  });

  it('detects missed heartbeats after two intervals', async () => {
    const heartbeat = 400;
    const { events } = await start({ heartbeat });
    const [{ name }] = await jsm.consumers.list(stream).next();
    await jsm.consumers.delete(stream, name);
    const since = performance.now();
    await eventually(() => expect(events).toContain('silence'));
    expect(performance.now() - since).toBeLessThan(2.9 * heartbeat);
  });

  it('continues after a server restart, even without earlier messages', async () => {
    const { received, events } = await start({ start: { policy: 'new' }, filterSubjects: ['s.5'] });
    await publish(4);
    await server.restart();
    await eventually(() => expect(events).toContain('reconnected'));
    await publish(16, 5);
    await eventually(() => expect(received).toEqual([5, 15]));
    expect(events).toContain('reconnected');
  });

  it('delivers each message once while the server is restarted repeatedly', async () => {
    const { received } = await start();
    const publisher = await connect({
      servers: server.url,
      reconnectTimeWait: 20,
      maxReconnectAttempts: -1,
    });
    const js = jetstream(publisher);
    const done = new AbortController();
    let published = 0;
    const publishing = (async () => {
      while (!done.signal.aborted) {
        await js
          .publish('s.x', 'x', { timeout: 1_000 })
          .then(() => published++)
          .catch(() => undefined);
      }
    })();
    for (let i = 0; i < 2; i++) {
      const before = published;
      await eventually(() => expect(published).toBeGreaterThan(before + 200));
      await server.restart();
    }
    const before = published;
    await eventually(() => expect(published).toBeGreaterThan(before + 200));
    done.abort();
    await publishing;
    await publisher.close();
    const { state } = await jsm.streams.info(stream);
    await eventually(() => expect(received).toHaveLength(state.last_seq));
    expect(received).toEqual(Array.from({ length: state.last_seq }, (_, i) => i + 1));
  });

  it('starts again if the stream was recreated and ends before the last delivered sequence', async () => {
    const { received, events } = await start({ heartbeat: 100 });
    await publish(10);
    await eventually(() => expect(received).toHaveLength(10));
    await jsm.streams.delete(stream);
    await jsm.streams.add({ name: stream, subjects: ['s.>'], storage: StorageType.Memory });
    await publish(3);
    await eventually(() => expect(received).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3]));
    expect(events).toContain('start 3 restarted');
  });

  it('starts again if the stream is a different one of the same name', async () => {
    const { created } = await jsm.streams.info(stream);
    const { received, events } = await start({ heartbeat: 100, origin: { created: new Date(created) } });
    await publish(2);
    await eventually(() => expect(received).toHaveLength(2));
    await jsm.streams.delete(stream);
    await jsm.streams.add({ name: stream, subjects: ['s.>'], storage: StorageType.Memory });
    await publish(3);
    await eventually(() => expect(received).toEqual([1, 2, 1, 2, 3]));
    expect(events).toContain('start 3 restarted');
  });

  it('waits for a sequence that the stream has not reached, even across resets', async () => {
    await publish(2);
    const { received, events } = await start({ start: { startSequence: 4 } });
    await nc.reconnect();
    await eventually(() => expect(events).toContain('reconnected'));
    await eventually(() => expect(events.filter((event) => event.startsWith('start'))).toHaveLength(2));
    expect(events.join()).not.toContain('restarted');
    expect(received).toEqual([]);
  });

  it('reports a deleted stream once, and ends', async () => {
    const { events } = await start({ heartbeat: 100 });
    await jsm.streams.delete(stream);
    await eventually(() => expect(events).toContain('error StreamNotFoundError'));
    expect(events.filter((event) => event.startsWith('error'))).toHaveLength(1);
  });

  it('reports a closed connection once, and ends', async () => {
    const { events } = await start();
    await nc.close();
    await eventually(() => expect(events).toContain('error ConnectionClosedError'));
    nc = await connect({ servers: server.url });
    jsm = await jetstreamManager(nc);
  });

  it('reports errors of its callbacks, and ends', async () => {
    const errors: Error[] = [];
    await publish(2);
    await start(
      {},
      {
        onMessage() {
          throw new TypeError('no');
        },
        onError: (error) => errors.push(error),
      },
    );
    await eventually(() => expect(errors).toEqual([new TypeError('no')]));
    await nc.flush();
  });

  it('ignores foreign messages in its inbox, and answers flow control on no other subject', async () => {
    let inbox = '';
    nc.subscribe('$JS.API.CONSUMER.CREATE.>', {
      callback: (_, msg) => {
        inbox = msg.json<{ config: { deliver_subject: string } }>().config.deliver_subject;
      },
    });
    await nc.flush();
    const { received, events } = await start();
    await eventually(() => expect(inbox).not.toBe(''));
    const answers: string[] = [];
    nc.subscribe('victim', { callback: (_, msg) => void answers.push(msg.string()) });
    const flowControl = headers(100, 'FlowControl Request');
    nc.publish(inbox, 'x');
    nc.publish(inbox, '', { reply: 'victim' });
    nc.publish(inbox, '', { reply: 'victim', headers: flowControl });
    await nc.flush();
    await publish(3);
    await eventually(() => expect(received).toEqual([1, 2, 3]));
    expect(events).toEqual(['start 0']);
    expect(answers).toEqual([]);
  });

  it('reports when no messages are left', async () => {
    const { events } = await start({ heartbeat: 100 });
    await eventually(() => expect(events).toContain('idle'));
  });

  it('makes the server wait while paused, and loses no message', async () => {
    const payload = new Uint8Array(512 * 1024);
    const js = jetstream(nc);
    const count = 40;
    for (let i = 0; i < count; i++) await js.publish('s.big', payload);
    const { push, received, events } = await start({ heartbeat: 100 });
    push.pause();
    // Two missed heartbeats while stalled would reset it; a heartbeat reports that the server is stalled.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const whilePaused = received.length;
    expect(whilePaused).toBeLessThan(count / 2);
    expect(events).toEqual([`start ${count}`]);
    push.resume();
    await eventually(() => expect(received).toEqual(Array.from({ length: count }, (_, i) => i + 1)));
  });
});
