import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { NatsTestServer } from '../../lib/testing/index.js';

/** Runs a built sample to its end, on a server of this test, and checks that it prints the lines of its README. */
async function run(sample: string, settings: Readonly<Record<string, string>> = {}): Promise<string> {
  await using server = await NatsTestServer.start();
  const main = fileURLToPath(new URL(`../../sample/${sample}/dist/main.js`, import.meta.url));
  const { PORT: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [main], {
    env: { ...env, ...settings, NATS_URL: server.url },
    timeout: 60_000,
  });
  const printed = stdout.split('\n');
  const documented = await printedLines(sample);
  expect(documented.filter((line) => !printed.some((other) => line.test(other)))).toEqual([]);
  return stdout;
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The lines of the last fence of a sample's README, in which `…` stands for anything. */
async function printedLines(sample: string): Promise<readonly RegExp[]> {
  const readme = await readFile(new URL(`../../sample/${sample}/README.md`, import.meta.url), 'utf8');
  const lines =
    readme
      .match(/(?<=^```\n)[^`]+(?=^```$)/gm)
      ?.at(-1)
      ?.trim()
      .split('\n') ?? [];
  expect(lines.length).toBeGreaterThan(0);
  return lines.map((line) => new RegExp(`^${line.split('…').map(escaped).join('.*')}$`));
}

it('02-live-config: applies a changed setting in every instance', { timeout: 60_000 }, async () => {
  const output = await run('02-live-config');
  expect(output.split('\n').filter((line) => line.includes('Sue'))).toEqual([
    'Hello, Sue! You may ask 10 times a second.',
    'Good morning, Sue! You may ask 25 times a second.',
    'Hello, Sue! You may ask 25 times a second.',
  ]);
});

it('03-files: uploads, downloads and ranges over HTTP', { timeout: 60_000 }, async () => {
  const output = await run('03-files');
  expect(output).toContain('downloaded 16777216 bytes, identical');
  expect(output).toContain('206 bytes 1000-1999/16777216, identical');
});

it('04-retries-and-dead-letters: replays temporary failures', { timeout: 60_000 }, async () => {
  const output = await run('04-retries-and-dead-letters');
  expect(output.match(/^parcel \d+ to Atlantis: .* UnknownCity: no route to Atlantis$/gm)).toHaveLength(8);
  expect(
    output.match(/^parcel \d+ to .*: deliveries used up \(3\), Error: the scales are broken$/gm),
  ).toHaveLength(5);
  expect(output).toMatch(/^27 shipped in \d+ attempts, 13 lost$/m);
  expect(output).toContain('8 dropped, 5 replayed, 0 failed again\n32 of 40 shipped');
});

it('05-batch-and-order: keeps accounts in order, batches the ledger', { timeout: 60_000 }, async () => {
  const output = await run('05-batch-and-order');
  expect(output).toContain('5000 movements of 50 accounts, 0 out of order');
  expect(output).toContain('5000 movements on 50 pages');
});

it(
  '06-microservices: answers requests, streams answers, and keeps events until their service runs',
  { timeout: 60_000 },
  async () => {
    const output = await run('06-microservices');
    expect(output).toContain('placed 3 × tea for 12\n');
    expect(output).toContain('progress: packed, collected, delivered\n');
    expect(output).toContain('refused with 404: unknown article "gold"\n');
    expect(output).toContain('5 orders placed while shipping was down\n');
    expect(output).toContain('5 orders shipped when it was back\n');
  },
);

it(
  '07-observability: shows a request, a retry and a dead letter as one trace, and counts them',
  { timeout: 60_000 },
  async () => {
    const output = await run('07-observability');
    expect(output).toContain(
      [
        'one trace:',
        'POST /orders',
        '   publish orders.*.placed',
        '      process orders.*.placed (Billing.onPlaced, delivery 1, retried, error BankBusy)',
        '      process orders.*.placed (Billing.onPlaced, delivery 2, acked)',
        '         publish parcels.*',
        '            process parcels.* (Shipping.onParcel, delivery 1, dead-lettered, error TerminateMessage)',
        '               dead-letter',
        '',
      ].join('\n'),
    );
  },
);

it(
  '08-contracts: shares contracts between two services, and finds a breaking change',
  { timeout: 60_000 },
  async () => {
    const output = await run('08-contracts');
    expect(output).toMatch(/^the second order is not sent: customer: /m);
  },
);

it('09-schedules: runs each due time once in two instances', { timeout: 60_000 }, async () => {
  const output = await run('09-schedules');
  const [, due, different] = /^tick: (\d+) due times, (\d+) of them different$/m.exec(output) ?? [];
  expect(Number(due)).toBeGreaterThan(3);
  expect(different).toBe(due);
});

it('10-board: serves the board of three instances under load', { timeout: 60_000 }, async () => {
  const output = await run('10-board', { PORT: '0', SECONDS: '6' });
  const [, orders] = /^(\d+) orders, dead letters: yes$/m.exec(output) ?? [];
  expect(Number(orders)).toBeGreaterThan(20);
});
