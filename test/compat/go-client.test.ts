import { createHash } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  JetStreamModule,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  textCodec,
} from '../../lib/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { buildGoProgram, type GoProgram } from '../support/go-program.js';

describe('data written by this library and by the Go client', () => {
  let server: NatsTestServer;
  let peer: GoProgram;
  let app: INestApplicationContext;

  beforeAll(async () => {
    [server, peer] = await Promise.all([
      NatsTestServer.start(),
      buildGoProgram(new URL('go-peer/', import.meta.url)),
    ]);
    const module = JetStreamModule.forRoot({ connection: { servers: server.url } });
    app = await (await Test.createTestingModule({ imports: [module] }).compile()).init();
    await write(app, 'here');
    await peer.run('write', server.url, 'there');
  }, 300_000);
  afterAll(async () => {
    await app.close();
    await peer[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each(['here', 'there'])('is read the same by both, written %s', async (name) => {
    expect(JSON.parse(await peer.run('read', server.url, name))).toEqual(written(name));
    expect(await read(app, name)).toEqual(written(name));
  });

  it.each(['here', 'there'])('is consumed by both alternately, from a consumer created %s', async (name) => {
    const consumer = await app.get(JetStreamService).consumer(name, 'worker');
    const first = await consumer.next();
    await first?.doubleAck();
    const second: unknown = JSON.parse(await peer.run('consume', server.url, name));
    expect([messageOf(first?.subject, first?.headers, first?.data), second]).toEqual(
      written(name).messages.slice(0, 2),
    );
    expect(await consumer.info()).toMatchObject({
      numAckPending: 0,
      numPending: 0,
      ackFloor: { consumerSequence: 2 },
    });
  });
});

it('the Go client does the work of the benchmarks', async () => {
  await using server = await NatsTestServer.start();
  await using go = await buildGoProgram(new URL('../../bench/go/', import.meta.url));
  for (const suite of [
    'publish',
    'publish-async',
    'consume',
    'kv-put',
    'kv-get',
    'object-put',
    'object-get',
  ]) {
    const { rate, cpu } = JSON.parse(await go.run(suite, server.url, '64')) as Record<string, number>;
    expect(rate, suite).toBeGreaterThan(0);
    expect(cpu, suite).toBeGreaterThan(0);
  }
  expect(JSON.parse(await go.run('rpc', server.url, '64'))).toBeNull();
}, 300_000);

/** Writes the same data as the Go program, under other names. */
async function write(app: INestApplicationContext, name: string): Promise<void> {
  const jetstream = app.get(JetStreamService);
  const stream = await jetstream.createStream({
    name,
    description: 'events',
    subjects: [`${name}.>`],
    maxAge: 3_600_000,
    maxMessages: 1_000,
    duplicateWindow: 90_000,
    allowDirect: true,
    metadata: { team: 'billing' },
  });
  await jetstream.publish(`${name}.plain`, 'plain', { messageId: '1' });
  const tags = headers();
  tags.append('Tag', 'a');
  tags.append('Tag', 'ü');
  await jetstream.publishMessage({
    subject: `${name}.headers`,
    data: Buffer.from([0, 1, 254, 255]),
    headers: tags,
  });
  await jetstream.publish(`${name}.empty`);
  await stream.createConsumer({
    durable: 'worker',
    description: 'works',
    filterSubjects: [`${name}.plain`, `${name}.headers`],
    ackWait: 10_000,
    maxDeliver: 4,
    backoff: [1_000, 5_000],
    maxAckPending: 50,
    metadata: { team: 'billing' },
  });

  const bucket = { bucket: name, description: 'profiles', history: 5 };
  const keyValue = await app.get(KeyValueService).create(bucket, { codec: textCodec });
  for (const value of ['red', 'blue']) await keyValue.put('users/sue=1', value);
  const revision = await keyValue.create('joe', 'green');
  await keyValue.update('joe', 'white', revision);
  await keyValue.delete('joe');
  await keyValue.put('ann', 'grey');
  await keyValue.purge('ann');

  const store = await app.get(ObjectStoreService).create({ bucket: name, description: 'files' });
  const meta = { name: 'dir/big ü.bin', description: 'large', chunkSize: 100_000 };
  const big = await store.putBytes(
    { ...meta, headers: { Tag: ['a', 'b'] }, metadata: { kind: 'test' } },
    BIG,
  );
  await store.putString('draft', 'to be renamed');
  await store.updateMeta('draft', { name: 'final', description: 'renamed' });
  await store.putString('gone', 'deleted');
  await store.delete('gone');
  await store.putBytes('empty', Buffer.alloc(0));
  await store.addLink('link', big);
}

const BIG = Buffer.from(Array.from({ length: 1_000_001 }, (_, i) => i % 251));

/** The written data in the form in which both clients report it. */
function written(name: string) {
  const object = {
    description: '',
    headers: {},
    metadata: {},
    chunks: 0,
    size: 0,
    deleted: false,
    link: '',
    content: '',
  };
  return {
    stream: {
      description: 'events',
      subjects: [`${name}.>`],
      maxAge: 3_600_000,
      maxMessages: 1_000,
      duplicateWindow: 90_000,
      allowDirect: true,
      team: 'billing',
    },
    messages: [
      { subject: `${name}.plain`, headers: { 'Nats-Msg-Id': ['1'] }, data: hex('plain') },
      { subject: `${name}.headers`, headers: { Tag: ['a', 'ü'] }, data: '0001feff' },
      { subject: `${name}.empty`, headers: {}, data: '' },
    ],
    consumer: {
      description: 'works',
      filterSubjects: [`${name}.plain`, `${name}.headers`],
      maxDeliver: 4,
      backoff: [1_000, 5_000],
      maxAckPending: 50,
      team: 'billing',
    },
    keys: ['users/sue=1'],
    history: {
      ann: [{ revision: 7, operation: 'PURGE', value: '' }],
      joe: [
        { revision: 3, operation: 'PUT', value: 'green' },
        { revision: 4, operation: 'PUT', value: 'white' },
        { revision: 5, operation: 'DEL', value: '' },
      ],
      'users/sue=1': [
        { revision: 1, operation: 'PUT', value: 'red' },
        { revision: 2, operation: 'PUT', value: 'blue' },
      ],
    },
    missing: ['ann', 'joe'],
    objects: [
      {
        ...object,
        name: 'dir/big ü.bin',
        description: 'large',
        headers: { Tag: ['a', 'b'] },
        metadata: { kind: 'test' },
        size: BIG.length,
        chunks: 11,
        content: digest(BIG),
      },
      { ...object, name: 'empty', content: digest('') },
      {
        ...object,
        name: 'final',
        description: 'renamed',
        size: 13,
        chunks: 1,
        content: digest('to be renamed'),
      },
      { ...object, name: 'gone', deleted: true },
      { ...object, name: 'link', link: 'dir/big ü.bin', content: digest(BIG) },
    ],
  };
}

/** Reads the written data like the Go program. */
async function read(app: INestApplicationContext, name: string): Promise<unknown> {
  const stream = await app.get(JetStreamService).stream(name);
  const { state, config } = stream.cachedInfo;
  const messages = [];
  for (let sequence = 1; sequence <= state.lastSequence; sequence++) {
    const message = await stream.getMessage(sequence);
    messages.push(messageOf(message.subject, message.headers, message.data));
  }
  const consumer = (await stream.consumer('worker')).cachedInfo.config;

  const keyValue = await app.get(KeyValueService).open(name, { codec: textCodec });
  const keys = [];
  for await (const key of keyValue.keys()) keys.push(key);
  const history: Record<string, unknown> = {};
  const missing = [];
  for (const key of ['ann', 'joe', 'users/sue=1']) {
    const revisions = [];
    for (const { revision, operation, value = '' } of await keyValue.history(key)) {
      revisions.push({ revision, operation, value });
    }
    history[key] = revisions;
    if ((await keyValue.get(key)) === undefined) missing.push(key);
  }

  const store = await app.get(ObjectStoreService).open(name);
  const objects = [];
  for await (const info of store.list({ showDeleted: true })) {
    objects.push({
      name: info.name,
      description: info.description,
      headers: info.headers,
      metadata: info.metadata,
      size: info.size,
      chunks: info.chunks,
      deleted: info.deleted,
      link: info.link?.name ?? '',
      content: info.deleted ? '' : digest(await store.getBytes(info.name)),
    });
  }
  const { description, subjects, maxAge, maxMessages, duplicateWindow, allowDirect } = config;
  return {
    stream: {
      description,
      subjects,
      maxAge,
      maxMessages,
      duplicateWindow,
      allowDirect,
      team: config.metadata?.team,
    },
    messages,
    consumer: {
      description: consumer.description,
      filterSubjects: consumer.filterSubjects,
      maxDeliver: consumer.maxDeliver,
      backoff: consumer.backoff,
      maxAckPending: consumer.maxAckPending,
      team: consumer.metadata?.team,
    },
    keys: keys.toSorted(),
    history,
    missing,
    objects: objects.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function messageOf(subject: string | undefined, block: MsgHdrs | undefined, data: Uint8Array | undefined) {
  return { subject, headers: block ? Object.fromEntries(block) : {}, data: hex(data ?? '') };
}

function hex(data: Uint8Array | string): string {
  return Buffer.from(data).toString('hex');
}

function digest(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}
