import type { Consumption, JetStreamMessage, ConsumeCallback } from 'nestjs-nats-jetstream';
import { eventually } from '../../../support/eventually.js';
import type { Bench, Misuse, ServiceHook } from './bench.js';

type OnError = (error: Error) => unknown;
type Consume = (handler: ConsumeCallback, onError?: OnError) => Consumption;
/** Creates a consumer for the messages of a misuse. */
type Form = (bench: Bench, misuse: Misuse) => Promise<Consume>;

const FORMS: Readonly<Record<string, Form>> = {
  pull: async ({ jetstream }, { id }) => {
    const consumer = await jetstream.createConsumer('PLAIN', { name: id, filterSubjects: [`plain.${id}`] });
    return (handler, onError) => consumer.consume(handler, { onError });
  },
  push: async ({ jetstream }, { id }) => {
    const config = { name: id, deliverSubject: `deliver.${id}`, filterSubjects: [`plain.${id}`] };
    const consumer = await jetstream.createPushConsumer('PLAIN', config);
    return (handler, onError) => consumer.consume(handler, { onError });
  },
  ordered: async ({ jetstream }, { id }) => {
    const consumer = await jetstream.orderedConsumer('PLAIN', { filterSubjects: [`plain.${id}`] });
    return (handler, onError) => consumer.consume(handler, { onError });
  },
};

/** Two messages for which a function misbehaves, and a valid one. */
async function publishThree({ jetstream }: Bench, { id }: Misuse): Promise<void> {
  for (const data of ['bad', 'bad', 'good']) await jetstream.publish(`plain.${id}`, data);
}

const acknowledge = (message: JetStreamMessage): void => {
  if (message.metadata.consumer.startsWith('m')) message.ack();
};

const hooks = Object.entries(FORMS).flatMap(([form, open]): ServiceHook[] => [
  {
    name: `consume() of a ${form} consumer, its handler`,
    async use(bench, misuse) {
      await publishThree(bench, misuse);
      const consume = await open(bench, misuse);
      const errors: Error[] = [];
      let good = 0;
      const consumption = consume(
        (message) => {
          acknowledge(message);
          if (message.text() === 'bad') return misuse.act();
          good++;
        },
        (error) => errors.push(error),
      );
      // A handler that never settles blocks later messages, by design; the consumption can be stopped.
      if (misuse.behavior !== 'never settles')
        await eventually(
          () => good,
          (count) => count === 1,
        );
      await consumption.stop();
      return { error: errors[0] };
    },
  },
  {
    name: `consume() of a ${form} consumer, its onError`,
    logged: () => ['onError', 'PLAIN'],
    async use(bench, misuse) {
      await publishThree(bench, misuse);
      const consume = await open(bench, misuse);
      let good = 0;
      await using _ = consume((message) => {
        acknowledge(message);
        if (message.text() === 'bad') throw new Error('for onError');
        good++;
      }, misuse.act);
      await eventually(
        () => good,
        (count) => count === 1,
      );
      return undefined;
    },
  },
]);

export const receivingHooks: readonly ServiceHook[] = [
  ...hooks,
  {
    name: 'messages(), its onError',
    logged: ({ id }) => ['onError', 'PLAIN', id],
    async use({ jetstream }, { id, act }) {
      const consumer = await jetstream.createConsumer('PLAIN', { name: id, filterSubjects: [`plain.${id}`] });
      const messages = consumer.messages({ onError: act });
      await jetstream.publish(`plain.${id}`, 'good');
      (await messages.next()).ack();
      await jetstream.deleteConsumer('PLAIN', id);
      await messages.closed;
      return undefined;
    },
  },
];
