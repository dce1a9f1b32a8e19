import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import { type CodecSelector, createCodecSelector, jsonCodec } from '../../codecs/index.js';
import type { DeadLetters, Handlers, JetStreamEvents } from '../../consuming/index.js';
import type { JetStreamInstances } from '../../discovery/index.js';
import type { JetStreamConnections } from '../../handlers/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import type { KeyValueService } from '../../key-value/index.js';
import {
  getDeadLettersToken,
  getJetStreamInstancesToken,
  getKeyValueServiceToken,
  getObjectStoreServiceToken,
  type Token,
} from '../../module/index.js';
import type { ObjectStoreService } from '../../object-store/index.js';
import type { Schedules } from '../../schedules/index.js';
import type { BoardSource } from '../data/index.js';

/** The services of the application that imports the board. Those of its connections are found when they are needed. */
export class ApplicationSource implements BoardSource {
  constructor(
    private readonly moduleRef: ModuleRef,
    readonly discovery: DiscoveryService,
    private readonly known: JetStreamConnections,
    readonly handlers: Handlers,
    readonly schedules: Schedules,
    readonly events: JetStreamEvents,
  ) {}

  get connections(): readonly JetStreamService[] {
    return this.known.list().filter(({ connection }) => connection.isOpen);
  }

  get service(): { readonly name: string; readonly id: string } | undefined {
    return this.connections
      .map(({ connection }) => this.instances(connection.name).service)
      .find((service) => service !== undefined);
  }

  codecsOf(connection: string, stream: string): CodecSelector {
    const found = this.known.all().find(({ jetstream }) => jetstream.connection.name === connection);
    return found?.codecsOfStream(stream) ?? createCodecSelector([], jsonCodec);
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

  private get<Service>(token: Token): Service {
    return this.moduleRef.get<unknown, Service>(token, { strict: false });
  }
}
