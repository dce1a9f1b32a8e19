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

/** Starts a process which starts two servers, pauses the second one, and then waits or ends. */
async function startProcess(then: 'wait' | 'end') {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, [fixture, then], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, exited, servers: JSON.parse(line) as StartedServer[] };
}

/** Whether the server's port accepts connections, which it also does for a paused server, but not for an ended one. */
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
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('end if it is killed by %s', async (signal) => {
    const { child, exited, servers } = await startProcess('wait');
    expect(await listening(servers)).toEqual([true, true]);
    child.kill(signal);
    expect(await exited).toEqual([null, signal]);
    await expectAllEnded(servers);
  });

  it('neither outlive it nor keep it running if it does not stop them', async () => {
    const { exited, servers } = await startProcess('end');
    expect(await exited).toEqual([0, null]);
    await expectAllEnded(servers);
  });

  it('leave no store behind if it is killed', async () => {
    const { child, exited, servers } = await startProcess('wait');
    const stores = () => servers.map(({ storeDir }) => existsSync(storeDir));
    expect(stores()).toEqual([true, true]);
    child.kill('SIGKILL');
    await exited;
    await vi.waitFor(() => expect(stores()).toEqual([false, false]), { timeout: 10_000, interval: 50 });
  });
});
