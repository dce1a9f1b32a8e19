import { NestFactory } from '@nestjs/core';
import {
  defineMessage,
  getPublisherToken,
  JetStreamModule,
  type JetStreamService,
  type MessagePublisher,
} from 'nestjs-nats-jetstream';
import { comparePublishing, Subject } from '../publishing.js';
import type { Suite } from '../suite.js';

const Order = defineMessage({ subject: Subject.ours });

/** The publisher of a message, on the connection of the service. */
async function publisherOf({ connection }: JetStreamService): Promise<MessagePublisher<typeof Order>> {
  const app = await NestFactory.createApplicationContext(
    {
      module: JetStreamModule,
      imports: [
        JetStreamModule.forRoot({ connection: connection.nc }),
        JetStreamModule.forFeature({ messages: [Order] }),
      ],
    },
    { logger: ['warn', 'error'], abortOnError: false },
  );
  return app.get<MessagePublisher<typeof Order>>(getPublisherToken(Order));
}

/** The same as `publish`, with a message contract that does not validate. */
const suite: Suite = {
  unit: 'messages',
  operations: 20_000,
  open: (bench) => {
    let opening: Promise<MessagePublisher<typeof Order>> | undefined;
    return comparePublishing(bench, {
      ours: async (jetstream, messages) => {
        // Opened in the warm-up round, when the stream exists.
        const publisher = await (opening ??= publisherOf(jetstream));
        for (let i = 0; i < messages; i++) await publisher.publish({}, bench.payload);
      },
      raw: async (jetstream, messages) => {
        for (let i = 0; i < messages; i++) await jetstream.publish(Subject.raw, bench.payload);
      },
    });
  },
};

export default suite;
