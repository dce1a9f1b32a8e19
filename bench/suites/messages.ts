import { comparePulling, MAX_MESSAGES } from '../pulling.js';
import type { BenchValue, Suite } from '../suite.js';

/** `for await` over messages, each parsed and acknowledged, against the raw client's iterator. */
const suite: Suite = {
  unit: 'messages',
  operations: 150_000,
  open: (bench) =>
    comparePulling(bench, {
      ours: async (consumer, messages) => {
        let left = messages;
        for await (const message of consumer.messages({ maxMessages: MAX_MESSAGES })) {
          if (message.json<BenchValue>().id > 0) left--;
          message.ack();
          if (left === 0) break;
        }
      },
      raw: async (consumer, messages) => {
        let left = messages;
        for await (const message of await consumer.consume({ max_messages: MAX_MESSAGES })) {
          if (message.json<BenchValue>().id > 0) left--;
          message.ack();
          if (left === 0) break;
        }
      },
    }),
};

export default suite;
