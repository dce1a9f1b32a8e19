import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { repository } from './packed-package.js';

/** A process of an application that serves its AsyncAPI page. */
export interface PageProcess extends AsyncDisposable {
  /** The address of the application on each HTTP platform. */
  readonly addresses: Readonly<Record<'express' | 'fastify', string>>;
}

/** Copies the viewer of this repository into an application. Installed as a package it would bring 200 others. */
export async function copyViewer(folder: string): Promise<void> {
  const viewer = 'node_modules/@asyncapi/react-component';
  for (const part of ['package.json', 'browser/standalone', 'styles'])
    await cp(join(repository, viewer, part), join(folder, viewer, part), { recursive: true });
}

/** Starts the built page of an application; it ends when its input ends. */
export async function startPage(folder: string): Promise<PageProcess> {
  const child = spawn(process.execPath, ['dist/page.js'], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith('{')) continue;
    return {
      addresses: JSON.parse(line) as PageProcess['addresses'],
      [Symbol.asyncDispose]: async () => {
        child.stdin.end();
        child.stdout.resume();
        await ended;
      },
    };
  }
  throw new Error(`The page of ${folder} ended before it was served.`);
}
