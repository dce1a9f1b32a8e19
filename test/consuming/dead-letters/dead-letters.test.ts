import {
  DEAD_LETTER_STREAM,
  DeadLetterNotFoundError,
  DeadLetterReason,
  DeadLetters,
  HandlerNotRunningError,
  InvalidArgumentError,
  InvalidSubjectError,
  ReplayFailedError,
  REPLAY_HEADER,
  TerminateMessage,
  type DeadLetter,
  type DeadLetterFilter,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../../support/application.js';
import { all } from './all.js';
import { startFailing, type FailingApplication, type Task } from './failing-application.js';

const idOf = (letter: DeadLetter): number => letter.json<Task>().id;

describe.each(['2.15', '2.9'])('DeadLetters on nats-server %s', (version) => {
  let server: NatsTestServer;
  let application: FailingApplication;
  let fixed = false;
  const stream = { name: 'TASKS', subjects: ['tasks.>'] };

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    fixed = false;
    await application.jetstream.deleteStream('TASKS');
    await application.jetstream.deleteStream(DEAD_LETTER_STREAM);
    await application[Symbol.asyncDispose]();
  });

  /** Starts a handler that fails until `fixed` is set, and lets it fail on tasks 1 to n. */
  async function failOn(n: number): Promise<FailingApplication> {
    application = await startFailing(server.url, {
      stream,
      handle: ({ id }, { subject }) => {
        if (fixed) return;
        if (subject.endsWith('.cancelled')) throw new TerminateMessage('cancelled');
        throw new RangeError(`no room for ${id}`);
      },
    });
    for (let id = 1; id <= n; id++) {
      await application.publish(id % 2 === 0 ? 'tasks.eu.cancelled' : 'tasks.us.new', { id });
      await application.settled();
    }
    return application;
  }

  it('stores the details of a failure with the unchanged original', async () => {
    const observed = await failOn(0);
    const before = new Date();
    const { sequence } = await observed.jetstream.publish(
      'tasks.us.new',
      { id: 7 },
      { headers: { Tenant: ['a', 'b'] }, messageId: 'seven' },
    );
    await observed.settled();
    const [letter] = await all(observed.deadLetters.list());
    expect(letter).toMatchObject({
      sequence: 1,
      stream: 'TASKS',
      consumer: 'worker',
      subject: 'tasks.us.new',
      streamSequence: sequence,
      deliveries: 2,
      handler: 'Tasks.onTask',
      reason: DeadLetterReason.DeliveriesUsedUp,
      error: 'RangeError: no room for 7',
    });
    expect(letter.json()).toEqual({ id: 7 });
    expect(letter.headers?.values('Tenant')).toEqual(['a', 'b']);
    expect(letter.headers?.get('Nats-Msg-Id')).toBe('seven');
    expect(letter.headers?.keys()).toHaveLength(2);
    expect(letter.published.getTime()).toBeGreaterThanOrEqual(before.getTime() - 1);
    expect(letter.time.getTime()).toBeGreaterThanOrEqual(letter.published.getTime());
    expect(await observed.deadLetters.get(1)).toMatchObject({ sequence: 1, subject: 'tasks.us.new' });
    expect(JSON.parse(JSON.stringify(letter))).toEqual({
      sequence: 1,
      time: letter.time.toISOString(),
      stream: 'TASKS',
      consumer: 'worker',
      subject: 'tasks.us.new',
      streamSequence: sequence,
      published: letter.published.toISOString(),
      deliveries: 2,
      handler: 'Tasks.onTask',
      reason: 'deliveries used up',
      error: 'RangeError: no room for 7',
      headers: { Tenant: ['a', 'b'], 'Nats-Msg-Id': ['seven'] },
      payload: '{"id":7}',
    });
  });

  it('lists the dead letters that match a filter', async () => {
    const observed = await failOn(4);
    const { deadLetters } = observed;
    const ids = async (filter?: DeadLetterFilter): Promise<number[]> =>
      (await all(deadLetters.list(filter))).map(idOf);
    const { time } = await deadLetters.get(3);
    expect(await ids()).toEqual([1, 2, 3, 4]);
    expect(await ids({ stream: 'TASKS', consumer: 'worker' })).toEqual([1, 2, 3, 4]);
    expect(await ids({ stream: 'OTHER' })).toEqual([]);
    expect(await ids({ consumer: 'other' })).toEqual([]);
    expect(await ids({ handler: 'Tasks.onTask' })).toEqual([1, 2, 3, 4]);
    expect(await ids({ handler: 'Tasks' })).toEqual([]);
    expect(await ids({ reason: 'cancelled' })).toEqual([2, 4]);
    expect(await ids({ reason: DeadLetterReason.DeliveriesUsedUp })).toEqual([1, 3]);
    expect(await ids({ subject: 'tasks.*.new' })).toEqual([1, 3]);
    expect(await ids({ subject: 'tasks.>' })).toEqual([1, 2, 3, 4]);
    expect(await ids({ subject: 'tasks' })).toEqual([]);
    expect(await ids({ since: time })).toEqual([3, 4]);
    expect(await ids({ until: time })).toEqual([1, 2]);
    expect(await ids({ since: time, reason: 'cancelled' })).toEqual([4]);
  });

  it('lists page by page', async () => {
    const observed = await failOn(5);
    const { deadLetters } = observed;
    const first = await deadLetters.page({}, { limit: 2 });
    expect(first.letters.map(idOf)).toEqual([1, 2]);
    const second = await deadLetters.page({}, { limit: 2, after: first.next });
    expect(second.letters.map(idOf)).toEqual([3, 4]);
    const third = await deadLetters.page({}, { limit: 2, after: second.next });
    expect(third.letters.map(idOf)).toEqual([5]);
    expect(third.next).toBeUndefined();
    expect((await deadLetters.page({ reason: 'cancelled' }, { limit: 2 })).next).toBeUndefined();
  });

  it('replays to the original subject, for all consumers, and removes the dead letter', async () => {
    const observed = await failOn(0);
    const { jetstream, deadLetters } = observed;
    // The id is still in the duplicates window: the server must not treat the replay as a duplicate.
    await jetstream.publish('tasks.us.new', { id: 1 }, { messageId: 'one', headers: { Tenant: 'a' } });
    await observed.settled();
    fixed = true;
    await deadLetters.replay(1);
    await observed.settled();
    expect(await all(deadLetters.list())).toEqual([]);
    const replayed = await (await jetstream.stream('TASKS')).getMessage(2);
    expect(replayed.subject).toBe('tasks.us.new');
    expect(replayed.json()).toEqual({ id: 1 });
    expect(replayed.headers?.get('Tenant')).toBe('a');
    expect(replayed.headers?.get(REPLAY_HEADER)).toBe('1');
    expect(replayed.headers?.keys().filter((key) => key.startsWith('Dead-Letter-'))).toEqual([REPLAY_HEADER]);
  });

  it('stores a new dead letter if a replay fails again', async () => {
    const observed = await failOn(1);
    await observed.deadLetters.replay(1);
    await observed.settled();
    const letters = await all(observed.deadLetters.list());
    expect(letters.map(({ sequence, streamSequence }) => [sequence, streamSequence])).toEqual([[2, 2]]);
    expect(letters[0].headers?.get(REPLAY_HEADER)).toBe('1');
  });

  it('replays only to the handler that failed, without publishing', async () => {
    const observed = await failOn(2);
    const { deadLetters, jetstream } = observed;
    const error: unknown = await deadLetters.replay(1, { to: 'handler' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ReplayFailedError);
    expect(error).toMatchObject({ sequence: 1, handler: 'Tasks.onTask' });
    expect((error as Error).cause).toBeInstanceOf(RangeError);
    expect(await all(deadLetters.list())).toHaveLength(2);
    fixed = true;
    await deadLetters.replay(1, { to: 'handler' });
    expect((await all(deadLetters.list())).map(idOf)).toEqual([2]);
    expect((await jetstream.stream('TASKS')).cachedInfo.state.lastSequence).toBe(2);
  });

  it('replays to a handler only in an application that runs it', async () => {
    const observed = await failOn(1);
    await using elsewhere = await startApplication(server.url, {});
    const error: unknown = await elsewhere.app
      .get(DeadLetters)
      .replay(1, { to: 'handler' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HandlerNotRunningError);
    expect((error as Error).message).toContain(
      'Tasks.onTask, the handler of consumer "worker" of stream "TASKS", is not running in this process',
    );
    expect(await all(observed.deadLetters.list())).toHaveLength(1);
  });

  it('replays all that match, and returns those that failed', async () => {
    const observed = await failOn(4);
    const { deadLetters } = observed;
    expect(await deadLetters.replayAll({ reason: 'cancelled' })).toEqual({ replayed: 2, failed: [] });
    await observed.settled();
    // They failed again, but only the dead letters that existed at the start are replayed.
    expect((await all(deadLetters.list())).map(idOf)).toEqual([1, 3, 2, 4]);
    const { replayed, failed } = await deadLetters.replayAll({}, { to: 'handler' });
    expect(replayed).toBe(0);
    expect(failed.map(({ letter, error }) => [idOf(letter), error.constructor])).toEqual(
      [1, 3, 2, 4].map((id) => [id, ReplayFailedError]),
    );
    fixed = true;
    expect(await deadLetters.replayAll({}, { to: 'handler' })).toEqual({ replayed: 4, failed: [] });
    expect(await all(deadLetters.list())).toEqual([]);
  });

  it('drops one, those that match, or all', async () => {
    const observed = await failOn(5);
    const { deadLetters } = observed;
    await deadLetters.drop(1);
    await expect(deadLetters.drop(1)).rejects.toThrow(DeadLetterNotFoundError);
    await expect(deadLetters.get(1)).rejects.toThrow(DeadLetterNotFoundError);
    await expect(deadLetters.replay(1)).rejects.toThrow(DeadLetterNotFoundError);
    expect(await deadLetters.dropAll({ reason: 'cancelled' })).toBe(2);
    expect((await all(deadLetters.list())).map(idOf)).toEqual([3, 5]);
    expect(await deadLetters.dropAll({ stream: 'OTHER' })).toBe(0);
    expect(await deadLetters.dropAll({ stream: 'TASKS' })).toBe(2);
    expect(await all(deadLetters.list())).toEqual([]);
  });

  it('skips messages that are not dead letters, and rejects invalid arguments', async () => {
    const observed = await failOn(1);
    const { deadLetters, jetstream } = observed;
    await jetstream.publish('dead-letters.TASKS.worker', 'of another publisher');
    expect((await all(deadLetters.list())).map(({ sequence }) => sequence)).toEqual([1]);
    await expect(deadLetters.get(2)).rejects.toThrow(DeadLetterNotFoundError);
    await expect(deadLetters.get(0.5)).rejects.toThrow(InvalidArgumentError);
    await expect(deadLetters.page({}, { limit: 0 })).rejects.toThrow(InvalidArgumentError);
    await expect(all(deadLetters.list({ stream: 'TASKS.>' }))).rejects.toThrow(InvalidArgumentError);
    await expect(all(deadLetters.list({ subject: 'a..b' }))).rejects.toThrow(InvalidSubjectError);
    await expect(deadLetters.dropAll({ since: new Date('soon') })).rejects.toThrow(InvalidArgumentError);
  });

  it('stores one dead letter even if storing it is retried', async () => {
    const observed = await failOn(1);
    const stored = await (await observed.jetstream.stream(DEAD_LETTER_STREAM)).getMessage(1);
    const again = await observed.jetstream.publish(stored.subject, stored.data, { headers: stored.headers });
    expect(again).toMatchObject({ duplicate: true, sequence: 1 });
  });
});
