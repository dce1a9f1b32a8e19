import { Handlers } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { eventually } from '../../support/eventually.js';
import { PLATFORMS } from '../http/serve-board.js';
import { BoardPage } from './board-page.js';
import { ServedShop } from './shop.js';

const HANDLERS = 'Handlers of all instances';

describe.runIf(HAS_BROWSER).each(PLATFORMS)('the commands of the board on %s', (platform) => {
  let server: NatsTestServer;
  let browser: TestBrowser;
  let shop: ServedShop;

  beforeAll(async () => {
    [server, browser] = await Promise.all([NatsTestServer.start(), TestBrowser.launch()]);
    shop = await ServedShop.start(server.url, platform);
    await shop.fill();
  });
  afterAll(async () => {
    await shop[Symbol.asyncDispose]();
    await browser[Symbol.asyncDispose]();
    await server.stop();
  });

  /** The status of the handler of orders in each instance. */
  const statuses = (): Promise<string[]> => shop.statuses('Billing.onOrder');

  it('pause and resume a handler everywhere', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/handlers');
    await board.press('Pause Billing.onOrder in all 2 instances');
    await board.announced('Paused Billing.onOrder in 2 instances.');
    expect(await statuses()).toEqual(['paused', 'paused']);
    const { length } = shop.work.orders;
    await shop.client.publish('orders.paused', '{"id":"paused"}');
    await board.row(HANDLERS, 'Billing.onOrder').getByText('paused × 2').waitFor();
    await eventually(
      async () => (await shop.manager.consumers.info('ORDERS', 'billing')).num_pending,
      (pending) => pending === 1,
    );
    expect(shop.work.orders).toHaveLength(length);
    await board.press('Resume Billing.onOrder in all 2 instances');
    await board.announced('Resumed Billing.onOrder in 2 instances.');
    await eventually(
      () => shop.work.orders.length,
      (now) => now === length + 1,
    );
    expect(board.problems).toEqual([]);
  });

  it('stop and start a handler in one instance, after a question', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/handlers/Billing.onOrder');
    const other = board.row('Instances', 'running').filter({ hasNotText: 'this one' });
    await other.getByRole('button', { name: /^Stop/ }).click();
    const dialog = board.page.getByRole('dialog');
    await dialog.getByText('handles no messages in instance').waitFor();
    expect(await board.violations()).toEqual([]);
    // The safe answer has the focus, and Escape is an answer, too.
    expect(await board.page.evaluate('document.activeElement.textContent')).toBe('Cancel');
    await board.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await statuses()).toEqual(['running', 'running']);
    expect(await board.page.evaluate('document.activeElement.textContent')).toBe('Stop');
    await other.getByRole('button', { name: /^Stop/ }).click();
    await board.confirm('handles no messages', 'Stop');
    await board.announced('Stopped Billing.onOrder in 1 instance.');
    expect(await statuses()).toEqual(['running', 'stopped']);
    expect(shop.app.get(Handlers).get('Billing.onOrder').status).toBe('running');
    const stopped = board.row('Instances', 'stopped');
    await stopped.getByRole('button', { name: /^Start/ }).click();
    await board.announced('Started Billing.onOrder in 1 instance.');
    expect(await statuses()).toEqual(['running', 'running']);
    expect(board.problems).toEqual([]);
  });

  it('pause a consumer on the server until a time, and resume it', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/streams/ORDERS');
    await board.press('Pause consumer billing');
    await board.page.getByRole('dialog').getByLabel('Until').fill('2099-01-01T00:00:00');
    await board.confirm('The server delivers nothing', 'Pause');
    await board.announced('Paused consumer billing until 2099-01-01');
    const paused = await shop.manager.consumers.info('ORDERS', 'billing');
    expect(paused.paused).toBe(true);
    expect(paused.config.pause_until).toBe(new Date('2099-01-01T00:00:00').toISOString().replace('.000', ''));
    await board.press('Resume consumer billing');
    await board.announced('Resumed consumer billing.');
    expect((await shop.manager.consumers.info('ORDERS', 'billing')).paused).not.toBe(true);
    await board.page.getByRole('button', { name: 'Resume consumer billing' }).waitFor({ state: 'detached' });
    expect(board.problems).toEqual([]);
  });

  it('pause, resume and run a schedule', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/schedules');
    await board.press('Pause schedule Reports.daily');
    await board.announced('Paused schedule Reports.daily.');
    expect(await shop.isPaused('Reports.daily')).toBe(true);
    await board.press('Resume schedule Reports.daily');
    await board.announced('Resumed schedule Reports.daily.');
    expect(await shop.isPaused('Reports.daily')).toBe(false);
    const { runs } = shop.work;
    await board.press('Run now: schedule Reports.daily');
    await board.confirm('is called once', 'Run now');
    await board.announced('Started a run of Reports.daily');
    await eventually(
      () => shop.work.runs,
      (now) => now === runs + 1,
    );
    await board.row('Schedules', 'Reports.daily').getByText('succeeded').waitFor();
    expect(board.problems).toEqual([]);
  });

  it('are shown with the events', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/events');
    await board
      .row(/Events since/, /pause-handler.*done/)
      .first()
      .waitFor();
    expect(board.problems).toEqual([]);
  });

  it('are not offered if the board only reads', async () => {
    await using readOnly = await ServedShop.start(server.url, platform, { readOnly: true });
    for (const hash of ['#/handlers', '#/streams/ORDERS', '#/schedules']) {
      await using board = await BoardPage.open(browser, readOnly.url, hash);
      await board.page.getByRole('row').nth(1).waitFor();
      await board.page.getByText('read-only').waitFor();
      expect(
        await board.page.getByRole('button', { name: /Pause|Resume|Stop|Start|Run/ }).count(),
        hash,
      ).toBe(0);
      expect(board.problems).toEqual([]);
    }
  });

  it('are a search and its job only, for dead letters of a board that only reads', async () => {
    await shop.bury({ id: 'broken', text: 'needle' });
    await using readOnly = await ServedShop.start(server.url, platform, { readOnly: true });
    await using board = await BoardPage.open(browser, readOnly.url, '#/dead-letters');
    await board.row('Dead letters, newest first', 'orders.broken').waitFor();
    expect(await board.page.getByRole('button', { name: /Replay|Drop/ }).count()).toBe(0);
    await board.page.getByLabel('Text in subject').fill('needle');
    await board.press('Search');
    await board.row('Jobs, newest first', 'needle').getByText('done').waitFor();
    await board.press(/^Remove the search job/);
    await board.announced('Removed');
    expect(board.problems).toEqual([]);
  });
});
