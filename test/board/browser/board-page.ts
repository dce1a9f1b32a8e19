import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Locator, Page } from 'playwright-core';
import type { OpenPage, TestBrowser } from '../../support/browser.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A page of the board in a browser. */
export class BoardPage implements AsyncDisposable {
  private constructor(
    private readonly open: OpenPage,
    private readonly url: string,
  ) {}

  static async open(browser: TestBrowser, url: string, hash = ''): Promise<BoardPage> {
    const page = new BoardPage(await browser.open(url + hash), url);
    try {
      await page.page.getByRole('heading', { level: 1 }).waitFor();
    } catch (error) {
      throw new Error(`the board did not open: ${page.problems.join('\n')}`, { cause: error });
    }
    return page;
  }

  get page(): Page {
    return this.open.page;
  }

  /** Errors of the console, violations of the policy and requests to other hosts. */
  get problems(): readonly string[] {
    const { origin } = new URL(this.url);
    const foreign = this.open.requests.filter(
      (each) => !each.startsWith(origin) && !each.startsWith('data:'),
    );
    return [...this.open.problems, ...foreign];
  }

  /** Follows a link of the navigation. */
  async go(section: string): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: section }).click();
    await this.page.getByRole('heading', { level: 1, name: section }).waitFor();
  }

  /** A row of a table by a text in it. */
  row(table: string | RegExp, text: string | RegExp): Locator {
    return this.page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text });
  }

  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  /** Waits for the dialog, checks what it says, and confirms it. */
  async confirm(text: string | RegExp, button: string): Promise<void> {
    const dialog = this.page.getByRole('dialog');
    await dialog.getByText(text).first().waitFor();
    await dialog.getByRole('button', { name: button }).click();
    await dialog.waitFor({ state: 'detached' });
  }

  /** Waits for the announcement of a success. */
  async announced(text: string | RegExp): Promise<void> {
    await this.page.locator('main').getByRole('status').getByText(text).waitFor();
  }

  /** Waits for the announcement of a failure. */
  async failed(text: string | RegExp): Promise<void> {
    await this.page.locator('main').getByRole('alert').getByText(text).waitFor();
  }

  /** The violations that axe-core finds on the page as it is now. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate<AxeResults>('axe.run(document, { preload: false })');
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
  }
}
