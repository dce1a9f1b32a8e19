import { Handlers } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { PLATFORMS } from '../http/serve-board.js';
import { BoardPage } from './board-page.js';
import { ServedShop } from './shop.js';

const HANDLER = 'Billing.onOrder';

describe.runIf(HAS_BROWSER).each(PLATFORMS)('the updates of the board on %s', (platform) => {
  let server: NatsTestServer;
  let browser: TestBrowser;
  let isAllowed = true;
  let shop: ServedShop;

  beforeAll(async () => {
    [server, browser] = await Promise.all([NatsTestServer.start(), TestBrowser.launch()]);
    shop = await ServedShop.start(server.url, platform, { access: () => isAllowed });
  });
  afterAll(async () => {
    await shop[Symbol.asyncDispose]();
    await browser[Symbol.asyncDispose]();
    await server.stop();
  });

  const state = (page: Page, text: string): Promise<void> =>
    page.getByRole('status', { name: 'Updates' }).getByText(text).waitFor();

  it('show what happens elsewhere without a request of the page', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/handlers');
    const row = board.row('Handlers of all instances', HANDLER);
    await state(board.page, 'Live');
    await shop.app.get(Handlers).pause(HANDLER);
    await row.getByText('paused', { exact: true }).waitFor();
    await shop.app.get(Handlers).resume(HANDLER);
    await row.getByText('running × 2').waitFor();
    await board.go('Events');
    await board
      .row(/^Events/, 'handler-paused')
      .first()
      .waitFor();
    expect(board.problems).toEqual([]);
  });

  it('are requested regularly if the event stream is not available', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/handlers');
    const { page } = board;
    await page.route('**/board/live**', (route) => route.fulfill({ status: 502, body: '' }));
    await page.reload();
    await state(page, 'Updated every 5 s');
    await shop.app.get(Handlers).pause(HANDLER);
    const row = board.row('Handlers of all instances', HANDLER);
    await row.getByText('paused', { exact: true }).waitFor();
    await shop.app.get(Handlers).resume(HANDLER);
    await row.getByText('running × 2').waitFor();
    expect(await board.violations()).toEqual([]);
  });

  it('end with a message when the access ends, and are not requested again', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/handlers');
    const { page } = board;
    await state(page, 'Live');
    isAllowed = false;
    await state(page, 'Your access has ended.');
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    // Two periods of requests.
    await page.waitForTimeout(11_000);
    expect(requests).toEqual([]);
    isAllowed = true;
    expect(board.problems).toEqual([]);
  });

  it('say why the board cannot be opened', async () => {
    await using board = await BoardPage.open(browser, shop.url, '#/handlers');
    await board.page.route('**/board/api/session', (route) =>
      route.fulfill({
        status: 403,
        json: { error: { name: 'Refused', message: 'You have no access to this.' } },
      }),
    );
    await board.page.reload();
    await board.page.getByRole('alert').getByText('You have no access to this.').waitFor();
    expect(await board.violations()).toEqual([]);
  });
});
