import { channel, subscribe } from 'node:diagnostics_channel';

/** A message on the channel of a name: the code that holds the value adds it. */
interface Question {
  value?: unknown;
}

/**
 * A value that exists once in this process. A module is not sufficient for it: Jest loads all modules again for each test
 * file, in the same process. The channels of Node are shared by all of them.
 *
 * The value must be plain data: the code that created it belongs to a test file that may have ended.
 */
export function processWide<Value extends object>(name: string, create: () => Value): Value {
  const shared = channel(`nestjs-nats-jetstream:${name}`);
  const question: Question = {};
  shared.publish(question);
  if (question.value !== undefined) return question.value as Value;
  const value = create();
  // A subscription keeps the channel; it is never ended.
  subscribe(shared.name, (message) => {
    (message as Question).value = value;
  });
  return value;
}
