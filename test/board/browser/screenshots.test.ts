import { readdirSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { BoardPage } from './board-page.js';
import { ServedShop } from './shop.js';

const FOLDER = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const LARGEST = 150_000;

/** The pictures of the guide, each with a text that is there when the view is complete. */
const PICTURES: readonly (readonly [name: string, hash: string, text: string | RegExp])[] = [
  ['handlers', '#/handlers', 'Shipping.onParcel'],
  ['handler', '#/handlers/Billing.onOrder', /ago/],
  ['dead-letters', '#/dead-letters', 'orders.7'],
  ['flow', '#/flow', 'Flow of messages'],
];

describe.runIf(HAS_BROWSER)('the pictures of the guide', () => {
  it('exist and are small', () => {
    // They are written by BOARD_PICTURES=1 npx vitest run test/board/browser/screenshots.test.ts
    expect(readdirSync(FOLDER).filter((name) => name.startsWith('board-'))).toEqual(
      PICTURES.map(([name]) => `board-${name}.png`).sort(),
    );
    for (const [name] of PICTURES) expect(statSync(`${FOLDER}board-${name}.png`).size).toBeLessThan(LARGEST);
  });

  describe.runIf(process.env.BOARD_PICTURES !== undefined)('written again', () => {
    let server: NatsTestServer;
    let browser: TestBrowser;
    let shop: ServedShop;

    beforeAll(async () => {
      [server, browser] = await Promise.all([NatsTestServer.start(), TestBrowser.launch()]);
      shop = await ServedShop.start(server.url, 'express');
      await shop.fill();
      await mkdir(FOLDER, { recursive: true });
    });
    afterAll(async () => {
      await shop[Symbol.asyncDispose]();
      await browser[Symbol.asyncDispose]();
      await server.stop();
    });

    it.each(PICTURES)('%s', { timeout: 60_000 }, async (name, hash, text) => {
      const orders = setInterval(() => void shop.client.publish('orders.2', '{"id":2,"total":40}'), 50);
      try {
        for (const id of [5, 6, 7]) await shop.bury({ id, total: 'broken' }, `orders.${id}`);
        await using board = await BoardPage.open(browser, shop.url, hash);
        const { page } = board;
        await page.setViewportSize({ width: 1280, height: 720 });
        await page.locator('main').getByText(text).first().waitFor();
        // Rates are known after the second view, and charts are better with some more.
        await page.waitForTimeout(12_000);
        const picture = await page.screenshot({ type: 'png' });
        await writeFile(`${FOLDER}board-${name}.png`, picture);
        expect(picture.length).toBeLessThan(LARGEST);
      } finally {
        clearInterval(orders);
      }
    });
  });
});
