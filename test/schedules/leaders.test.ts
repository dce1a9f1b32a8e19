import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamService, KeyValueService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { DeclaredResources } from '../../lib/jetstream/index.js';
import { Attendance } from '../../lib/schedules/engine/attendance.js';
import { ScheduleDriver } from '../../lib/schedules/engine/schedule-driver.js';
import { prepareTimes } from '../../lib/schedules/expression/index.js';
import { openScheduleStore, readSchedule, SCHEDULE_HEADERS } from '../../lib/schedules/storage/index.js';
import { startApplication } from '../support/application.js';
import { steps } from './support.js';

// Only the election keeps two instances from leading at once. It is left out here.
it('two leaders at once store each due time once, and a later one continues after the last stored one', async () => {
  await using server = await NatsTestServer.start({ version: '2.10' });
  await using application = await startApplication(server.url, {});
  const jetstream = application.app.get(JetStreamService);
  const store = await openScheduleStore(
    {
      name: 'default',
      jetstream,
      keyValue: application.app.get(KeyValueService),
      provisioning: 'ensure',
      declared: new DeclaredResources(jetstream),
    },
    { name: 'SCHEDULES', storage: 'memory' },
  );
  const timing = { kind: 'cron', pattern: '* * * * * *', timeZone: 'UTC' } as const;
  const stored = {
    name: 'each',
    owner: 'default',
    handler: 'Jobs.each',
    timing,
    text: '* * * * * *',
    since: Date.now(),
  };
  const record = readSchedule(stored);
  if (record === undefined) throw new Error('the record is not valid');
  const timesOf = await prepareTimes([timing]);
  const attendance = new Attendance(store, 'default', () => ['each']);
  await attendance.begin();
  try {
    const lead = async (time: number): Promise<void> => {
      const deposed = new AbortController();
      const driver = new ScheduleDriver(record, 'leader', store, attendance, timesOf);
      const running = driver.run(deposed.signal);
      await sleep(time);
      deposed.abort();
      await running;
    };
    await Promise.all([lead(4_500), lead(4_500), lead(4_500)]);
    // No instance leads for a while, but one is connected.
    await sleep(3_000);
    await Promise.all([lead(2_500), lead(2_500)]);
  } finally {
    attendance.stop();
  }
  const stream = await store.stream();
  const { lastSequence } = (await stream.info()).state;
  const due: number[] = [];
  for (let sequence = 1; sequence <= lastSequence; sequence++) {
    const { headers } = await stream.getMessage(sequence);
    due.push(Date.parse(headers?.get(SCHEDULE_HEADERS.dueTime) ?? '') / 1_000);
  }
  expect(due.length).toBeGreaterThanOrEqual(9);
  expect(steps(due)).toEqual(due.slice(1).map(() => 1));
});
