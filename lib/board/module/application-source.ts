import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import { type DeadLetters, Handlers, JetStreamEvents } from '../../consuming/index.js';
import type { JetStreamInstances } from '../../discovery/index.js';
import { JetStreamConnections } from '../../handlers/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import type { KeyValueService } from '../../key-value/index.js';
import {
  getDeadLettersToken,
  getJetStreamInstancesToken,
  getKeyValueServiceToken,
  getObjectStoreServiceToken,
} from '../../module/index.js';
import type { ObjectStoreService } from '../../object-store/index.js';
import { Schedules } from '../../schedules/index.js';
import type { BoardSource } from '../data/index.js';

/** The services of the application that imports the board. */
export class ApplicationSource implements BoardSource {
  readonly handlers: Handlers;
  readonly schedules: Schedules;
  readonly events: JetStreamEvents;
  private readonly opened: JetStreamConnections;

  constructor(
    private readonly moduleRef: ModuleRef,
    readonly discovery: DiscoveryService,
  ) {
    this.handlers = this.get(Handlers);
    this.schedules = this.get(Schedules);
    this.events = this.get(JetStreamEvents);
    this.opened = this.get(JetStreamConnections);
  }

  get connections(): readonly JetStreamService[] {
    return this.opened.list().filter(({ connection }) => connection.isOpen);
  }

  get service(): { readonly name: string; readonly id: string } | undefined {
    return this.connections
      .map(({ connection }) => this.instances(connection.name).service)
      .find((service) => service !== undefined);
  }

  deadLetters(connection: string): DeadLetters {
    return this.get<DeadLetters>(getDeadLettersToken(connection));
  }

  keyValue(connection: string): KeyValueService {
    return this.get<KeyValueService>(getKeyValueServiceToken(connection));
  }

  objectStore(connection: string): ObjectStoreService {
    return this.get<ObjectStoreService>(getObjectStoreServiceToken(connection));
  }

  instances(connection: string): JetStreamInstances {
    return this.get<JetStreamInstances>(getJetStreamInstancesToken(connection));
  }

  private get<Service>(
    token: string | (abstract new (...args: never[]) => unknown) | (new (...args: never[]) => Service),
  ): Service {
    return this.moduleRef.get<unknown, Service>(token as string, { strict: false });
  }
}
