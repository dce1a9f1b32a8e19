import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorStack, errorText } from '../../reporting/index.js';
import { pendingThenable } from '../../user-code/index.js';
import { afterFailedHook, messageName, type Settlement, type SettlementPolicy } from '../settlement/index.js';

/**
 * Calls hooks that users wrote. If a hook throws, the error is reported. The handler runs in spite of an error of
 * `onStart`; after an error of the other hooks, a message without settlement is delivered again after `ackWait`.
 */
export class GuardedSettlement implements Settlement {
  private readonly logger = new Logger('Settlement');

  constructor(private readonly hooks: Settlement) {}

  onStart(message: JetStreamMessage, policy: SettlementPolicy): void {
    // The handler does not wait for this hook.
    void this.guard('onStart', message, policy, () => this.hooks.onStart(message, policy));
  }

  onSuccess(message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    return this.guard('onSuccess', message, policy, () => this.hooks.onSuccess(message, policy));
  }

  onFailure(cause: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    return this.guard('onFailure', message, policy, () => this.hooks.onFailure(cause, message, policy));
  }

  private guard(
    hook: string,
    message: JetStreamMessage,
    policy: SettlementPolicy,
    call: () => unknown,
  ): void | Promise<void> {
    const failed = (error: unknown): void => this.report(hook, error, message, policy);
    try {
      return pendingThenable(call())?.then(() => undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  private report(hook: string, error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void {
    const name = `${this.hooks.constructor.name}.${hook}`;
    const what = messageName(message, policy);
    this.logger.error(
      hook === 'onStart'
        ? `${what}: ${name} failed: ${errorText(error)}. The handler is called nevertheless.`
        : `${what} was not settled by ${name}, which failed: ${errorText(error)}. ${afterFailedHook(message, policy)}`,
      errorStack(error),
    );
  }
}
