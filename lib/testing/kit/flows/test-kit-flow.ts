import { errorText } from '../../../reporting/index.js';
import { TestKitHandlerError, TestKitTimeoutError } from '../errors.js';
import type { TestFlow } from '../flow.js';
import { checkSettledOptions, type SettledOptions } from '../kit-options.js';
import {
  type FlowTracker,
  type Pending,
  type RunningFlow,
  Wait,
  warnOfFakeTimers,
} from '../tracking/index.js';
import { pendingText, soFar } from '../waiting/index.js';

/** The outcomes of failures whose error has reached a caller, or that are followed by another delivery. */
const CURED: ReadonlySet<string> = new Set(['retried', 'released', 'lost', 'failed']);

/** A message or an action of a test, and all that it causes. */
export class TestKitFlow<Result = unknown> {
  private failure: { readonly error: unknown } | undefined;

  /** @internal Created by `JetStreamTestKit`. */
  constructor(
    private readonly name: string,
    private readonly flow: RunningFlow,
    /** The result of the publish, or of the action. */
    readonly result: Promise<Result>,
    private readonly timeout: number,
    private readonly tracker: FlowTracker,
  ) {
    const action: Pending = {
      describe: () => ({
        subject: name,
        state: 'publishing',
        deliveryCount: 0,
        text: `${name} has not ended`,
      }),
    };
    flow.begin(action);
    result
      .catch((error: unknown) => {
        this.failure = { error };
        tracker.failures.push({ name, error });
      })
      .finally(() => flow.end(action))
      // The callback cannot fail.
      .catch(() => undefined);
  }

  /** The flow so far. */
  get current(): TestFlow {
    return this.flow.snapshot();
  }

  /**
   * Waits until the whole cascade has ended: each message is settled for good by all handlers that receive it, and so are all
   * messages that these handlers have published, and the changes of keys and objects for their watches. A message that is
   * retried is waited for. Messages that no handler of the application receives are not.
   *
   * @throws {@link TestKitTimeoutError} if it takes longer; its message lists what is pending
   * @throws the error of a handler that no later attempt has cured, with the property `flow`, unless `errors` is `return`
   * @throws the error of the publish, or of the action
   */
  async settled(options: SettledOptions = {}): Promise<TestFlow> {
    const { timeout = this.timeout, errors = 'throw' } = checkSettledOptions(options);
    warnOfFakeTimers(this.tracker.logger);
    await this.wait(timeout);
    const flow = this.flow.snapshot();
    if (this.failure !== undefined) throw withFlow(this.failure.error, flow, this.name);
    const failed = flow.handled.find((each) => each.failed && !CURED.has(each.outcome));
    if (failed !== undefined && errors === 'throw') throw withFlow(failed.error, flow, failed.handler);
    return flow;
  }

  private wait(timeout: number): Promise<void> {
    const { flow } = this;
    if (flow.isSettled) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const wait = new Wait(this.tracker.waits, reject, () => `${this.name} did not settle. ${this.state()}`);
      wait.after(timeout, () => wait.end(() => reject(this.timedOut(timeout))));
      wait.cancelAtEnd(flow.whenSettled(() => wait.end(resolve)));
    });
  }

  private get pending(): readonly ReturnType<Pending['describe']>[] {
    return this.flow.work.map((each) => each.describe());
  }

  private state(): string {
    return `${pendingText(this.pending)}\n${soFar(this.flow)}`;
  }

  private timedOut(timeout: number): TestKitTimeoutError {
    const { flow } = this;
    const last = flow.handled.findLast(({ failed }) => failed)?.error;
    return new TestKitTimeoutError(
      `${this.name} did not settle within ${timeout} ms. ${this.state()}`,
      this.pending,
      flow.snapshot(),
      last === undefined ? {} : { cause: last },
    );
  }
}

/** The flow of an error with which {@link TestKitFlow.settled} has rejected. */
function withFlow(error: unknown, flow: TestFlow, name: string): unknown {
  try {
    const property = { value: flow, configurable: true, enumerable: false };
    if (Reflect.defineProperty(error as object, 'flow', property)) return error;
  } catch {
    // It is not an object, or a proxy that refuses it.
  }
  return new TestKitHandlerError(`${name} failed with: ${errorText(error)}`, flow, { cause: error });
}
