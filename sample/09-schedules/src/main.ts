import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { Schedules } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { handled } from './jobs.js';

/** Waits until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(10);
}

const ticks = (): number[] => handled.filter(({ job }) => job === 'tick').map(({ due }) => due);

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const url = process.env.NATS_URL ?? server?.url ?? '';

// Two instances of one application.
const [one, two] = await Promise.all([
  NestFactory.createApplicationContext(AppModule.on(url, 'one')),
  NestFactory.createApplicationContext(AppModule.on(url, 'two')),
]);

await until(() => ticks().length >= 4);
const due = ticks();
console.log(`tick: ${due.length} due times, ${new Set(due).size} of them different`);

// An instance that ends leaves its schedules to the others.
await one.close();
const before = ticks().length;
await until(() => ticks().length >= before + 3);
const all = [...new Set(ticks())].toSorted((a, b) => a - b);
const gaps = all.slice(1).filter((second, i) => second - (all[i] ?? 0) !== 1);
console.log(`tick: ${gaps.length} due times missed after an instance has ended`);

const schedules = two.get(Schedules);
await schedules.pause('Jobs.tick');
const paused = ticks().length;
await delay(2_500);
console.log(`tick: ${ticks().length - paused} runs while it was paused`);

await schedules.runNow('report');
await until(() => handled.some(({ job }) => job === 'report'));
await delay(100);

for (const { name, cron, timeZone, paused: isPaused, nextDueTime, lastRun } of await schedules.list()) {
  const next = isPaused ? 'paused' : `next run on ${nextDueTime?.toISOString() ?? 'no day'}`;
  console.log(
    `${name}: ${cron ?? ''} in ${timeZone ?? ''}, ${next}, last run ${lastRun?.outcome ?? 'never'}`,
  );
}

await two.close();
await server?.stop();
