import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { browserProgram } from './browser-program.js';

/** A headless browser with an empty profile. */
export class TestBrowser implements AsyncDisposable {
  private constructor(
    private readonly context: BrowserContext,
    private readonly profile: string,
  ) {}

  static async launch(): Promise<TestBrowser> {
    const { program, environment } = await browserProgram();
    const profile = await mkdtemp(join(tmpdir(), 'nestjs-nats-jetstream-profile-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: program,
      env: environment,
      headless: true,
      chromiumSandbox: false,
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    // It runs before the scripts of the page, and is not subject to its policy.
    await context.addInitScript({ content: REPORT_VIOLATIONS });
    return new TestBrowser(context, profile);
  }

  /** Opens a page, and records what it should not do. */
  async open(url: string): Promise<OpenPage> {
    const page = await this.context.newPage();
    page.setDefaultTimeout(15_000);
    const open = new OpenPage(page);
    await page.goto(url);
    return open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
    await rm(this.profile, { recursive: true, force: true });
  }
}

const REPORT_VIOLATIONS = `
  document.addEventListener('securitypolicyviolation', (event) =>
    console.error('violates ' + event.effectiveDirective + ': ' + event.blockedURI + ' ' + event.sample +
      ' at ' + event.sourceFile + ':' + event.lineNumber));`;

/** A page with everything that it reported and requested. */
export class OpenPage {
  /** Errors and warnings of the console, and uncaught errors. */
  readonly problems: string[] = [];
  readonly requests: string[] = [];

  constructor(readonly page: Page) {
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.problems.push(message.text());
    });
    page.on('pageerror', (error) => this.problems.push(error.message));
    page.on('request', (request) => this.requests.push(request.url()));
  }
}
