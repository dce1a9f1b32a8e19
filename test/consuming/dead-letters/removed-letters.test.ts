import { DEAD_LETTER_STREAM, DeadLetterNotFoundError, type DeadLetter } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { all } from './all.js';
import { startFailing, type FailingApplication } from './failing-application.js';

let server: NatsTestServer;
let application: FailingApplication;
let fails: boolean;
let handled: unknown[];

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  fails = true;
  handled = [];
  application = await startFailing(server.url, {
    stream: { name: 'TASKS', subjects: ['tasks'] },
    options: { retry: { maxDeliver: 1 } },
    handle: (task) => {
      if (fails) throw new Error('no');
      handled.push(task);
    },
  });
});
afterEach(async () => {
  await application.jetstream.deleteStream('TASKS');
  await application.jetstream.deleteStream(DEAD_LETTER_STREAM);
  await application[Symbol.asyncDispose]();
});

const letters = (): Promise<DeadLetter[]> => all(application.deadLetters.list());

const letter = async (): Promise<DeadLetter> => (await eventually(letters, ({ length }) => length === 1))[0];

describe('a message that fails again after its dead letter was removed', () => {
  it.each([
    ['replayed', (found: DeadLetter) => application.deadLetters.replay(found, { to: 'handler' })],
    ['dropped', (found: DeadLetter) => application.deadLetters.drop(found)],
    ['purged', () => application.deadLetters.dropAll({})],
  ])('becomes a dead letter again, twice: %s', async (_, remove) => {
    await application.publish('tasks', { id: 1 });
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      const found = await letter();
      times.push(found.time.getTime());
      fails = false;
      await remove(found);
      expect(await letters()).toEqual([]);
      fails = true;
      // The message is delivered once more, as if for the first time.
      await application.jetstream.deleteConsumer('TASKS', 'worker');
    }
    expect((await letter()).streamSequence).toBe(1);
    expect(new Set(times).size).toBe(3);
  });

  it('keeps an existing dead letter', async () => {
    await application.publish('tasks', { id: 1 });
    const { sequence } = await letter();
    const warned = (): number => application.logs.of('error', 'Settlement').length;
    const before = warned();
    await application.jetstream.deleteConsumer('TASKS', 'worker');
    await eventually(warned, (count) => count > before, 20_000);
    await application.settled();
    expect((await letters()).map((found) => found.sequence)).toEqual([sequence]);
  });
});

describe('a dead letter of another incarnation of its stream', () => {
  it('does not exist, although another one has its sequence', async () => {
    const { jetstream, deadLetters, publish } = application;
    const { config } = (await jetstream.stream(DEAD_LETTER_STREAM)).cachedInfo;
    await publish('tasks', { id: 1 });
    const former = await letter();
    await jetstream.deleteStream(DEAD_LETTER_STREAM);
    await jetstream.createStream(config);
    await publish('tasks', { id: 2 });
    const present = await letter();
    expect(present.sequence).toBe(former.sequence);
    fails = false;
    for (const to of ['subject', 'handler'] as const) {
      await expect(deadLetters.replay(former, { to })).rejects.toThrow(DeadLetterNotFoundError);
    }
    await expect(deadLetters.drop(former)).rejects.toThrow(DeadLetterNotFoundError);
    expect(handled).toEqual([]);
    await deadLetters.replay(present, { to: 'handler' });
    expect(handled).toEqual([{ id: 2 }]);
  });
});
