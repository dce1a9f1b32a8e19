import { vi } from 'vitest';

/**
 * `TEST_WIRE=client npm test` runs the tests over the client's own links instead of those of this library: everywhere, as
 * `wire: 'client'` does it for one connection.
 */
if (process.env.TEST_WIRE === 'client') {
  vi.doMock('../../lib/connection/wire/connect.js', async () => {
    const client = await import('@nats-io/transport-node');
    const connect: typeof client.connect = (options) => client.connect({ ...options, debug: false });
    return { connect };
  });
}
