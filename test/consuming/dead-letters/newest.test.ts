import {
  DEAD_LETTER_STREAM,
  type DeadLetter,
  type DeadLetterFilter,
  DeadLetters,
  getDeadLettersToken,
  InvalidArgumentError,
  JetStreamService,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../../support/application.js';
import { all } from './all.js';
import { storeLetters } from './stored-letters.js';

const COUNT = 3_000;
/** Dead letters of this consumer are rare. */
const RARE = 997;

describe.each(['2.15', '2.9'])('pages of the newest dead letters on nats-server %s', (version) => {
  let server: NatsTestServer;
  let application: TestApplication;
  let letters: DeadLetters;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    application = await startApplication(server.url, {});
    const jetstream = application.app.get(JetStreamService);
    letters = application.app.get<DeadLetters>(getDeadLettersToken());
    await storeLetters(jetstream, COUNT, (index) => ({
      consumer: index % RARE === 0 ? 'rare' : 'billing',
      stream: index % 2 === 0 ? 'EVEN' : 'ODD',
      reason: index % 700 === 3 ? 'cancelled' : 'handler failed',
      subject: `orders.${index % 3}`,
    }));
    const stream = await jetstream.stream(DEAD_LETTER_STREAM);
    // Gaps: single ones, and one that is larger than a page.
    for (const sequence of [1, 2, 7, 500, 1_000, COUNT - 1, COUNT]) await stream.deleteMessage(sequence);
    for (let sequence = 1_200; sequence < 1_300; sequence++) await stream.deleteMessage(sequence);
  });
  afterAll(async () => {
    await application[Symbol.asyncDispose]();
    await server.stop();
  });

  /** All pages, and how many of them were shorter than the limit but not the last. */
  async function pages(
    filter: DeadLetterFilter,
    limit: number,
  ): Promise<{ found: DeadLetter[]; short: number }> {
    const found: DeadLetter[] = [];
    let short = 0;
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await letters.page(filter, { after, limit, order: 'newest' });
      expect(page.letters.length).toBeLessThanOrEqual(limit);
      if (page.next !== undefined && page.letters.length < limit) short++;
      found.push(...page.letters);
      after = page.next;
    }
    return { found, short };
  }

  it.each<[string, DeadLetterFilter, number]>([
    ['everything', {}, 100],
    ['everything, with a limit that divides nothing', {}, 173],
    ['a stream', { stream: 'ODD' }, 200],
    ['a consumer with few dead letters', { consumer: 'rare' }, 2],
    ['a stream and a consumer', { stream: 'EVEN', consumer: 'rare' }, 50],
    ['a rare reason', { reason: 'cancelled' }, 3],
    ['a subject', { subject: 'orders.2' }, 90],
    ['a subject with wildcards', { subject: 'orders.*' }, 199],
    ['nothing', { stream: 'NONE' }, 10],
    ['a handler that does not exist', { handler: 'None.none' }, 10],
  ])('have the reversed list of %s', async (_, filter, limit) => {
    const listed = await all(letters.list(filter));
    const { found } = await pages(filter, limit);
    expect(found.map(({ sequence }) => sequence)).toEqual(
      listed.map(({ sequence }) => sequence).toReversed(),
    );
  });

  it('are bounded by times', async () => {
    const listed = await all(letters.list());
    const since = listed[400]?.time ?? new Date(0);
    const until = listed[2_000]?.time ?? new Date(0);
    const wanted = listed.filter(({ time }) => time >= since && time < until);
    const { found } = await pages({ since, until }, 120);
    expect(found.map(({ sequence }) => sequence)).toEqual(
      wanted.map(({ sequence }) => sequence).toReversed(),
    );
    expect((await pages({ until: new Date(0) }, 10)).found).toEqual([]);
    expect((await pages({ since: new Date(Date.now() + 60_000) }, 10)).found).toEqual([]);
  });

  it('begin below the sequence "after", also if that does not exist', async () => {
    const { letters: page } = await letters.page({}, { after: 1_290, limit: 2, order: 'newest' });
    expect(page.map(({ sequence }) => sequence)).toEqual([1_199, 1_198]);
    expect(await letters.page({}, { after: 1, order: 'newest' })).toEqual({ letters: [], next: undefined });
    const { letters: newest } = await letters.page({}, { after: 1_000_000, limit: 1, order: 'newest' });
    expect(newest[0]?.sequence).toBe(COUNT - 2);
  });

  it('refuse another order', async () => {
    const wrong = { order: 'random' } as unknown as { order: 'newest' };
    await expect(letters.page({}, wrong)).rejects.toThrow(InvalidArgumentError);
  });
});
