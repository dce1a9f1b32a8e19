import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryPage } from '../asyncapi/page/in-browser.js';
import { EventStream } from '../board/http/event-stream.js';
import { byName, tracesOfRequest } from '../otel/order-traces.js';
import { type EndedSpan, treesOf } from '../otel/span-trees.js';
import { TestBrowser } from '../support/browser.js';
import { HAS_BROWSER } from '../support/browser-program.js';
import { installApplication, installNode, packInto } from './packed-package.js';
import { copyViewer, startPage } from './page-process.js';
import { runCommand } from './run-command.js';

const INSTALL = 300_000;
const RUN = 120_000;

/** For the AsyncAPI page, whose policy replaces that of helmet. */
const HELMET = ['helmet@8', '@fastify/helmet@13'];

/** The line that the applications print if everything succeeded. */
const DONE = '10 consumed, 10 watched, limit of s1 is 30, closed';

/** Whether another version of Node can be installed. */
const RUNTIMES = process.platform === 'linux' && process.arch === 'x64';

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestjs-nats-jetstream-'));
  tarball = await packInto(folder);
}, INSTALL);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([
  // The transport of Nest 11 uses the package `nats`.
  {
    name: 'nest-11-commonjs',
    tests: /Tests:\s+14 passed, 14 total/,
    packages: ['nats@2', '@nestjs/terminus@11', ...HELMET],
  },
  {
    name: 'nest-12-esm',
    tests: /Tests\s+12 passed \(12\)/,
    packages: ['@nestjs/terminus@12', ...HELMET],
  },
])('the packed package in $name', ({ name, tests, packages }) => {
  const application = () => join(folder, name);

  beforeAll(() => installApplication(name, [tarball, ...packages], application()), INSTALL);

  it(
    'consumes, watches, serves and shuts down in the tests of the application',
    { timeout: RUN },
    async () => {
      const output = await runCommand('npm', ['test'], application());
      expect(plain(output)).toMatch(tests);
    },
  );

  it.runIf(name === 'nest-11-commonjs')(
    'runs a test kit in ES modules of Jest, and in node:test',
    { timeout: RUN },
    async () => {
      const jest = await runCommand('npm', ['run', 'test:esm'], application());
      expect(plain(jest)).toMatch(/Tests:\s+1 passed, 1 total/);
      const node = await runCommand('npm', ['run', 'test:node'], application());
      expect(plain(node)).toMatch(/pass 1\b/);
    },
  );

  it('compiles against the types and runs', { timeout: RUN }, async () => {
    await runCommand('npm', ['run', 'build'], application());
    const output = await runCommand('npm', ['start'], application());
    expect(output).toContain(DONE);
  });

  it('is described by the command of the package, without a server', { timeout: RUN }, async () => {
    const output = await runCommand(
      'npx',
      ['--no-install', 'nestjs-nats-jetstream', 'asyncapi', 'dist/document.js'],
      application(),
    );
    expect(JSON.parse(output)).toMatchObject({
      info: { title: 'Readings' },
      servers: {
        default: {
          host: 'nats.example.com:4222',
          'x-jetstream': { keyValues: { readings: { history: 5 } } },
        },
      },
      operations: {
        'Readings.onReading': { 'x-jetstream': { stream: 'READINGS', durable: 'latest' } },
        'Readings.onLatest': { 'x-jetstream': { bucket: 'readings' } },
      },
    });
  });

  it.runIf(name === 'nest-11-commonjs')(
    'compiles with "module": "commonjs" and "moduleResolution": "node10", and runs',
    { timeout: RUN },
    async () => {
      await runCommand('npm', ['run', 'build:node10'], application());
      const output = await runCommand('npm', ['run', 'start:node10'], application());
      expect(output).toContain(DONE);
      const kit = await runCommand('npm', ['run', 'test:node10'], application());
      expect(plain(kit)).toMatch(/pass 1\b/);
    },
  );

  it.runIf(name === 'nest-12-esm')('runs a test kit in node:test', { timeout: RUN }, async () => {
    await runCommand('npm', ['run', 'build'], application());
    const output = await runCommand('npm', ['run', 'test:node'], application());
    expect(plain(output)).toMatch(/pass 1\b/);
  });

  it.runIf(HAS_BROWSER)(
    'shows its AsyncAPI page in a browser, on Express and Fastify with helmet',
    { timeout: RUN },
    async () => {
      await copyViewer(application());
      await using served = await startPage(application());
      await using browser = await TestBrowser.launch();
      expect(Object.keys(served.addresses)).toEqual(['express', 'fastify']);
      for (const address of Object.values(served.addresses)) await tryPage(browser, `${address}/asyncapi`);
    },
  );

  it('serves its board on Express and Fastify with helmet', { timeout: RUN }, async () => {
    await using served = await startPage(application());
    expect(Object.keys(served.addresses)).toEqual(['express', 'fastify']);
    for (const address of Object.values(served.addresses)) await tryBoard(address);
  });

  /** Runs a script of the built application, which prints the spans of an order as its last line. */
  const expectTraces = async (node: string): Promise<string> => {
    const output = await runCommand(node, ['dist/tracing.js'], application());
    const printed = JSON.parse(output.trim().split('\n').at(-1) ?? '') as PrintedTraces;
    expect(printed).toMatchObject({ status: 201, replayed: 1 });
    expect(byName(treesOf(printed.spans))).toEqual(tracesOfRequest({ span: 'POST', kind: 'SERVER' }));
    return printed.node;
  };

  it.runIf(name === 'nest-11-commonjs')(
    'is traced by the SDK 2 of OpenTelemetry, from an HTTP request to the replay of a dead letter',
    { timeout: RUN },
    async () => {
      expect(await expectTraces(process.execPath)).toBe(process.version);
    },
  );

  it.runIf(name === 'nest-12-esm' && RUNTIMES)(
    'is traced by the SDK 3 of OpenTelemetry on Node 24',
    { timeout: INSTALL },
    async () => {
      expect(await expectTraces(await runtime('24'))).toMatch(/^v24\./);
    },
  );

  it.runIf(RUNTIMES).each(['24', '26'])('runs on Node %s', { timeout: INSTALL }, async (version) => {
    const node = await runtime(version);
    const output = await runCommand(node, ['dist/main.js'], application());
    expect(output).toMatch(new RegExp(`^v${version}\\..*: ${DONE}$`, 'm'));
  });
});

/** Uses the board of an application: page, view, event stream and action. */
async function tryBoard(address: string): Promise<void> {
  const page = await fetch(`${address}/board`);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  expect(page.headers.get('strict-transport-security')).not.toBeNull();
  expect(await page.text()).toContain('data-base="./board/"');
  const session = await fetch(`${address}/board/api/session`);
  expect(await session.json()).toMatchObject({ readOnly: false, connections: [{ connected: true }] });
  await using stream = await EventStream.open(`${address}/board/live`);
  expect(JSON.stringify(await stream.next('handlers'))).toContain('Billing.onPlaced');
  const act = (action: string): Promise<Response> =>
    fetch(`${address}/board/api/${action}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-jetstream-page': '1' },
      body: JSON.stringify({ handler: 'Billing.onPlaced' }),
    });
  expect((await act('pause-handler')).status).toBe(200);
  await stream.next('event', ({ data }) => data.type === 'handler-paused');
  expect((await act('drop')).status).toBe(403);
}

interface PrintedTraces {
  readonly node: string;
  readonly status: number;
  readonly replayed: number;
  readonly spans: readonly EndedSpan[];
}

/** Installs a version of Node, and returns the path of its program. */
async function runtime(version: string): Promise<string> {
  const place = join(folder, `node-${version}`);
  await mkdir(place, { recursive: true });
  return installNode(version, place);
}

/** Without the colors that test runners print. */
function plain(output: string): string {
  return output.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
}
