import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { TestBrowser } from '../support/browser.js';
import { HAS_BROWSER } from '../support/browser-program.js';

const main = fileURLToPath(new URL('../../sample/08-contracts/dist/main.js', import.meta.url));

/** The built sample with `--serve`, and the addresses of its pages. */
async function serve(url: string) {
  const sample = spawn(process.execPath, [main, '--serve'], {
    env: { ...process.env, NATS_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pages = new Map<string, string>();
  for await (const line of createInterface(sample.stdout)) {
    const [, name, address] = /^the page of (\w+): (.+)$/.exec(line) ?? [];
    if (name !== undefined && address !== undefined) pages.set(name, address);
    if (line === 'press Ctrl+C to end') break;
  }
  const end = async (): Promise<unknown> => {
    const ended = once(sample, 'exit');
    sample.kill('SIGTERM');
    return (await ended)[0];
  };
  return { pages, end };
}

describe.runIf(HAS_BROWSER)('08-contracts with --serve', () => {
  it('serves pages on which an order is placed and billed', { timeout: 90_000 }, async () => {
    await using server = await NatsTestServer.start();
    await using browser = await TestBrowser.launch();
    const { pages, end } = await serve(server.url);
    try {
      const { page, problems, requests } = await browser.open(pages.get('shop') ?? '');
      await page.locator('#viewer').getByText('orders.{id}.placed').first().waitFor();
      const form = page.getByRole('region', { name: 'Try it' });
      const channel = form.getByLabel('Channel');
      await channel.selectOption({ label: 'orders.{id}.placed' });
      await form.getByLabel('id', { exact: true }).fill('clicked');
      await form.getByRole('button', { name: 'Dry run' }).click();
      await form.getByText('Dry run: done.').waitFor();
      expect(JSON.parse(await form.locator('#try-output').innerText())).toMatchObject({
        streams: [{ stream: 'ORDERS', consumers: ['billing'] }],
      });
      await form.getByRole('button', { name: 'Publish' }).click();
      await form.getByText('Publish: done.').waitFor();
      await channel.selectOption({ label: 'orders.{id}.billed' });
      const billed = 'orders.clicked.billed';
      await expect
        .poll(async () => {
          await form.getByRole('button', { name: 'Last messages' }).click();
          await form.getByText('Last messages: done.').waitFor();
          return form.locator('#try-output').innerText();
        })
        .toContain(billed);
      const billing = await browser.open(pages.get('billing') ?? '');
      await billing.page.locator('#viewer').getByText('orders.{id}.billed').first().waitFor();
      const { origin } = new URL(pages.get('shop') ?? '');
      expect(requests.filter((each) => !each.startsWith(origin) && !each.startsWith('data:'))).toEqual([]);
      expect([...problems, ...billing.problems]).toEqual([]);
    } finally {
      expect(await end()).toBe(0);
    }
  });
});
