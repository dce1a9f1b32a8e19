import { expect, it } from 'vitest';
import { Listeners } from './listeners.js';

it('finds listeners that are left on a signal and on the process, and warnings about too many', async () => {
  const listeners = new Listeners();
  const listen = (): void => undefined;
  process.on('SIGUSR2', listen);
  for (let i = 0; i < 12; i++) listeners.signal.addEventListener('abort', () => undefined);
  // Warnings are emitted in the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  expect(listeners.left()).toEqual([
    expect.stringContaining('11 abort listeners'),
    '12 listeners of a signal are left',
    '1 listeners of "SIGUSR2" are left on the process',
  ]);
  process.off('SIGUSR2', listen);
});

it('finds nothing if all listeners were removed', () => {
  const listeners = new Listeners();
  const listen = (): void => undefined;
  process.on('SIGUSR2', listen);
  listeners.signal.addEventListener('abort', listen);
  process.off('SIGUSR2', listen);
  listeners.signal.removeEventListener('abort', listen);
  expect(listeners.left()).toEqual([]);
});
