import { expect } from 'vitest';
import type { TestBrowser } from '../../support/browser.js';

/**
 * Opens a page of a shop with orders, reads its operations, and tries the channel of orders by keyboard and mouse. The page
 * must violate no policy, report no error, and request nothing from other hosts.
 *
 * @param others further texts of the document
 */
export async function tryPage(
  browser: TestBrowser,
  url: string,
  others: readonly string[] = [],
): Promise<void> {
  const { page, problems, requests } = await browser.open(url);
  await page.locator('#viewer').getByText('orders.{id}.placed').first().waitFor();
  const shown = await page.locator('#viewer').innerText();
  for (const text of ['Shop', ...others]) expect(shown).toContain(text);
  expect(shown).toMatch(/receive/i);
  const form = page.getByRole('region', { name: 'Try it' });
  await form.getByLabel('Channel').selectOption({ label: 'orders.{id}.placed' });
  await form.getByLabel('id', { exact: true }).fill('7');
  await form.getByRole('button', { name: 'Dry run' }).click();
  await form.getByText('Dry run: done.').waitFor();
  const reached = JSON.parse(await form.locator('#try-output').innerText()) as unknown;
  expect(reached).toMatchObject({
    subject: 'orders.7.placed',
    streams: [{ stream: 'ORDERS', consumers: ['billing'] }],
    errors: [],
  });
  // By keyboard.
  await form.getByRole('button', { name: 'Publish' }).focus();
  await page.keyboard.press('Enter');
  await form.getByText('Publish: done.').waitFor();
  expect(await form.locator('#try-output').innerText()).toContain('"stream": "ORDERS"');
  await form.getByLabel('Payload').fill('{');
  await form.getByRole('button', { name: 'Publish' }).click();
  await form.getByText('The payload is not JSON').waitFor();
  const { origin } = new URL(url);
  expect(requests.filter((each) => !each.startsWith(origin) && !each.startsWith('data:'))).toEqual([]);
  expect(problems).toEqual([]);
  await page.close();
}
