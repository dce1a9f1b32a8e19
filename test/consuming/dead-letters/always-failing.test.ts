import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { startFailing } from './failing-application.js';

describe('a handler that always throws', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it('causes no hot loop, and does not block the rest of the stream', async () => {
    const handled: number[] = [];
    let fixed = false;
    await using application = await startFailing(server.url, {
      stream: { name: 'TASKS', subjects: ['tasks'] },
      handle: ({ id }) => {
        if (id === 0 && !fixed) throw new Error('always');
        handled.push(id);
      },
      // The default 5 deliveries, with shorter delays.
      options: { retry: { backoff: [100, 400, 1_000] } },
    });
    const published = performance.now();
    await application.publish('tasks', { id: 0 });
    for (let id = 1; id <= 100; id++) await application.publish('tasks', { id });
    await eventually(
      () => handled.length,
      (n) => n === 100,
    );

    const cpu = process.cpuUsage();
    const began = performance.now();
    const { letters } = await eventually(
      async () => {
        // At long intervals, because the CPU time of the handler is measured, not that of polling.
        await new Promise((resolve) => setTimeout(resolve, 250));
        return application.deadLetters.page();
      },
      (page) => page.letters.length > 0,
    );
    const elapsed = performance.now() - began;
    // A hot loop would use a whole core. The test measures its own polling and the work of a loaded machine too.
    const { user, system } = process.cpuUsage(cpu);
    expect(performance.now() - published).toBeGreaterThan(1_500);
    expect((user + system) / 1_000 / elapsed).toBeLessThan(0.25);

    expect(letters[0]).toMatchObject({
      handler: 'Tasks.onTask',
      deliveries: 5,
      reason: 'deliveries used up',
      error: 'Error: always',
    });
    fixed = true;
    await application.deadLetters.replay(letters[0]);
    await application.settled();
    expect(handled.at(-1)).toBe(0);
    expect((await application.deadLetters.page()).letters).toEqual([]);
  });
});
