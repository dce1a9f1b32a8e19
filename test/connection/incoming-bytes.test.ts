import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { takeIncomingBytes } from '../../lib/connection/wire/incoming-bytes.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** Both ends of a link. */
async function link(): Promise<[near: Socket, far: Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = await accepted;
  near.on('error', () => {});
  far.on('error', () => {});
  closing.push(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

const eventually = (assertion: () => void): Promise<void> =>
  vi.waitFor(assertion, { timeout: 5_000, interval: 5 });

it('come behind what lies in the stream already, and before its end', async () => {
  const [near, far] = await link();
  near.pause();
  near.read(0);
  far.write('one ');
  await eventually(() => expect(near.readableLength).toBe(4));
  let taken = '';
  takeIncomingBytes(near, (chunk) => (taken += Buffer.from(chunk).toString()));
  far.write('two ');
  near.resume();
  await eventually(() => expect(taken).toBe('one two '));
  far.write('three');
  far.end();
  await once(near, 'close');
  expect(taken).toBe('one two three');
});

it('come before the end of the stream', async () => {
  const [near, far] = await link();
  near.on('data', () => {});
  let taken = '';
  takeIncomingBytes(near, (chunk) => (taken += Buffer.from(chunk).toString()));
  far.end('the last words');
  await once(near, 'close');
  expect(taken).toBe('the last words');
});

it('are taken without the way through the stream', async () => {
  const [near, far] = await link();
  near.on('data', () => {});
  const sizes: number[] = [];
  takeIncomingBytes(near, (chunk) => sizes.push(chunk.length));
  const emit = vi.spyOn(near, 'emit');
  far.write(Buffer.alloc(3_000_000));
  await eventually(() => expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3_000_000));
  expect(emit).not.toHaveBeenCalledWith('data', expect.anything());
});
