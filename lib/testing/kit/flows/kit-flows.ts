import type { MessageContract } from '../../../contracts/index.js';
import type { HandlerConnection } from '../../../handlers/index.js';
import { type FlowTracker, warnOfFakeTimers } from '../tracking/index.js';
import { publicationOf } from './publication.js';
import { TestKitFlow } from './test-kit-flow.js';

/** The messages and actions of a test that a kit follows. */
export class KitFlows {
  constructor(
    private readonly tracker: FlowTracker,
    /** How long a flow is waited for, in milliseconds. */
    private readonly timeout: number,
    /** Returns the connections of the applications. */
    private readonly connections: () => readonly HandlerConnection[],
  ) {}

  /** @param args see {@link publicationOf} @throws {@link InvalidArgumentError} */
  publish(target: string | MessageContract, args: readonly unknown[]): TestKitFlow {
    const { subject, publish } = publicationOf(this.connections(), target, args);
    return this.follow(`The message to "${subject}"`, publish);
  }

  /** Follows what a function does, and what begins outside of any other flow until it has ended. */
  track<Result>(act: () => Result | Promise<Result>): TestKitFlow<Result> {
    return this.follow('The action of the test', act, true);
  }

  /**
   * Follows what a function does.
   *
   * @param name what it does, for errors
   * @param adopts whether what begins outside of any other flow belongs to it until the function has ended
   */
  follow<Result>(name: string, act: () => Result | Promise<Result>, adopts = false): TestKitFlow<Result> {
    const { tracker } = this;
    warnOfFakeTimers(tracker.logger);
    const flow = tracker.open();
    const release = adopts ? tracker.adopt(flow) : () => undefined;
    const result = tracker.inside(flow, async () => {
      try {
        return await act();
      } finally {
        release();
      }
    });
    return new TestKitFlow(name, flow, result, this.timeout, tracker);
  }
}
