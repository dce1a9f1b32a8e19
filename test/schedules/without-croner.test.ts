import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { ModuleProcess } from '../consuming/idempotence/module-process.js';
import { BundledModule } from '../support/bundled-module.js';

it('without croner, only an application with a cron expression does not start', async () => {
  await using fixture = await BundledModule.of(new URL('./fixtures/without-croner.ts', import.meta.url));
  await using server = await NatsTestServer.start();
  await using child = new ModuleProcess(fixture.url, server.url);
  await child.printed('end');
  expect(child.lines).toEqual([
    expect.stringMatching(
      /^Reports: HandlerConfigurationError: .* Reports.daily: A schedule with a cron expression needs the package croner, which cannot be loaded\. Install it, or use a schedule with every or at\.$/,
    ),
    'Polls: started',
    'end',
  ]);
});
