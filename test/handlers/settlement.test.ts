import { CanActivate, Injectable, Scope, UseGuards } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DEAD_LETTER_STREAM,
  JetStreamContext,
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

interface Task {
  readonly id: number;
}

/** The behavior of a handler for each delivery, and the deliveries that it received. */
class Script {
  readonly deliveries: { readonly id: number; readonly count: number; readonly at: number }[] = [];

  constructor(readonly run: (task: Task, context: JetStreamContext) => unknown) {}

  handle(task: Task, context: JetStreamContext): unknown {
    this.deliveries.push({ id: task.id, count: context.metadata.deliveryCount, at: Date.now() });
    return this.run(task, context);
  }
}

const paths = ['compiled', 'pipeline', 'request-scoped'] as const;
type Path = (typeof paths)[number];

function provider(path: Path, options: PullJsConsumerOptions, script: Script): new () => object {
  if (path === 'compiled') {
    @Injectable()
    class Tasks {
      @JsConsumer(options)
      onTask(@Payload() task: Task, @Ctx() context: JetStreamContext): unknown {
        return script.handle(task, context);
      }
    }
    return Tasks;
  }
  if (path === 'pipeline') {
    @Injectable()
    class Tasks {
      @UseGuards(AllowAll)
      @JsConsumer(options)
      onTask(@Payload() task: Task, @Ctx() context: JetStreamContext): unknown {
        return script.handle(task, context);
      }
    }
    return Tasks;
  }
  @Injectable({ scope: Scope.REQUEST })
  class Tasks {
    @JsConsumer(options)
    onTask(@Payload() task: Task, @Ctx() context: JetStreamContext): unknown {
      return script.handle(task, context);
    }
  }
  return Tasks;
}

describe.each(['2.15', '2.9'])('settlement on nats-server %s', (version) => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  describe.each(paths)('%s', (path) => {
    /** Starts a handler on a new stream, and publishes tasks to it. */
    async function start(script: Script, options: Partial<PullJsConsumerOptions> = {}): Promise<Settled> {
      const stream = `TASKS_${++serial}`;
      const application = await startApplication(server.url, {
        feature: { streams: [{ name: stream, subjects: [`tasks.${serial}.>`], storage: 'memory' }] },
        providers: [provider(path, { stream, durable: 'worker', ...options }, script)],
      });
      const subject = `tasks.${serial}.new`;
      const jetstream = application.app.get(JetStreamService);
      return {
        ...application,
        publish: async (...payloads) => {
          for (const payload of payloads) await jetstream.publish(subject, payload);
        },
        letter: async () => {
          const letters = await jetstream.stream(DEAD_LETTER_STREAM);
          return letters.getLastMessage(`dead-letters.${stream}.worker`);
        },
        left: async () => {
          const { numPending, numAckPending } = await (await jetstream.consumer(stream, 'worker')).info();
          return { pending: numPending, unsettled: numAckPending };
        },
      };
    }

    interface Settled extends TestApplication {
      publish(...payloads: unknown[]): Promise<void>;
      /** The last dead letter of the handler. */
      letter(): Promise<StoredMessage>;
      left(): Promise<Left>;
    }

    interface Left {
      readonly pending: number;
      readonly unsettled: number;
    }

    const none = ({ pending, unsettled }: Left): boolean => pending === 0 && unsettled === 0;

    it('returns: acknowledged', async () => {
      const script = new Script(() => 'done');
      await using application = await start(script);
      await application.publish({ id: 1 }, { id: 2 });
      await eventually(application.left, none);
      expect(script.deliveries.map(({ id, count }) => [id, count])).toEqual([
        [1, 1],
        [2, 1],
      ]);
    });

    it('resolves: acknowledged only then', async () => {
      let release = (): void => undefined;
      const script = new Script(() => new Promise<void>((resolve) => (release = resolve)));
      await using application = await start(script);
      await application.publish({ id: 1 });
      await eventually(
        () => script.deliveries.length,
        (n) => n === 1,
      );
      expect((await application.left()).unsettled).toBe(1);
      release();
      await eventually(application.left, none);
    });

    it('confirmed: waits for the confirmation of the server', async () => {
      const script = new Script(() => undefined);
      await using application = await start(script, { ackMode: 'confirmed' });
      await application.publish({ id: 1 }, { id: 2 });
      await eventually(application.left, none);
      expect(script.deliveries).toHaveLength(2);
    });

    it('throws: redelivered after the backoff of each delivery, then terminated', async () => {
      const script = new Script(() => {
        throw new Error('out of stock');
      });
      await using application = await start(script, { retry: { maxDeliver: 3, backoff: [50, 200] } });
      await application.publish({ id: 7 });
      await eventually(application.left, none);
      const [first, second, third] = script.deliveries;
      expect(script.deliveries.map(({ count }) => count)).toEqual([1, 2, 3]);
      expect(second.at - first.at).toBeGreaterThanOrEqual(45);
      expect(third.at - second.at).toBeGreaterThanOrEqual(195);
      expect(application.logs.of('error', 'Settlement')).toEqual([
        expect.stringMatching(/^Tasks\.onTask: .*stream TASKS_\d+, sequence 1.*delivery 3.*out of stock/s),
      ]);
    });

    it('rejects: treated as thrown', async () => {
      const script = new Script(async () => Promise.reject(new Error('later')));
      await using application = await start(script, { retry: { maxDeliver: 2, backoff: [10] } });
      await application.publish({ id: 1 });
      await eventually(application.left, none);
      expect(script.deliveries.map(({ count }) => count)).toEqual([1, 2]);
    });

    it('used up its deliveries: kept as a dead letter with payload, subject, headers and error', async () => {
      const script = new Script(() => {
        throw new TypeError('no such customer');
      });
      await using application = await start(script, {
        deadLetter: true,
        retry: { maxDeliver: 2, backoff: [10] },
      });
      const jetstream = application.app.get(JetStreamService);
      const subject = `tasks.${serial}.new`;
      const { sequence } = await jetstream.publish(
        subject,
        { id: 9 },
        { headers: { Tenant: 'acme' }, messageId: 'm-9' },
      );
      await eventually(application.left, none);
      const letter = await jetstream
        .stream(DEAD_LETTER_STREAM)
        .then((stream) => stream.getLastMessage(`dead-letters.TASKS_${serial}.worker`));
      expect(letter.json()).toEqual({ id: 9 });
      expect(letter.headers?.get('Tenant')).toBe('acme');
      expect(letter.headers?.get('Dead-Letter-Nats-Msg-Id')).toBe('m-9');
      expect(letter.headers?.get('Dead-Letter-Stream')).toBe(`TASKS_${serial}`);
      expect(letter.headers?.get('Dead-Letter-Consumer')).toBe('worker');
      expect(letter.headers?.get('Dead-Letter-Subject')).toBe(subject);
      expect(letter.headers?.get('Dead-Letter-Sequence')).toBe(String(sequence));
      expect(letter.headers?.get('Dead-Letter-Deliveries')).toBe('2');
      expect(letter.headers?.get('Dead-Letter-Handler')).toBe('Tasks.onTask');
      expect(letter.headers?.get('Dead-Letter-Error')).toBe('TypeError: no such customer');
    });

    it('throws RetryMessage: redelivered after its delay, overriding the policy', async () => {
      const script = new Script((_, { metadata }) => {
        if (metadata.deliveryCount === 1) throw new RetryMessage(100);
      });
      await using application = await start(script, { retry: { maxDeliver: 5, backoff: [20_000] } });
      await application.publish({ id: 1 });
      await eventually(application.left, none);
      const [first, second] = script.deliveries;
      expect(second.at - first.at).toBeGreaterThanOrEqual(95);
      expect(script.deliveries).toHaveLength(2);
    });

    it('throws TerminateMessage: terminated at once, with a dead letter if configured', async () => {
      const script = new Script(() => {
        throw new TerminateMessage('cancelled by the customer');
      });
      await using application = await start(script, { deadLetter: true });
      await application.publish({ id: 1 });
      await eventually(application.left, none);
      expect(script.deliveries).toHaveLength(1);
      const stream = await application.app.get(JetStreamService).stream(DEAD_LETTER_STREAM);
      const letter = await stream.getLastMessage(`dead-letters.TASKS_${serial}.worker`);
      expect(letter.headers?.get('Dead-Letter-Reason')).toBe('cancelled by the customer');
    });

    it('throws RetryMessage in its last delivery: settled as after any other error', async () => {
      const script = new Script(() => {
        throw new RetryMessage(10);
      });
      await using application = await start(script, { retry: { maxDeliver: 2 }, deadLetter: true });
      await application.publish({ id: 1 });
      await eventually(application.left, none);
      expect(script.deliveries.map(({ count }) => count)).toEqual([1, 2]);
      expect((await application.letter()).headers?.get('Dead-Letter-Reason')).toBe('deliveries used up');
    });

    it('throws an error that retryIf rejects: terminated, with a dead letter if configured', async () => {
      const script = new Script(() => {
        throw new Error('no such customer');
      });
      const asked: unknown[] = [];
      await using application = await start(script, {
        retry: {
          retryIf: (error, { deliveryCount }) => {
            asked.push([(error as Error).message, deliveryCount]);
            return false;
          },
        },
        deadLetter: true,
      });
      await application.publish({ id: 1 });
      await eventually(application.left, none);
      expect(script.deliveries).toHaveLength(1);
      expect(asked).toEqual([['no such customer', 1]]);
      const letter = await application.letter();
      expect(letter.headers?.get('Dead-Letter-Reason')).toBe('not to be retried');
      expect(letter.headers?.get('Dead-Letter-Error')).toBe('Error: no such customer');
    });

    it('throws an error with its own rule: retried by that rule', async () => {
      class Busy extends Error {}
      class VeryBusy extends Busy {}
      const script = new Script(({ id }) => {
        if (id === 1) throw new VeryBusy('later');
        if (id === 2) throw new RangeError('never');
        throw new Error('other');
      });
      await using application = await start(script, {
        concurrency: 3,
        retry: {
          maxDeliver: 2,
          backoff: [10],
          errors: [
            { type: Busy, maxDeliver: 3, backoff: [150, 10] },
            { type: [RangeError, TypeError], maxDeliver: 1 },
          ],
        },
      });
      await application.publish({ id: 1 }, { id: 2 }, { id: 3 });
      await eventually(application.left, none);
      const times = (task: number): number[] =>
        script.deliveries.filter(({ id }) => id === task).map(({ at }) => at);
      expect([times(1).length, times(2).length, times(3).length]).toEqual([3, 1, 2]);
      expect(times(1)[1] - times(1)[0]).toBeGreaterThanOrEqual(145);
    });

    it('first: acknowledged before the handler, and not redelivered if the handler fails', async () => {
      let fail = (): void => undefined;
      const script = new Script(
        () => new Promise((_, reject) => (fail = () => reject(new Error('too late')))),
      );
      await using application = await start(script, { ackMode: 'first', deadLetter: true, ackWait: 100 });
      await application.publish({ id: 1 });
      await eventually(
        () => script.deliveries.length,
        (n) => n === 1,
      );
      await eventually(application.left, none);
      fail();
      const letter = await eventually(
        () => application.letter().catch(() => undefined),
        (found) => found !== undefined,
      );
      expect(letter?.headers?.get('Dead-Letter-Reason')).toBe('failed');
      expect(letter?.headers?.get('Dead-Letter-Error')).toBe('Error: too late');
      expect(application.logs.of('error', 'Settlement')).toEqual([
        expect.stringContaining('failed and is not delivered again, but becomes a dead letter: too late'),
      ]);
      expect(script.deliveries).toHaveLength(1);
    });

    it('none: the consumer has no acknowledgements, and failed messages are not redelivered', async () => {
      const script = new Script(({ id }) => {
        if (id === 1) throw new Error('lost');
      });
      await using application = await start(script, { ackMode: 'none', deadLetter: true, ackWait: 100 });
      await application.publish({ id: 1 }, { id: 2 });
      await eventually(
        () => script.deliveries.length,
        (n) => n === 2,
      );
      const letter = await eventually(
        () => application.letter().catch(() => undefined),
        (found) => found !== undefined,
      );
      expect(letter?.json()).toEqual({ id: 1 });
      const consumer = await application.app.get(JetStreamService).consumer(`TASKS_${serial}`, 'worker');
      const { config, numAckPending, numRedelivered } = await consumer.info();
      expect(config.ackPolicy).toBe('none');
      expect([numAckPending, numRedelivered]).toEqual([0, 0]);
    });

    it('is not JSON: terminated with one warning, and others are handled', async () => {
      const script = new Script(() => undefined);
      await using application = await start(script);
      await application.publish({ id: 1 }, '{ not json', { id: 2 });
      await eventually(application.left, none);
      expect(script.deliveries.map(({ id }) => id)).toEqual([1, 2]);
      const warnings = application.logs.of('warn', 'Settlement');
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(`stream TASKS_${serial}, sequence 2`);
      expect(warnings[0]).toContain(`"tasks.${serial}.new"`);
      expect(warnings[0]).toContain('not application/json');
    });

    it('settled by the handler itself: not settled again', async () => {
      const script = new Script((_, context) => {
        if (context.metadata.deliveryCount === 1) context.nak(50);
        else context.term('seen enough');
      });
      await using application = await start(script);
      await application.publish({ id: 1 });
      await eventually(application.left, none);
      expect(script.deliveries.map(({ count }) => count)).toEqual([1, 2]);
      expect(application.logs.of('error')).toEqual([]);
    });

    it('manual and not settled: redelivered after ackWait', async () => {
      const script = new Script((_, context) => {
        if (context.metadata.deliveryCount === 2) context.ack();
      });
      await using application = await start(script, { ackMode: 'manual', ackWait: 1_000 });
      await application.publish({ id: 1 });
      await eventually(application.left, none);
      const [first, second] = script.deliveries;
      expect(script.deliveries).toHaveLength(2);
      expect(second.at - first.at).toBeGreaterThanOrEqual(500);
    });

    it('runs longer than ackWait: kept alive, delivered once', async () => {
      const script = new Script(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
      await using application = await start(script, { ackWait: 300 });
      await application.publish({ id: 1 }, { id: 2 });
      await eventually(application.left, none);
      expect(script.deliveries.map(({ id, count }) => [id, count])).toEqual([
        [1, 1],
        [2, 1],
      ]);
    });
  });
});
