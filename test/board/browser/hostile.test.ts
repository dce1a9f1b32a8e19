import { JetStreamService, KeyValueService, ObjectStoreService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../../support/browser.js';
import { HAS_BROWSER } from '../../support/browser-program.js';
import { BoardPage } from './board-page.js';
import { ServedShop } from './shop.js';

const HTML = '<img src=x onerror="document.title=1"><script>document.title=2</script><base href=//x.test>';
const ESCAPES = '\u001b]0;title\u0007\u001b[2J\u0000 \u202eabc\u202c';
const BROKEN = Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28]);

describe.runIf(HAS_BROWSER)('hostile content on the board', () => {
  let server: NatsTestServer;
  let browser: TestBrowser;
  let shop: ServedShop;
  /** The dead letters, by what is in them. */
  const letters = new Map<string, number>();

  beforeAll(async () => {
    [server, browser] = await Promise.all([NatsTestServer.start(), TestBrowser.launch()]);
    shop = await ServedShop.start(server.url, 'express');
    for (const [name, content] of [
      ['html', { id: 'broken', text: HTML }],
      ['escapes', { id: 'broken', text: ESCAPES }],
      ['bytes', BROKEN],
      ['long', { id: 'broken', text: 'x'.repeat(1_000_000) }],
    ] as const)
      letters.set(name, await shop.bury(content, `orders.<b>${name}`));
    const customers = await shop.app.get(KeyValueService).open('customers');
    await customers.put('html', HTML);
    const files = await shop.app.get(ObjectStoreService).open('files');
    await files.putString(
      { name: '../<b>"name\u202e', description: HTML, metadata: { html: HTML } },
      'content',
    );
    await shop.app.get(JetStreamService).publish('parcels.<i>', BROKEN, { headers: { 'x-html': HTML } });
  });
  afterAll(async () => {
    await shop[Symbol.asyncDispose]();
    await browser[Symbol.asyncDispose]();
    await server.stop();
  });

  /** Opens a view; nothing in it may have become an element or changed the page. */
  async function opened(hash: string, text: string): Promise<BoardPage> {
    const board = await BoardPage.open(browser, shop.url, hash);
    await board.page.locator('main').getByText(text).first().waitFor();
    expect(await board.page.locator('main').locator('img, script, base, b, i, iframe').count(), hash).toBe(0);
    expect(await board.page.title()).toMatch(/ – Shop$/);
    expect(board.page.url()).toMatch(/^http:\/\/127\.0\.0\.1/);
    expect(board.problems).toEqual([]);
    return board;
  }

  it('is text in lists', async () => {
    await using list = await opened('#/dead-letters', 'orders.<b>html');
    expect(await list.page.locator('main').innerText()).toContain('orders.<b>long');
    await using objects = await opened('#/objects/files', '../<b>"name\\u{202e}');
    expect(await objects.page.locator('main').innerText()).toContain(HTML);
    await using messages = await opened('#/streams/PARCELS/messages', 'parcels.<i>');
    await messages.page.locator('summary').first().click();
    expect(await messages.page.locator('main').innerText()).toContain(HTML);
    await using entry = await opened('#/buckets/customers/html', '<img');
    expect(await entry.violations()).toEqual([]);
  });

  it.each([
    ['html', 'Text', HTML.replaceAll('"', '\\"')],
    ['escapes', 'Text', '\\u001b]0;title\\u0007\\u001b[2J\\u0000 \\u{202e}abc\\u{202c}'],
    ['bytes', 'Not text', BROKEN.toString('base64')],
  ])('is text in a dead letter with %s', async (name, _, content) => {
    const sequence = letters.get(name) ?? 0;
    await using board = await opened(`#/dead-letters/${sequence}`, `orders.<b>${name}`);
    expect(await board.page.getByRole('group', { name: 'Payload' }).innerText()).toContain(content);
    expect(await board.violations()).toEqual([]);
  });

  it('is cut if it is long, and then not edited', async () => {
    await using board = await opened(
      `#/dead-letters/${letters.get('long') ?? 0}`,
      'only its beginning is shown',
    );
    const { length } = await board.page.locator('main').innerText();
    expect(length).toBeLessThan(30_000);
    await board.page.getByText('so it cannot be edited').waitFor();
    expect(await board.page.getByRole('button', { name: 'Publish and drop' }).count()).toBe(0);
    const [download] = await Promise.all([
      board.page.waitForEvent('download'),
      board.page.getByRole('link', { name: 'Download' }).click(),
    ]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).length).toBeGreaterThan(1_000_000);
  });

  it('in the address is text', async () => {
    for (const hash of [
      `#/streams/${encodeURIComponent(HTML)}`,
      `#/${encodeURIComponent(HTML)}`,
      '#/%E0%A4%A',
    ]) {
      await using board = await BoardPage.open(browser, shop.url, hash);
      expect(await board.page.locator('img').count()).toBe(0);
    }
  });
});
