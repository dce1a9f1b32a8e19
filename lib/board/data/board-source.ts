import type { DiscoveryService } from '@nestjs/core';
import type { CodecSelector } from '../../codecs/index.js';
import type { DeadLetters, Handlers, JetStreamEvents } from '../../consuming/index.js';
import type { JetStreamInstances } from '../../discovery/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import type { KeyValueService } from '../../key-value/index.js';
import type { ObjectStoreService } from '../../object-store/index.js';
import type { Schedules } from '../../schedules/index.js';

/** Gives the data of the board access to the application. */
export interface BoardSource {
  /** The connections that are open. */
  readonly connections: readonly JetStreamService[];
  readonly handlers: Handlers | undefined;
  readonly schedules: Schedules | undefined;
  readonly events: JetStreamEvents | undefined;
  /** The service that this application is; `undefined` without the option `discovery`. */
  readonly service: { readonly name: string; readonly id: string } | undefined;
  /** Finds the decorated handlers, and the messages that they publish. */
  readonly discovery: DiscoveryService | undefined;
  /** Selects the codecs of the messages of a stream. */
  codecsOf(connection: string, stream: string): CodecSelector;
  deadLetters(connection: string): DeadLetters;
  keyValue(connection: string): KeyValueService;
  objectStore(connection: string): ObjectStoreService;
  instances(connection: string): JetStreamInstances;
}
