import type { NatsConnection } from '@nats-io/transport-node';

/** A connection whose client the direct wire does not know, so that its public methods are used. */
export function unknownClient(nc: NatsConnection): NatsConnection {
  return new Proxy(nc, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (name === 'protocol') return undefined;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
