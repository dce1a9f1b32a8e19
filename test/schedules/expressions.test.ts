import { Cron } from 'croner';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareTimes, readCron, type TimesOf } from '../../lib/schedules/expression/index.js';
import { eventually } from '../support/eventually.js';

let timesOf: TimesOf;
beforeAll(async () => {
  timesOf = await prepareTimes([{ kind: 'cron', pattern: '* * * * * *', timeZone: 'UTC' }]);
});

function patternOf(expression: string): string {
  const read = readCron(expression);
  if ('problem' in read) throw new Error(`${expression}: ${read.problem}`);
  return read.pattern;
}

/** The due times of an expression after a time, as ISO texts. */
function due(expression: string, timeZone: string, after: string | number, count: number): string[] {
  const times = timesOf({ kind: 'cron', pattern: patternOf(expression), timeZone }, 0);
  const all: string[] = [];
  for (let from = new Date(after).getTime(); all.length < count;) {
    from = times.next(from) ?? NaN;
    all.push(new Date(from).toISOString());
  }
  return all;
}

const ACCEPTED: [expression: string, pattern: string][] = [
  ['* * * * * *', '* * * * * *'],
  ['  0  0\t6 * * * ', '0 0 6 * * *'],
  ['*/15 0 0 * * *', '0,15,30,45 0 0 * * *'],
  ['*/1 0 0 * * *', '* 0 0 * * *'],
  ['10/20 0 0 * * *', '10,30,50 0 0 * * *'],
  ['5-9/2 0 0 * * *', '5,7,9 0 0 * * *'],
  ['3,1,2,1 0 0 * * *', '1,2,3 0 0 * * *'],
  ['0 0 0 1 JAN,jul-Sep *', '0 0 0 1 1,7,8,9 *'],
  ['0 0 0 * * MON-fri', '0 0 0 * * 1,2,3,4,5'],
  ['0 0 0 * * sun-tue', '0 0 0 * * 0,1,2'],
  ['0 0 0 1 * wed', '0 0 0 1 * 3'],
  ['0 0 0 */10 * *', '0 0 0 1,11,21,31 * *'],
  ['00 05 007 * * *'.replace('007', '07'), '0 5 7 * * *'],
  ['@yearly', '0 0 0 1 1 *'],
  ['@annually', '0 0 0 1 1 *'],
  ['@monthly', '0 0 0 1 * *'],
  ['@weekly', '0 0 0 * * 0'],
  ['@daily', '0 0 0 * * *'],
  ['@midnight', '0 0 0 * * *'],
  ['@hourly', '0 0 * * * *'],
];

const REFUSED: [expression: string, problem: RegExp][] = [
  ['', /has 1 fields/],
  ['* * * * *', /has 5 fields, and 6 are needed: put the seconds first/],
  ['* * * * * * *', /has 7 fields/],
  ['60 * * * * *', /contains 60, which is not from 0 to 59/],
  ['0 0 24 * * *', /hour "24" contains 24/],
  ['0 0 0 0 * *', /day of the month "0" contains 0, which is not from 1 to 31/],
  ['0 0 0 * 13 *', /month "13"/],
  ['0 0 0 * * 7', /contains 7, which is not from 0 to 6: Sunday is 0/],
  ['0 0 0 ? * *', /the server does not know/],
  ['0 0 0 L * *', /the server does not know/],
  ['0 0 0 LW * *', /the server does not know/],
  ['0 0 0 15W * *', /the server does not know/],
  ['0 0 0 * * 5L', /the server does not know/],
  ['0 0 0 * * 1#2', /the server does not know/],
  ['0 0 0 * * fri-sun', /ends before it begins: use a list, as in "5,0"/],
  ['30-10 * * * * *', /ends before it begins/],
  ['*/0 * * * * *', /has the step 0/],
  ['*/60 * * * * *', /has the step 60, and it must be from 1 to 59/],
  ['1,,2 * * * * *', /is not a value, a range/],
  ['1, * * * * *', /is not a value, a range/],
  ['*,5 * * * * *', /combines "\*"/],
  ['1-2-3 * * * * *', /is not a value, a range/],
  ['1/2/3 * * * * *', /is not a value, a range/],
  ['-1 * * * * *', /is not a value, a range/],
  ['1.5 * * * * *', /is not a value, a range/],
  ['١ * * * * *', /is not a value, a range/],
  ['007 * * * * *', /is not a number/],
  ['0 0 0 * january *', /not a number or one of jan, feb/],
  ['0 0 0 * * monday', /not a number or one of sun, mon/],
  ['mon * * * * *', /which is not a number/],
  ['@reboot', /is not one of @yearly/],
  ['@HOURLY', /is not one of @yearly/],
  ['@every 5s', /is not one of @yearly/],
  ['constructor', /has 1 fields/],
  ['@constructor', /is not one of/],
  [`${'0,'.repeat(400)}0 * * * * *`, /longer than 600 characters/],
];

describe('a cron expression', () => {
  it.each(ACCEPTED)('is read: %s', (expression, pattern) => {
    expect(readCron(expression)).toEqual({ pattern });
  });

  it.each(REFUSED)('is refused: %s', (expression, problem) => {
    expect(readCron(expression)).toEqual({ problem: expect.stringMatching(problem) as string });
  });

  it('has no due time if its day does not exist', () => {
    const times = timesOf(
      { kind: 'cron', pattern: patternOf('0 0 0 30 2 *'), timeZone: 'Europe/Amsterdam' },
      0,
    );
    expect(times.next(Date.UTC(2026, 0))).toBeUndefined();
    expect(times.latest(Date.UTC(2026, 0))).toBeUndefined();
  });

  it('is due when the day of the month or the day of the week matches, if both are set', () => {
    expect(due('0 0 0 13 * fri', 'UTC', '2026-11-01', 4)).toEqual([
      '2026-11-06T00:00:00.000Z',
      '2026-11-13T00:00:00.000Z',
      '2026-11-20T00:00:00.000Z',
      '2026-11-27T00:00:00.000Z',
    ]);
    expect(due('0 0 0 * * fri', 'UTC', '2026-11-07', 1)).toEqual(['2026-11-13T00:00:00.000Z']);
  });
});

/** Around changes of the clock: skipped times have no run, repeated ones have two. */
const CHANGES: [zone: string, what: string, expression: string, after: string, due: string[]][] = [
  [
    'Europe/Amsterdam',
    'a skipped time',
    '0 30 2 * * *',
    '2026-03-28T00:00:00Z',
    ['2026-03-28T01:30:00.000Z', '2026-03-30T00:30:00.000Z'],
  ],
  [
    'Europe/Amsterdam',
    'a repeated time',
    '0 30 2 * * *',
    '2026-10-24T12:00:00Z',
    ['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z', '2026-10-26T01:30:00.000Z'],
  ],
  [
    'Europe/Amsterdam',
    'an hour that is repeated, each half hour',
    '0 */30 * * * *',
    '2026-10-24T23:59:00Z',
    [
      '2026-10-25T00:00:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:00:00.000Z',
    ],
  ],
  [
    'America/New_York',
    'a skipped time',
    '0 0 2 * * *',
    '2026-03-07T12:00:00Z',
    ['2026-03-09T06:00:00.000Z', '2026-03-10T06:00:00.000Z'],
  ],
  [
    'America/New_York',
    'a repeated time',
    '0 0 1 * * *',
    '2026-10-31T12:00:00Z',
    ['2026-11-01T05:00:00.000Z', '2026-11-01T06:00:00.000Z', '2026-11-02T06:00:00.000Z'],
  ],
  [
    'Australia/Lord_Howe',
    'a time in the skipped half hour',
    '0 15 2 * * *',
    '2026-10-02T12:00:00Z',
    ['2026-10-02T15:45:00.000Z', '2026-10-04T15:15:00.000Z'],
  ],
  [
    'Australia/Lord_Howe',
    'a time in the repeated half hour',
    '0 45 1 * * *',
    '2026-04-04T12:00:00Z',
    ['2026-04-04T14:45:00.000Z', '2026-04-04T15:15:00.000Z', '2026-04-05T15:15:00.000Z'],
  ],
  [
    'America/Santiago',
    'a skipped midnight',
    '0 0 0 * * *',
    '2026-09-05T12:00:00Z',
    ['2026-09-07T03:00:00.000Z'],
  ],
];

describe('a time zone', () => {
  it.each(CHANGES)('%s: %s', (zone, _, expression, after, expected) => {
    const found = due(expression, zone, after, expected.length);
    expect(found).toEqual(expected);
    // The last due time before an instant is found from both sides.
    const times = timesOf({ kind: 'cron', pattern: patternOf(expression), timeZone: zone }, 0);
    for (const time of found.map((each) => Date.parse(each))) {
      expect(times.latest(time)).toBe(time);
      expect(times.latest(time + 999)).toBe(time);
      expect(times.latest(time - 1)).toBeLessThan(time);
    }
  });

  const ZONES = ['Europe/Amsterdam', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC'];
  const EXPRESSIONS = [
    '0 30 2 * * *',
    '0 0 6 * * mon-fri',
    '0 15 1,2,3 1,15 * *',
    '0 0 12 29 2 *',
    '30 */20 * * 3,10 0',
  ];

  it.each(ZONES)('%s: is due when croner says so, except when the clock changes', (zone) => {
    const [from, to] = [Date.UTC(2026, 0), Date.UTC(2030, 0)];
    for (const expression of EXPRESSIONS) {
      const pattern = patternOf(expression);
      const times = timesOf({ kind: 'cron', pattern, timeZone: zone }, 0);
      const cron = new Cron(pattern, { timezone: zone, paused: true });
      const ours = until(to, from, (time) => times.next(time));
      const theirs = until(to, from, (time) => cron.nextRun(new Date(time))?.getTime());
      expect(ours.size).toBeGreaterThan(0);
      const differences = [...ours, ...theirs].filter((time) => !ours.has(time) || !theirs.has(time));
      for (const time of differences) {
        expect(isNearChange(time, zone), `${expression} in ${zone}: ${new Date(time).toISOString()}`).toBe(
          true,
        );
      }
    }
  });
});

/** All due times until an instant. */
function until(to: number, from: number, next: (after: number) => number | undefined): Set<number> {
  const all = new Set<number>();
  for (let time = next(from); time !== undefined && time < to; time = next(time)) all.add(time);
  return all;
}

/** Whether the offset of a zone changes within three hours. */
function isNearChange(time: number, zone: string): boolean {
  const hours = 3 * 3_600_000;
  return offsetText(time - hours, zone) !== offsetText(time + hours, zone);
}

function offsetText(time: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  return format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

describe('nats-server 2.15', () => {
  const PATTERNS = ACCEPTED.map(([, pattern]) => pattern);

  it('accepts every pattern', async () => {
    await using server = await NatsTestServer.start({ version: '2.15' });
    const nc = await connect({ servers: server.url });
    const config = { name: 'S', subjects: ['s.>'], storage: 'memory', allow_msg_schedules: true };
    await nc.request('$JS.API.STREAM.CREATE.S', JSON.stringify(config));
    for (const [i, pattern] of PATTERNS.entries()) {
      const block = headers();
      block.set('Nats-Schedule', pattern);
      block.set('Nats-Schedule-Time-Zone', 'Europe/Amsterdam');
      block.set('Nats-Schedule-Target', `s.due.${i}`);
      const { error } = (await nc.request(`s.plan.${i}`, '', { headers: block, timeout: 5_000 })).json<{
        error?: { description: string };
      }>();
      expect(error?.description, pattern).toBeUndefined();
    }
    await nc.close();
  });

  it('answers with the next due time that the library computes', async () => {
    await using server = await NatsTestServer.start({ version: '2.15' });
    const nc = await connect({ servers: server.url });
    const config = { name: 'S', subjects: ['s.>'], storage: 'memory', allow_msg_schedules: true };
    await nc.request('$JS.API.STREAM.CREATE.S', JSON.stringify(config));
    const wanted = new Map<string, { pattern: string; zone: string }>();
    const soon = new Date(Date.now() + 2_000);
    for (const [i, zone] of [
      'Europe/Amsterdam',
      'America/New_York',
      'Australia/Lord_Howe',
      'UTC',
    ].entries()) {
      const [second, minute, hour, day, month] = wallClock(soon, zone);
      // Each is due in two seconds, and again in a minute, an hour, a week, half a year (with another offset) or a year.
      const all = [
        `${second} * * * * *`,
        `${second} ${minute} * * * *`,
        `${second} ${minute} ${hour} * * ${String(weekday(soon, zone))}`,
        `${second} ${minute} ${hour} ${day} ${month},${String(((Number(month) + 5) % 12) + 1)} *`,
        `${second} ${minute} ${hour} ${day} ${month} *`,
      ].map(patternOf);
      for (const [j, pattern] of all.entries()) {
        const block = headers();
        block.set('Nats-Schedule', pattern);
        block.set('Nats-Schedule-Time-Zone', zone);
        block.set('Nats-Schedule-Target', `s.due.${i}-${j}`);
        wanted.set(`s.due.${i}-${j}`, { pattern, zone });
        await nc.request(`s.plan.${i}-${j}`, '', { headers: block, timeout: 5_000 });
      }
    }
    for (const [subject, { pattern, zone }] of wanted) {
      const next = await eventually(
        () => nextOf(nc, subject),
        (header) => header !== undefined,
      );
      const ours = timesOf({ kind: 'cron', pattern, timeZone: zone }, 0).next(soon.getTime());
      expect(new Date(next ?? 0).toISOString(), `${pattern} in ${zone}`).toBe(
        new Date(ours ?? 0).toISOString(),
      );
    }
    await nc.close();
  });
});

/** The next due time in the first message that a schedule has published; `undefined` if there is none yet. */
async function nextOf(nc: NatsConnection, subject: string): Promise<string | undefined> {
  const query = JSON.stringify({ seq: 1, next_by_subj: subject });
  const { message } = (await nc.request('$JS.API.STREAM.MSG.GET.S', query)).json<{
    message?: { hdrs: string };
  }>();
  const block = Buffer.from(message?.hdrs ?? '', 'base64').toString();
  return /^Nats-Schedule-Next: ?(.+)\r$/m.exec(block)?.[1];
}

/** Second, minute, hour, day and month that a wall clock shows. */
function wallClock(time: Date, timeZone: string): string[] {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type as string, value]));
  return ['second', 'minute', 'hour', 'day', 'month'].map((type) => String(Number(parts.get(type))));
}

function weekday(time: Date, timeZone: string): number {
  const name = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short' }).format(time);
  return ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'].indexOf(name);
}
