import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { eventually } from '../../support/eventually.js';
import { tryPage } from './in-browser.js';
import { useHelmet } from './helmet.js';
import { brightnessOf } from './brightness.js';
import { Billing, INFO, PLATFORMS, serveShop } from './shop.js';

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

  it.each(['dark', 'light'] as const)('is %s and readable if the system is', async (colorScheme) => {
    const description = 'Text with `code`.\n\n```\nblock\n```';
    await using shop = await serveShop(server.url, {
      page: { info: { ...INFO, description }, tryIt: { publish: true } },
    });
    const { page } = await browser.open(`${shop.url}/asyncapi`);
    await page.emulateMedia({ colorScheme });
    const viewer = page.locator('#viewer');
    const shown = (text: string): Locator => viewer.getByText(text).filter({ visible: true }).first();
    await shown('Billing.onPlaced').waitFor();
    for (const part of [page.locator('header'), viewer.getByRole('heading', { name: 'Operations' })]) {
      const { mean } = await brightnessOf(part);
      expect(mean > 0.7 ? 'light' : mean < 0.2 ? 'dark' : mean).toBe(colorScheme);
    }
    for (const text of [
      page.locator('h1').first(),
      page.getByRole('link', { name: 'YAML' }),
      page.getByLabel('Channel'),
      page.getByRole('button', { name: 'Publish' }),
      viewer.getByRole('heading', { name: 'Operations' }),
      shown('Text with'),
      shown('block'),
      shown('orders.{id}.placed'),
    ]) {
      expect((await brightnessOf(text)).contrast, await text.innerText()).toBeGreaterThan(4.5);
    }
    await page.close();
  });
});
