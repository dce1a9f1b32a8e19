import { CanActivate, Injectable, Scope, UseGuards } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DEAD_LETTER_STREAM,
  JetStreamBatchContext,
  JetStreamService,
  JsConsumer,
  RetryMessage,
  TerminateMessage,
  type PullJsConsumerOptions,
  type StoredMessage,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

class AllowAll implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

/** The behavior of a handler for each batch, and the batches that it received. */
class Script {
  /** For each batch: its ids, the delivery count, and the time. */
  readonly batches: { readonly ids: number[]; readonly count: number; readonly at: number }[] = [];

  constructor(readonly run: (context: JetStreamBatchContext, count: number) => unknown) {}

  handle(ids: number[], context: JetStreamBatchContext): unknown {
    const count = context.messages[0].metadata.deliveryCount;
    this.batches.push({ ids, count, at: Date.now() });
    return this.run(context, count);
  }

  get counts(): [number[], number][] {
    return this.batches.map(({ ids, count }) => [ids, count]);
  }
}

const paths = ['compiled', 'pipeline', 'request-scoped'] as const;
type Path = (typeof paths)[number];

function provider(path: Path, options: PullJsConsumerOptions, script: Script): new () => object {
  @Injectable(path === 'request-scoped' ? { scope: Scope.REQUEST } : {})
  class Plain {
    @JsConsumer(options)
    onTasks(@Payload() ids: number[], @Ctx() context: JetStreamBatchContext): unknown {
      return script.handle(ids, context);
    }
  }
  @Injectable()
  class Guarded {
    @UseGuards(AllowAll)
    @JsConsumer(options)
    onTasks(@Payload() ids: number[], @Ctx() context: JetStreamBatchContext): unknown {
      return script.handle(ids, context);
    }
  }
  return path === 'pipeline' ? Guarded : Plain;
}

interface Left {
  readonly pending: number;
  readonly unsettled: number;
}

interface Batching extends TestApplication {
  publish(...payloads: unknown[]): Promise<void>;
  /** The dead letters of the handler. */
  letters(): Promise<StoredMessage[]>;
  left(): Promise<Left>;
}

const none = ({ pending, unsettled }: Left): boolean => pending === 0 && unsettled === 0;

let server: NatsTestServer;
let serial = 0;

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

describe.each(paths)('settlement of a batch, %s: a handler that', (path) => {
  /** Starts a handler with batches of two on a new stream. */
  async function start(script: Script, options: Partial<PullJsConsumerOptions> = {}): Promise<Batching> {
    const stream = `BATCHES_${++serial}`;
    const subject = `batches.${serial}.new`;
    const batch = { size: 2, maxWait: 60_000 };
    const application = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [`batches.${serial}.>`], storage: 'memory' }] },
      providers: [provider(path, { stream, durable: 'worker', batch, ...options }, script)],
    });
    const jetstream = application.app.get(JetStreamService);
    return {
      ...application,
      publish: async (...payloads) => {
        for (const payload of payloads) await jetstream.publish(subject, payload);
      },
      letters: async () => {
        const letters = await jetstream.stream(DEAD_LETTER_STREAM);
        const found: StoredMessage[] = [];
        const only = { subject: `dead-letters.${stream}.worker`, startSequence: 1 };
        for await (const letter of letters.getMessages(only)) found.push(letter);
        return found;
      },
      left: async () => {
        const { numPending, numAckPending } = await (await jetstream.consumer(stream, 'worker')).info();
        return { pending: numPending, unsettled: numAckPending };
      },
    };
  }

  it('returns: all acknowledged', async () => {
    const script = new Script(() => 'done');
    await using application = await start(script);
    await application.publish(1, 2, 3, 4);
    await eventually(application.left, none);
    expect(script.counts).toEqual([
      [[1, 2], 1],
      [[3, 4], 1],
    ]);
  });

  it('resolves: acknowledged only then', async () => {
    let release = (): void => undefined;
    const script = new Script(() => new Promise<void>((resolve) => (release = resolve)));
    await using application = await start(script);
    await application.publish(1, 2);
    await eventually(
      () => script.batches.length,
      (n) => n === 1,
    );
    expect((await application.left()).unsettled).toBe(2);
    release();
    await eventually(application.left, none);
  });

  it('is configured to confirm: waits for the confirmation of the server', async () => {
    const script = new Script(() => undefined);
    await using application = await start(script, { ackMode: 'confirmed' });
    await application.publish(1, 2);
    await eventually(application.left, none);
    expect(script.counts).toEqual([[[1, 2], 1]]);
  });

  it('throws: all are redelivered after the backoff, then each becomes a dead letter', async () => {
    const script = new Script(() => {
      throw new Error('out of stock');
    });
    const retry = { maxDeliver: 2, backoff: [100] };
    await using application = await start(script, { retry, deadLetter: true });
    await application.publish(1, 2);
    await eventually(application.left, none);
    expect(script.counts).toEqual([
      [[1, 2], 1],
      [[1, 2], 2],
    ]);
    expect(script.batches[1].at - script.batches[0].at).toBeGreaterThanOrEqual(95);
    const letters = await application.letters();
    expect(letters.map((letter) => letter.json())).toEqual([1, 2]);
    for (const { headers } of letters) {
      expect(headers?.get('Dead-Letter-Error')).toBe('Error: out of stock');
      expect(headers?.get('Dead-Letter-Deliveries')).toBe('2');
    }
  });

  it('rejects: treated as thrown', async () => {
    const script = new Script(async (_, count) => {
      if (count === 1) throw new Error('later');
    });
    await using application = await start(script, { retry: { maxDeliver: 2, backoff: [10] } });
    await application.publish(1, 2);
    await eventually(application.left, none);
    expect(script.counts).toEqual([
      [[1, 2], 1],
      [[1, 2], 2],
    ]);
  });

  it('throws RetryMessage: all are redelivered after its delay, overriding the policy', async () => {
    const script = new Script((_, count) => {
      if (count === 1) throw new RetryMessage(100);
    });
    await using application = await start(script, { retry: { maxDeliver: 5, backoff: [20_000] } });
    await application.publish(1, 2);
    await eventually(application.left, none);
    const [first, second] = script.batches;
    expect(second.at - first.at).toBeGreaterThanOrEqual(95);
    expect(script.batches).toHaveLength(2);
  });

  it('throws TerminateMessage: all are terminated at once, each becomes a dead letter', async () => {
    const script = new Script(() => {
      throw new TerminateMessage('cancelled by the customer');
    });
    await using application = await start(script, { deadLetter: true });
    await application.publish(1, 2);
    await eventually(application.left, none);
    expect(script.counts).toEqual([[[1, 2], 1]]);
    const reasons = (await application.letters()).map(({ headers }) => headers?.get('Dead-Letter-Reason'));
    expect(reasons).toEqual(['cancelled by the customer', 'cancelled by the customer']);
  });

  it('gets a batch without the invalid payload, which becomes a dead letter with one warning', async () => {
    const script = new Script(() => undefined);
    await using application = await start(script, { deadLetter: true });
    await application.publish(1, '{ not json');
    await eventually(application.left, none);
    expect(script.counts).toEqual([[[1], 1]]);
    expect((await application.letters()).map((letter) => letter.text())).toEqual(['{ not json']);
    const warnings = application.logs.of('warn', 'Settlement');
    expect(warnings).toEqual([expect.stringContaining(`stream BATCHES_${serial}, sequence 2`)]);
  });

  it('settles some messages itself: the others are acknowledged', async () => {
    const script = new Script(({ messages }, count) => {
      if (count === 1) messages[0].nak();
    });
    await using application = await start(script, { batch: { size: 2, maxWait: 100 } });
    await application.publish(1, 2);
    await eventually(application.left, none);
    expect(script.counts).toEqual([
      [[1, 2], 1],
      [[1], 2],
    ]);
    expect(application.logs.of('error')).toEqual([]);
  });

  it('is in manual mode and settles nothing: all are redelivered after ackWait', async () => {
    const script = new Script(({ messages }, count) => {
      if (count === 2) for (const message of messages) message.ack();
    });
    await using application = await start(script, { ackMode: 'manual', ackWait: 300 });
    await application.publish(1, 2);
    await eventually(application.left, none);
    expect(script.counts).toEqual([
      [[1, 2], 1],
      [[1, 2], 2],
    ]);
    expect(script.batches[1].at - script.batches[0].at).toBeGreaterThanOrEqual(150);
  });

  it('runs longer than ackWait: its messages are kept alive and delivered once', async () => {
    const script = new Script(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
    await using application = await start(script, { ackWait: 300 });
    await application.publish(1, 2);
    await eventually(application.left, none);
    expect(script.counts).toEqual([[[1, 2], 1]]);
  });
});
