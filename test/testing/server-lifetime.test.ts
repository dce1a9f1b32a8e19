import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { describe, expect, it, vi } from 'vitest';

const fixture = fileURLToPath(new URL('./fixtures/start-servers.mjs', import.meta.url));

interface StartedServer {
  readonly port: number;
  readonly storeDir: string;
}

/** Starts a process which starts two servers, pauses the second, and then waits or comes to its end. */
async function startProcess(then: 'wait' | 'end') {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, [fixture, then], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, exited, servers: JSON.parse(line) as StartedServer[] };
}

/** Whether anybody listens on the server's port: the system does so for a paused one, but not for one that ended. */
async function isListening({ port }: StartedServer): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return once(socket, 'connect').then(
    () => socket.destroy().destroyed,
    () => false,
  );
}

async function listening(servers: readonly StartedServer[]): Promise<boolean[]> {
  return Promise.all(servers.map(isListening));
}

async function expectAllEnded(servers: readonly StartedServer[]): Promise<void> {
  const poll = { timeout: 5_000, interval: 10 };
  await vi.waitFor(async () => expect(await listening(servers)).toEqual([false, false]), poll);
}

describe('The servers of a process', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('end when it dies by %s', async (signal) => {
    const { child, exited, servers } = await startProcess('wait');
    expect(await listening(servers)).toEqual([true, true]);
    child.kill(signal);
    expect(await exited).toEqual([null, signal]);
    await expectAllEnded(servers);
  });

  it('neither outlive it nor keep it from ending when it forgot to stop them', async () => {
    const { exited, servers } = await startProcess('end');
    expect(await exited).toEqual([0, null]);
    await expectAllEnded(servers);
  });

  it('leave no store behind when it is killed', async () => {
    const { child, exited, servers } = await startProcess('wait');
    const stores = () => servers.map(({ storeDir }) => existsSync(storeDir));
    expect(stores()).toEqual([true, true]);
    child.kill('SIGKILL');
    await exited;
    await vi.waitFor(() => expect(stores()).toEqual([false, false]), { timeout: 10_000, interval: 50 });
  });
});
