import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ConnectionClosedError,
  IngestGapError,
  IngestInterruptedError,
  InvalidArgumentError,
  InvalidSubjectError,
  NoStreamResponseError,
  PublishRefusedError,
  PublishTimeoutError,
  StreamFeatureDisabledError,
  WrongLastSequenceError,
} from '../../../lib/errors/index.js';
import {
  StorageType,
  type IngestGap,
  type IngestMessage,
  type Stream,
} from '../../../lib/jetstream/index.js';
import { ConnectedPublisher, failure } from './connected-publisher.js';

let server: NatsTestServer;
let client: ConnectedPublisher;
let stream: Stream;
let subject: string;

beforeAll(async () => {
  server = await NatsTestServer.start();
  client = await ConnectedPublisher.connect(server);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await server.stop();
});
beforeEach(async () => {
  stream = await client.createStream({ allowBatchPublish: true });
  subject = `${stream.name.toLowerCase()}.a`;
});

function* numbered(count: number, to = subject): Generator<IngestMessage> {
  for (let i = 1; i <= count; i++) yield { subject: to, data: String(i) };
}

async function* slowly(messages: Iterable<IngestMessage>): AsyncGenerator<IngestMessage> {
  for (const message of messages) {
    await Promise.resolve();
    yield message;
  }
}

/** Drops messages of an ingest, as if they were lost with a connection. */
function losing(lost: (data: string) => boolean): Disposable {
  const { wire } = client.connection;
  const publish = wire.publish.bind(wire);
  wire.publish = (to, data, ...rest) => {
    if (to !== subject || !lost(Buffer.from(data).toString())) publish(to, data, ...rest);
  };
  return { [Symbol.dispose]: () => (wire.publish = publish) };
}

describe('ingest', () => {
  it.each([1, 2, 999, 1_000, 1_001, 20_000])('stores %d messages in order', async (count) => {
    const { count: sent, ack } = await client.publisher.ingest(numbered(count));
    expect(sent).toBe(count);
    expect(ack).toMatchObject({ stream: stream.name, sequence: count, batchSize: count });
    expect((await stream.info()).state.messages).toBe(count);
    expect((await stream.getMessage(count)).text()).toBe(String(count));
    expect((await stream.getMessage(Math.ceil(count / 2))).text()).toBe(String(Math.ceil(count / 2)));
  });

  it('accepts an asynchronous source, headers, ids and values', async () => {
    const messages = [
      { subject, data: { n: 1 }, headers: { Tag: 'x' } },
      { subject, data: { n: 2 }, messageId: 'two' },
      { subject, data: { n: 3 } },
    ];
    await client.publisher.ingest(slowly(messages));
    expect((await stream.getMessage(1)).headers?.get('Tag')).toBe('x');
    expect((await stream.getMessage(2)).headers?.get('Nats-Msg-Id')).toBe('two');
    expect((await stream.getMessage(3)).json()).toEqual({ n: 3 });
  });

  it('does nothing for an empty source', async () => {
    expect(await client.publisher.ingest([])).toEqual({ count: 0, ack: undefined });
  });

  it('waits for the server', async () => {
    let taken = 0;
    function* source(): Generator<IngestMessage> {
      for (const message of numbered(5_000)) {
        taken++;
        yield message;
      }
    }
    await using stalled = await NatsTestServer.start();
    await using other = await ConnectedPublisher.connect(stalled, { timeout: 20_000 });
    await other.createStream({ subjects: [subject], allowBatchPublish: true });
    const ingest = other.publisher.ingest(slowly(source()), { ackInterval: 100, maxOutstandingAcks: 2 });
    await expect.poll(() => taken, { interval: 1 }).toBeGreaterThan(300);
    stalled.pause();
    const settled = async () => {
      const before = taken;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return taken - before;
    };
    await expect.poll(settled).toBe(0);
    const stopped = taken;
    stalled.resume();
    expect((await ingest).count).toBe(5_000);
    expect(stopped).toBeLessThan(5_000);
  });

  it('can run several loads at a time', async () => {
    const results = await Promise.all(
      Array.from({ length: 5 }, () => client.publisher.ingest(numbered(2_000))),
    );
    expect(results.map(({ count }) => count)).toEqual([2_000, 2_000, 2_000, 2_000, 2_000]);
    expect((await stream.info()).state.messages).toBe(10_000);
  });

  it('leaves no subscription behind', async () => {
    await client.publisher.ingest(numbered(10));
    await failure(client.publisher.ingest([{ subject: 'nowhere' }], { retry: { attempts: 0 } }));
    await client.nc.flush();
    const connz = (await (await fetch(`${server.monitoringUrl}/connz?subs=1`)).json()) as {
      connections: { subscriptions_list?: string[] }[];
    };
    const inboxes = connz.connections.flatMap(({ subscriptions_list: list }) => list ?? []);
    expect(inboxes.filter((inbox) => inbox.endsWith('.>'))).toEqual([]);
  });
});

describe('an ingest that cannot start', () => {
  it('fails if the stream does not allow it', async () => {
    const other = await client.createStream();
    const error = await failure(client.publisher.ingest(numbered(5, `${other.name.toLowerCase()}.a`)));
    expect(error).toMatchObject({ constructor: StreamFeatureDisabledError, option: 'allowBatchPublish' });
  });

  it('fails without a stream, or retries until there is one', async () => {
    const error = await failure(client.publisher.ingest(numbered(5, 'nowhere'), { retry: { wait: 20 } }));
    expect(error).toMatchObject({ constructor: NoStreamResponseError, attempts: 3 });

    const late = client.publisher.ingest(numbered(5, 'late.ingest'), { retry: { wait: 100, attempts: 10 } });
    await client.createStream({ subjects: ['late.ingest'], allowBatchPublish: true });
    expect((await late).count).toBe(5);
  });

  it('fails for an invalid first message or option', async () => {
    expect(await failure(client.publisher.ingest(numbered(5, 'a.*')))).toBeInstanceOf(InvalidSubjectError);
    for (const options of [
      { ackInterval: 0 },
      { ackInterval: 1.5 },
      { maxOutstandingAcks: -1 },
      { timeout: 0 },
    ]) {
      const error = await failure(client.publisher.ingest(numbered(5), options));
      expect(error).toBeInstanceOf(InvalidArgumentError);
    }
  });

  it('fails if there is no response in time', async () => {
    await using stalled = await NatsTestServer.start();
    await using other = await ConnectedPublisher.connect(stalled);
    stalled.pause();
    const error = await failure(other.publisher.ingest(numbered(5), { timeout: 300 }));
    stalled.resume();
    expect(error).toMatchObject({
      constructor: IngestInterruptedError,
      stored: 0,
      exact: false,
      cause: { constructor: PublishTimeoutError, timeout: 300 },
    });
    expect(error.message).toMatch(/may or may not be stored\. Give each message a messageId, .+\.$/);
    expect(error.message).not.toContain('idempotent');
  });
});

describe('an interrupted ingest reports what is stored', () => {
  async function interruption(promise: Promise<unknown>): Promise<IngestInterruptedError> {
    const error = await failure(promise);
    expect(error).toBeInstanceOf(IngestInterruptedError);
    return error as IngestInterruptedError;
  }

  it('if its source fails', async () => {
    const cause = new Error('disk error');
    function* broken(): Generator<IngestMessage> {
      yield* numbered(1_234);
      throw cause;
    }
    for (const source of [broken(), slowly(broken())]) {
      await stream.purge();
      const error = await interruption(client.publisher.ingest(source));
      expect(error).toMatchObject({ stored: 1_234, exact: true, cause });
      expect((await stream.info()).state.messages).toBe(1_234);
    }
  });

  it('if one of its messages is invalid', async () => {
    const error = await interruption(
      client.publisher.ingest([...numbered(10), { subject: 'a b' }, ...numbered(10)]),
    );
    expect(error).toMatchObject({ stored: 10, exact: true, cause: { constructor: InvalidSubjectError } });
  });

  it('if its signal aborts', async () => {
    const controller = new AbortController();
    function* endless(): Generator<IngestMessage> {
      for (let i = 1; ; i++) {
        if (i === 5_000) controller.abort(new Error('enough'));
        yield { subject, data: String(i) };
      }
    }
    const error = await interruption(client.publisher.ingest(endless(), { signal: controller.signal }));
    expect(error).toMatchObject({ stored: 4_999, exact: true, cause: { message: 'enough' } });
    expect((await stream.info()).state.messages).toBe(4_999);
  });

  it('if a message is lost in transit', async () => {
    using _ = losing((data) => data === '700');
    const error = await interruption(client.publisher.ingest(numbered(10_000)));
    expect(error).toMatchObject({
      stored: 699,
      exact: true,
      cause: { constructor: IngestGapError, from: 700, to: 700 },
    });
    expect((await stream.info()).state.messages).toBe(699);
  });

  it('if a message is too large for the stream, which the server reports as a gap', async () => {
    const limited = await client.createStream({ allowBatchPublish: true, maxMessageSize: 100 });
    const to = `${limited.name.toLowerCase()}.a`;
    const large = { subject: to, data: 'x'.repeat(500) };
    const error = await interruption(
      client.publisher.ingest([...numbered(1, to), large, ...numbered(1, to)]),
    );
    expect(error).toMatchObject({ stored: 1, cause: { constructor: IngestGapError, from: 2 } });
    expect(error.message).toContain("or are larger than the stream's maxMessageSize");
  });

  it('if the stream rejects a message', async () => {
    const refused = { subject, expect: { lastSequence: 7 } };
    const error = await interruption(client.publisher.ingest([...numbered(100), refused, ...numbered(100)]));
    expect(error).toMatchObject({ stored: 100, exact: true, cause: { constructor: WrongLastSequenceError } });
    expect((await stream.info()).state.messages).toBe(100);
  });

  it('if the server is restarted: at least the acknowledged messages', async () => {
    await using own = await NatsTestServer.start();
    await using other = await ConnectedPublisher.connect(own);
    const stored = await other.createStream({
      subjects: [subject],
      allowBatchPublish: true,
      storage: StorageType.File,
    });
    let restarting: Promise<void> | undefined;
    async function* source(): AsyncGenerator<IngestMessage> {
      for (const message of numbered(1_000_000)) {
        if (message.data === '30000') restarting = own.restart();
        yield message;
      }
    }
    const error = await interruption(other.publisher.ingest(source()));
    await restarting;
    expect(error.stored).toBeGreaterThan(20_000);
    const { messages } = (await stored.info()).state;
    expect(messages).toBeGreaterThanOrEqual(error.stored);
    expect((await stored.getMessage(error.stored)).text()).toBe(String(error.stored));
  });

  it('if the connection is closed', async () => {
    const other = await ConnectedPublisher.connect(server);
    async function* source(): AsyncGenerator<IngestMessage> {
      yield* numbered(100);
      await other.nc.close();
      yield* numbered(10_000);
    }
    const error = await interruption(other.publisher.ingest(source()));
    expect(error).toMatchObject({ exact: false, cause: { constructor: ConnectionClosedError } });
    expect((await stream.info()).state.messages).toBeGreaterThanOrEqual(error.stored);
  });
});

describe('with allowGaps', () => {
  it('continues after lost and rejected messages, and reports both', async () => {
    const gaps: IngestGap[] = [];
    const refusals: [PublishRefusedError, number][] = [];
    using _ = losing((data) => ['500', '501', '502', '900'].includes(data));
    const { count } = await client.publisher.ingest(
      [
        ...numbered(1_000),
        { subject, data: 'refused', expect: { lastSequence: 1 } },
        { subject, data: 'last' },
      ],
      {
        allowGaps: true,
        onGap: (gap) => gaps.push(gap),
        onRefused: (error, message) => refusals.push([error, message]),
      },
    );
    expect(count).toBe(1_002);
    expect(gaps).toEqual([
      { from: 500, to: 502 },
      { from: 900, to: 900 },
    ]);
    expect(refusals).toEqual([[expect.any(WrongLastSequenceError), 1_001]]);
    expect((await stream.info()).state.messages).toBe(997);
    expect((await stream.getLastMessage(subject)).text()).toBe('last');
  });
});
