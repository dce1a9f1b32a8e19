import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { eventually } from '../../support/eventually.js';
import { tryPage } from './in-browser.js';
import { useHelmet } from './helmet.js';
import { Billing, PLATFORMS, serveShop } from './shop.js';

describe.runIf(HAS_BROWSER)('the page in a browser', () => {
  let server: NatsTestServer;
  let browser: TestBrowser;

  beforeAll(async () => {
    [server, browser] = await Promise.all([NatsTestServer.start(), TestBrowser.launch()]);
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each(PLATFORMS)('shows the operations and tries a channel on %s, with helmet', async (platform) => {
    await using shop = await serveShop(server.url, {
      platform,
      page: { tryIt: { publish: true, dryRun: true, messages: true } },
      configure: (app) => useHelmet(app, platform),
    });
    await tryPage(browser, `${shop.url}/asyncapi`, ['categories.{id}']);
    const orders = await eventually(
      () => shop.app.get(Billing).orders,
      ({ length }) => length > 0,
    );
    expect(orders).toEqual([{ customer: 'ann', total: 7 }]);
  });
});
