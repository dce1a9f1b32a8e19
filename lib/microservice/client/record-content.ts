import { NatsRecord } from '@nestjs/microservices';
import type { PublishOptions } from '../../jetstream/index.js';
import { isInstance } from '../../reporting/index.js';
import type { JetStreamRecordOptions } from './jetstream-record-options.interface.js';
import { JetStreamRecord } from './jetstream-record.js';

/** The data to send, with its options. */
export interface RecordContent {
  readonly data: unknown;
  readonly options: JetStreamRecordOptions;
}

/** The options of data without a record. */
export const NO_OPTIONS: JetStreamRecordOptions = {};

/** The content of a record, or the data alone. Nest's own records are accepted too, for migration. */
export function contentOf(data: unknown): RecordContent {
  if (isInstance(data, JetStreamRecord)) return data;
  if (isInstance(data, NatsRecord)) return { data: data.data, options: { headers: data.headers } };
  return { data, options: NO_OPTIONS };
}

/** The options of a record for publishing to a stream. */
export function publishOptionsOf({ mode: _, ...options }: JetStreamRecordOptions): PublishOptions {
  return options;
}
