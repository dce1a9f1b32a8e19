import { Test } from '@nestjs/testing';
import { describe, expect, it, vi } from 'vitest';
import { NatsTestServer } from '../../lib/testing/index.js';
import * as before from '../../docs/snippets/coming-from-schedule-before.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

describe('both sides of "Coming from @nestjs/schedule"', () => {
  it('run the daily job by hand', async () => {
    const module = await Test.createTestingModule({ imports: [before.AppModule], providers: [before.Jobs] })
      .setLogger(new LogRecorder())
      .compile();
    const theirs = await module.init();
    const jobs = theirs.get(before.Jobs);
    await jobs.runNow();
    expect(jobs.ran).toEqual(['daily']);
    jobs.stop();
    await theirs.close();

    await using server = await NatsTestServer.start();
    vi.stubEnv('NATS_URL', server.url);
    const after = await import('../../docs/snippets/coming-from-schedule-after.js');
    const compiled = await Test.createTestingModule({ imports: [after.AppModule], providers: [after.Jobs] })
      .setLogger(new LogRecorder())
      .compile();
    const ours = await compiled.init();
    const schedules = ours.get(after.Jobs);
    await schedules.runNow();
    await eventually(
      () => schedules.ran,
      ({ length }) => length > 0,
    );
    expect(schedules.ran).toEqual(['daily']);
    await schedules.stop();
    await ours.close();
    vi.unstubAllEnvs();
  });
});
