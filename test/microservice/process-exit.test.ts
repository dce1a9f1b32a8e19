import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModuleProcess } from '../consuming/idempotence/module-process.js';
import { BundledModule } from '../support/bundled-module.js';
import { SHUTDOWN_TIMEOUT } from './fixtures/closing-applications.js';

/** How long a client waits for a server to confirm what it sent, in milliseconds. */
const CLIENT_TIMEOUT = 2_000;
/** Long enough for a loaded machine. */
const MORE = 2_000;

let applications: BundledModule;

beforeAll(async () => {
  applications = await BundledModule.of(new URL('./fixtures/closing-applications.ts', import.meta.url));
});
afterAll(() => applications[Symbol.asyncDispose]());

const KINDS = ['module', 'microservice', 'client', 'hybrid'];
const ON_SHARED_CONNECTIONS = [
  'module on a connection that its owner closes',
  'microservice on a connection that its owner closes',
];

/** The states of the server and the handlers of an application when it closes. */
const states: [state: string, kinds: string[], change: (server: NatsTestServer) => unknown][] = [
  ['idle', [...KINDS, ...ON_SHARED_CONNECTIONS], () => undefined],
  ['with handlers that never end', KINDS, () => undefined],
  ['whose server hangs', KINDS, (server) => server.pause()],
  ['whose server is down', KINDS, (server) => server.stop()],
];

describe.each(states)('the process of an application %s', (state, kinds, change) => {
  const running = new Map<string, { readonly server: NatsTestServer; readonly child: ModuleProcess }>();

  /** All applications start and close at the same time, each with its own server. */
  beforeAll(async () => {
    for (const kind of kinds) {
      const server = await NatsTestServer.start();
      running.set(kind, { server, child: new ModuleProcess(applications.url, kind, server.url, state) });
    }
    const all = [...running.values()];
    await Promise.all(all.map(({ child }) => child.printed('started')));
    await Promise.all(all.map(({ server }) => change(server)));
    await Promise.all(
      all.map(async ({ child }) => {
        child.send('SIGWINCH');
        await child.ended(15_000);
      }),
    );
  });
  afterAll(async () => {
    for (const { server, child } of running.values()) {
      await child.kill();
      await server.stop();
    }
  });

  it.each(kinds)('exits by itself after close(): %s', (kind) => {
    const [started, closed, ...rest] = running.get(kind)?.child.lines ?? [];
    expect([started, ...rest]).toEqual(['started', 'exits with 0']);
    const took = Number(/^closed after (\d+)$/.exec(closed)?.[1]);
    const documented = kind === 'client' ? CLIENT_TIMEOUT : SHUTDOWN_TIMEOUT;
    expect(took).toBeLessThan((state === 'idle' ? 0 : documented) + MORE);
  });
});

describe('the process of an application that fails to start', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it.concurrent.each([
    ['module that does not boot', 'HandlerConfigurationError'],
    ['hybrid application that does not boot', 'HandlerConfigurationError'],
    ['microservice that does not listen', 'HandlerConfigurationError'],
    ['client without a server', 'ConnectionFailedError'],
  ])('exits by itself: %s', async (kind, error) => {
    await using child = new ModuleProcess(applications.url, kind, server.url, 'idle');
    await child.ended(25_000);
    expect(child.lines).toEqual([`failed: ${error}`, 'exits with 0']);
  });
});
