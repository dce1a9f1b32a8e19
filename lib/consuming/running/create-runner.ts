import { keyOf, type RunningPlan } from '../planning/index.js';
import { InOrderBacklog } from './backlog.js';
import type { OnCircuit } from './consumer-handler.js';
import { ConsumerRunner } from './consumer-runner.js';
import type { MessageRunner } from './message-runner.js';
import { KeyedBacklog } from './keyed-backlog.js';
import { MessageKeys } from './message-keys.js';
import type { MessageHandling } from './slot.js';
import { CircuitBreakerGate, RateLimitGate, type StartGate } from './start-gate.js';

/** Creates the runner that handles messages one by one, according to a handler's options. */
export function createRunner(
  { options, running }: Pick<RunningPlan, 'options' | 'running'>,
  handling: MessageHandling,
  onCircuit: OnCircuit,
): MessageRunner {
  const { orderBy } = options;
  const keys = orderBy === undefined ? undefined : new MessageKeys(keyOf(orderBy));
  const backlog = keys ? new KeyedBacklog(keys) : new InOrderBacklog();
  const gates: StartGate[] = [];
  const runner = new ConsumerRunner({ ...handling, keys }, running, backlog, gates);
  const wake = (): void => runner.wake();
  if (options.rateLimit) gates.push(new RateLimitGate(options.rateLimit, wake));
  if (options.circuitBreaker) {
    gates.push(
      new CircuitBreakerGate(options.circuitBreaker, {
        onOpen: (reason) => onCircuit(true, reason),
        onTry: wake,
        onClose: () => {
          onCircuit(false);
          wake();
        },
      }),
    );
  }
  return runner;
}
