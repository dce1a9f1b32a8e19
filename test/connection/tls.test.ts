import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { openConnection } from '../../lib/connection/index.js';
import { isDirect } from '../../lib/connection/wire/wire-of.js';
import { JetStreamService, StorageType } from '../../lib/jetstream/index.js';
import { Requests } from '../../lib/requests/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';

it.each([
  ['after the greeting', false, 'auto'],
  ['at once', true, 'auto'],
  ['after the greeting', false, 'client'],
  ['at once', true, 'client'],
] as const)(
  'a connection encrypted %s (handshakeFirst: %s, wire: %s) carries messages of all sizes, and survives a restart',
  async (_, first, wire) => {
    await using server = await NatsTestServer.start({ tls: { handshakeFirst: first } });
    const connection = await openConnection(
      'secure',
      { ...server.connectionFor(), wire, reconnectTimeWait: 50 },
      {},
    );
    expect(isDirect(connection.nc)).toBe(wire === 'auto');
    const jetstream = new JetStreamService(connection, new Requests(connection), {
      codec: jsonCodec,
      publish: {},
    });
    const stream = await jetstream.createStream({
      name: 'S',
      subjects: ['s.>'],
      storage: StorageType.File,
    });
    const sent = [0, 1, 140, 16_383, 16_384, 300_000].map((size) => randomBytes(size));
    for (const data of sent) await jetstream.publish('s.one', data);
    const reconnected = new Promise<void>((resolve) => connection.listen({ onReconnect: resolve }));
    await server.restart();
    await reconnected;
    for (let i = 0; i < 5_000; i++) {
      await jetstream.publishAsyncReady();
      jetstream.publishAsync('s.many', { i });
    }
    for (const data of sent) jetstream.publishAsync('s.one', data);
    await jetstream.publishAsyncComplete();
    expect((await stream.info()).state.messages).toBe(5_000 + 2 * sent.length);

    const consumer = await stream.createConsumer({ filterSubject: 's.one' });
    const received: Buffer[] = [];
    for await (const message of consumer.fetch(2 * sent.length)) received.push(Buffer.from(message.data));
    expect(received.map((data) => data.length)).toEqual([...sent, ...sent].map((data) => data.length));
    expect(Buffer.concat(received).equals(Buffer.concat([...sent, ...sent]))).toBe(true);
    await connection.drain();
  },
);
