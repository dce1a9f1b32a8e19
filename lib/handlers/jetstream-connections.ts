import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { JetStreamService } from '../jetstream/index.js';
import { HandlerConnection } from './handler-connection.js';

/** The connections of an application, in the order of their modules. */
@Injectable()
export class JetStreamConnections {
  constructor(@Inject(DiscoveryService) private readonly discovery: DiscoveryService) {}

  /**
   * The services of all connections that are open, or were open until the application was closed; with `connect: 'lazy'`,
   * also those that are not open yet.
   */
  list(): readonly JetStreamService[] {
    return this.all().map(({ injected }) => injected);
  }

  /** @internal The connections with all of their services. */
  all(): readonly HandlerConnection[] {
    const instances = this.discovery.getProviders().map((wrapper): unknown => wrapper.instance);
    return [...new Set(instances.filter((instance) => instance instanceof HandlerConnection))];
  }

  /** The service of a connection; `undefined` if there is none of this name. */
  get(name: string): JetStreamService | undefined {
    return this.list().find(({ connection }) => connection.name === name);
  }
}
