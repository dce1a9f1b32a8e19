import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { PLATFORMS } from '../http/serve-board.js';
import { BoardPage } from './board-page.js';
import { ServedShop } from './shop.js';

/** Each view with a text that is there when it has been read. */
const VIEWS: readonly (readonly [hash: string, text: string | RegExp])[] = [
  ['#/handlers', 'Shipping.onParcel'],
  ['#/handlers/Billing.onOrder', 'Outcomes of deliveries since the start'],
  ['#/streams', 'PARCELS'],
  ['#/streams/ORDERS', 'billing'],
  ['#/streams/ORDERS/messages', 'orders.1'],
  ['#/dead-letters', 'orders.broken'],
  ['#/dead-letters/1', 'Publish and drop the dead letter'],
  ['#/buckets', 'customers'],
  ['#/buckets/customers', 'ann'],
  ['#/buckets/customers/ann', 'Basel'],
  ['#/objects/files', 'invoice.txt'],
  ['#/schedules', 'Reports.daily'],
  ['#/flow', 'Flow of messages'],
  ['#/instances', '1.0.0'],
  ['#/events', 'Events since'],
  ['#/nothing', 'The board has no such view'],
];

describe.runIf(HAS_BROWSER).each(PLATFORMS)('the views of the board on %s', (platform) => {
  let server: NatsTestServer;
  let browser: TestBrowser;
  let shop: ServedShop;

  beforeAll(async () => {
    [server, browser] = await Promise.all([NatsTestServer.start(), TestBrowser.launch()]);
    shop = await ServedShop.start(server.url, platform);
    await shop.fill();
    await shop.bury({ id: 'broken' });
  });
  afterAll(async () => {
    await shop[Symbol.asyncDispose]();
    await browser[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each(VIEWS)('%s is accessible in light and dark and on a phone', async (hash, text) => {
    await using board = await BoardPage.open(browser, shop.url, hash);
    const { page } = board;
    await page.locator('main').getByText(text).first().waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      expect(await board.violations(), colorScheme).toEqual([]);
    }
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await board.violations(), 'phone').toEqual([]);
    // Only tables and pictures scroll, in their own regions.
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    expect(board.problems).toEqual([]);
  });

  it('are reached by links, and left by the back button, with the focus on the heading', async () => {
    await using board = await BoardPage.open(browser, shop.url);
    const { page } = board;
    const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true });
    for (const section of [
      'Streams',
      'Dead letters',
      'Buckets',
      'Schedules',
      'Flow',
      'Instances',
      'Events',
    ]) {
      await board.go(section);
      expect(await page.title()).toBe(`${section} – Shop`);
      expect(await page.evaluate('document.activeElement.textContent')).toBe(section);
    }
    await board.go('Streams');
    await page.getByRole('link', { name: 'ORDERS' }).click();
    await heading('ORDERS').waitFor();
    await page.getByRole('link', { name: 'Messages' }).click();
    await page.getByText('orders.1', { exact: false }).first().waitFor();
    await page.goBack();
    await heading('ORDERS').waitFor();
    await page.goBack();
    await heading('Streams').waitFor();
    expect(board.problems).toEqual([]);
  });

  it('show the figures of both instances, live', async () => {
    await using board = await BoardPage.open(browser, shop.url);
    const { page } = board;
    const row = board.row('Handlers of all instances', 'Billing.onOrder');
    await row.getByText('running × 2').waitFor();
    await page.getByRole('status', { name: 'Updates' }).getByText('Live').waitFor();
    await row.getByRole('link').click();
    await page.getByRole('img', { name: /Deliveries per second/ }).waitFor();
    expect(await board.row('Instances', 'running').count()).toBe(2);
    expect(board.problems).toEqual([]);
  });

  it('are those of the connection that the user chooses', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/streams');
    const { page } = board;
    await page.getByRole('link', { name: 'ORDERS' }).waitFor();
    await page.getByLabel('Connection').selectOption('second');
    await page.getByRole('link', { name: 'ORDERS' }).click();
    await page.getByRole('heading', { level: 1, name: 'ORDERS' }).waitFor();
    expect(page.url()).toMatch(/#\/streams\/ORDERS\?connection=second$/);
    await board.go('Handlers');
    expect(page.url()).toMatch(/connection=second$/);
    await page.getByRole('status', { name: 'Updates' }).getByText('Live').waitFor();
    expect(board.problems).toEqual([]);
  });

  it('can be used by keyboard alone', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/streams');
    const { page } = board;
    await page.getByRole('link', { name: 'ORDERS' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.tagName')).toBe('MAIN');
    await page.getByLabel('Name contains').focus();
    await page.keyboard.type('PARC');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'ORDERS' }).waitFor({ state: 'detached' });
    expect(page.url()).toMatch(/#\/streams\?search=PARC$/);
    expect(board.problems).toEqual([]);
  });
});
