import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { eventually } from '../../support/eventually.js';
import { PLATFORMS } from '../http/serve-board.js';
import { BoardPage } from './board-page.js';
import { ServedShop } from './shop.js';

const LIST = 'Dead letters, newest first';
const JOBS = 'Jobs, newest first';

describe.runIf(HAS_BROWSER).each(PLATFORMS)('dead letters on the board on %s', (platform) => {
  let server: NatsTestServer;
  let browser: TestBrowser;
  let shop: ServedShop;

  beforeAll(async () => {
    [server, browser] = await Promise.all([NatsTestServer.start(), TestBrowser.launch()]);
    shop = await ServedShop.start(server.url, platform);
  });
  afterAll(async () => {
    await shop[Symbol.asyncDispose]();
    await browser[Symbol.asyncDispose]();
    await server.stop();
  });

  beforeEach(() => {
    shop.work.broken = 'broken';
  });

  const left = async (): Promise<number> => (await shop.deadLetters()).messages;

  /** The newest message of a subject, as another client reads it. */
  async function last(subject: string): Promise<{ readonly text: string; readonly by: string | undefined }> {
    const message = await shop.manager.streams.getMessage('ORDERS', { last_by_subj: subject });
    return { text: message?.string() ?? '', by: message?.header.get('by') };
  }

  it('are filtered, with the newest first', async () => {
    const old = await shop.bury({ id: 'broken', n: 1 }, 'orders.old');
    const young = await shop.bury({ id: 'broken', n: 2 }, 'orders.new');
    await using board = await BoardPage.open(browser, shop.url, '#/dead-letters');
    const { page } = board;
    const links = page.getByRole('table', { name: LIST }).getByRole('rowheader').getByRole('link');
    const shown = (...sequences: readonly number[]): Promise<unknown> =>
      eventually(
        () => links.allInnerTexts(),
        (texts) => texts.join() === sequences.join(),
      );
    await shown(young, old);
    await page
      .getByRole('search', { name: 'Dead letters' })
      .getByLabel('Subject or filter')
      .fill('orders.old');
    await board.press('Filter');
    await shown(old);
    expect(page.url()).toMatch(/#\/dead-letters\?subject=orders\.old$/);
    await page.goBack();
    await shown(young, old);
    expect(board.problems).toEqual([]);
  });

  it('are looked at, edited and replayed', async () => {
    const sequence = await shop.bury({ id: 'broken', customer: 'ann' }, 'orders.edit');
    const before = await left();
    await using board = await BoardPage.open(browser, shop.url, `#/dead-letters/${sequence}`);
    const { page } = board;
    await page.getByRole('group', { name: 'Error' }).getByText('cannot bill').waitFor();
    expect(await page.getByRole('group', { name: 'Payload' }).innerText()).toContain('"customer": "ann"');
    await page.getByLabel('Payload as text').fill('{"id":"whole","customer":"ann"}');
    await page.getByLabel('Headers, one in each line').fill('no colon');
    await board.press('Publish and drop the dead letter');
    await board.failed('Line 1 of the headers is not "name: value".');
    await page.getByLabel('Headers, one in each line').fill('by: hand');
    await board.press('Publish and drop the dead letter');
    await board.confirm('It is published to orders.edit', 'Publish');
    await board.announced('Published as ORDERS');
    await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    expect(await last('orders.edit')).toEqual({ text: '{"id":"whole","customer":"ann"}', by: 'hand' });
    expect(await left()).toBe(before - 1);
    await eventually(
      () => shop.work.orders,
      (orders) => JSON.stringify(orders).includes('whole'),
    );
    expect(board.problems).toEqual([]);
  });

  it('are replayed one by one, to the subject and to the handler', async () => {
    const [first, second] = [
      await shop.bury({ id: 'broken', n: 3 }),
      await shop.bury({ id: 'broken', n: 4 }),
    ];
    shop.work.broken = '';
    const [before, handled] = [await left(), shop.work.orders.length];
    await using board = await BoardPage.open(browser, shop.url, '#/dead-letters');
    await board.press(`Replay dead letter ${first}`);
    await board.announced(`Replayed dead letter ${first} to the subject orders.broken.`);
    await board.page
      .getByRole('button', { name: `Drop dead letter ${first}`, exact: true })
      .waitFor({ state: 'detached' });
    await eventually(left, (now) => now === before - 1);
    await board.page.getByRole('link', { name: String(second), exact: true }).click();
    await board.press(`Replay to handler: dead letter ${second}`);
    await board.announced(`Replayed dead letter ${second} to Billing.onOrder.`);
    expect(await left()).toBe(before - 2);
    await eventually(
      () => shop.work.orders.length,
      (now) => now === handled + 2,
    );
    expect(board.problems).toEqual([]);
  });

  it('are dropped after a question, and a second time refused', async () => {
    const sequence = await shop.bury({ id: 'broken', n: 5 });
    const before = await left();
    await using board = await BoardPage.open(browser, shop.url, '#/dead-letters');
    await using second = await BoardPage.open(browser, shop.url, `#/dead-letters/${sequence}`);
    await board.press(`Drop dead letter ${sequence}`);
    await board.confirm('This cannot be undone.', 'Cancel');
    expect(await left()).toBe(before);
    await board.press(`Drop dead letter ${sequence}`);
    await board.confirm('This cannot be undone.', 'Drop');
    await board.announced(`Dropped dead letter ${sequence}.`);
    expect(await left()).toBe(before - 1);
    await second.press(`Drop dead letter ${sequence}`);
    await second.confirm('This cannot be undone.', 'Drop');
    await second.failed(/dead letter/i);
    expect(board.problems).toEqual([]);
  });

  it('are searched, and the job is removed', async () => {
    const sequence = await shop.bury({ id: 'broken', n: 'needle' }, 'orders.search');
    await using board = await BoardPage.open(browser, shop.url, '#/dead-letters');
    await board.page.getByLabel('Text in subject').fill('needle');
    await board.press('Search');
    await board.announced('The job has started.');
    const job = board.row(JOBS, 'needle');
    await job.getByText('done').waitFor();
    await job.getByRole('link').click();
    await board.row('Found, newest first', String(sequence)).waitFor();
    expect(await board.violations()).toEqual([]);
    await board.press(/^Remove/);
    await board.announced('Removed');
    await board.page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    await job.waitFor({ state: 'detached' });
    expect(board.problems).toEqual([]);
  });

  it('are replayed in bulk by a job that is stopped and continued', async () => {
    for (let n = 0; n < 20; n++) await shop.bury({ id: 'broken', n }, 'orders.bulk');
    shop.work.broken = '';
    const before = await left();
    await using board = await BoardPage.open(browser, shop.url, '#/dead-letters?subject=orders.bulk');
    await board.page.getByLabel('At most per second').fill('5');
    await board.press('Replay all');
    await board.confirm('replays dead letters with subject orders.bulk', 'Replay all');
    await board.announced('The job has started.');
    await board.press(/^Stop the replay job/);
    const job = board.row(JOBS, 'replay');
    await job.getByText('stopped').waitFor();
    const stopped = await left();
    expect(stopped).toBeGreaterThan(before - 20);
    await board.press(/^Continue the replay job/);
    await job.getByText('done').waitFor();
    expect(await left()).toBe(before - 20);
    expect(board.problems).toEqual([]);
  });

  it('are dropped in bulk, only those that the filter selects', async () => {
    await shop.bury({ id: 'broken' }, 'orders.keep');
    for (let n = 0; n < 3; n++) await shop.bury({ id: 'broken', n }, 'orders.drop');
    const before = await left();
    await using board = await BoardPage.open(browser, shop.url, '#/dead-letters?subject=orders.drop');
    await board.press('Drop all');
    await board.confirm('deletes dead letters with subject orders.drop', 'Drop all');
    await board.row(JOBS, 'drop').getByText('done').waitFor();
    expect(await left()).toBe(before - 3);
    expect(board.problems).toEqual([]);
  });
});
