import type { ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JetStreamModule, type MessageContract } from 'nestjs-nats-jetstream';
import {
  type AsyncApiDocument,
  type AsyncApiOptions,
  createAsyncApiDocument,
} from 'nestjs-nats-jetstream/asyncapi';
import { LogRecorder } from '../support/log-recorder.js';

export const INFO = { title: 'Shop', version: '1.2.3' };

/** Starts an application that opens no connection, and returns its document. */
export async function documentOf(
  metadata: ModuleMetadata,
  options: Partial<AsyncApiOptions> = {},
): Promise<{ readonly document: AsyncApiDocument; readonly logs: LogRecorder }> {
  const logs = new LogRecorder();
  const app = await Test.createTestingModule(metadata).setLogger(logs).compile();
  await app.init();
  try {
    return { document: await createAsyncApiDocument(app, { info: INFO, ...options }), logs };
  } finally {
    await app.close();
  }
}

/** The document of an application that publishes some messages. */
export function documentWith(
  messages: readonly MessageContract[],
  metadata: ModuleMetadata = {},
): Promise<{ readonly document: AsyncApiDocument; readonly logs: LogRecorder }> {
  return documentOf({
    ...metadata,
    imports: [
      JetStreamModule.forRoot({ connect: false }),
      JetStreamModule.forFeature({ messages }),
      ...(metadata.imports ?? []),
    ],
  });
}
