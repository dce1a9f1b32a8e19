import { comparePulling, MAX_MESSAGES } from '../pulling.js';
import type { BenchValue, Suite } from '../suite.js';

/** Batches of 500, one after the other, each message parsed and acknowledged, against the raw client's `fetch`. */
const suite: Suite = {
  unit: 'messages',
  operations: 150_000,
  open: (bench) =>
    comparePulling(bench, {
      ours: async (consumer, messages) => {
        for (let left = messages; left > 0;) {
          for await (const message of consumer.fetch(Math.min(left, MAX_MESSAGES))) {
            if (message.json<BenchValue>().id > 0) left--;
            message.ack();
          }
        }
      },
      raw: async (consumer, messages) => {
        for (let left = messages; left > 0;) {
          for await (const message of await consumer.fetch({ max_messages: Math.min(left, MAX_MESSAGES) })) {
            if (message.json<BenchValue>().id > 0) left--;
            message.ack();
          }
        }
      },
    }),
};

export default suite;
